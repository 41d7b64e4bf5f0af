"""Does every doorbell get its share, among 1 to 64 doorbells with one noisy?"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from bench.answer import Answer, Curve, Series, at_least
from edge_agent.benchmark.busy_pool import BusyPool
from edge_agent.domain import DetectorPlan, Trigger
from edge_agent.wire import Detected
from testing.pools import scripted

if TYPE_CHECKING:
    from bench.setup import Setup

DOORS: Final = (2, 8, 64)
NOISY: Final = "noisy"
NOISE: Final = 10
"""Frames of the noisy doorbell for each one of another."""
LOOK_MS: Final = 2
ENOUGH: Final = 25
"""The fewest results per doorbell, on average: the smaller, the coarser a share."""


def measure(setup: Setup) -> Answer:
    """Keep a frame of every doorbell queued, and many more of one of them; count the processed frames."""
    plan = DetectorPlan((scripted(latency_ms=LOOK_MS),))
    shares: dict[int, list[float]] = {count: [] for count in DOORS}
    with BusyPool(setup.settings, plan, [min(setup.frames, key=len)]) as ours:
        for _ in range(max(2, setup.rounds // 3)):
            for count in DOORS:
                shares[count].append(_worst_share(ours, count))
    series = tuple(
        Series(f"{count} doorbells: the worst share", "of its due", tuple(each)) for count, each in shares.items()
    )
    targets = [at_least(each.name, min(each.values), 0.8) for each in series]
    curve = Curve("fairness", "worst share", tuple((float(count), min(each)) for count, each in shares.items()))
    remark = f"one doorbell sends {NOISE} frames for each frame of the others, and every frame is counted"
    return Answer(__doc__ or "", series, (curve,), tuple(targets), (remark,))


def _worst_share(ours: BusyPool, count: int) -> float:
    """Return the smallest share of a doorbell over its due share; each frame must be reported."""
    doors = [NOISY, *(f"door-{number}" for number in range(1, count))]
    offered = [ours.offer(Trigger.MOTION, door) for door in doors for _ in range(NOISE if door == NOISY else 2)]
    processed: Counter[str] = Counter()
    reported, open_ = 0, len(offered)
    while reported < ENOUGH * count:
        outcome = ours.outcomes.get()
        open_ -= 1
        if isinstance(outcome.result, Detected):
            reported += 1
            processed[outcome.frame.doorbell] += 1
            again = NOISE if outcome.frame.doorbell == NOISY else 1
            for _ in range(again):
                ours.offer(Trigger.MOTION, outcome.frame.doorbell)
            open_ += again
    for _ in range(open_):
        ours.outcomes.get(timeout=10.0)
    return min(processed[door] for door in doors) * count / reported
