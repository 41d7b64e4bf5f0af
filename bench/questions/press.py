"""How long does a press wait for its answer with 100 and with 1,000 frames waiting before it?"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from bench.answer import Answer, Curve, Series, at_most
from bench.naive import Naive
from edge_agent.benchmark.busy_pool import BusyPool
from edge_agent.benchmark.short import by_picture
from edge_agent.model import Trigger

if TYPE_CHECKING:
    from bench.setup import Setup

EXPIRY_S: Final = {100: 0.5, 1000: 2.0}
"""By how many wait: time enough to offer them all and to press."""
WAITING: Final = tuple(EXPIRY_S)
DOORS: Final = 50
NAIVE_WAITING: Final = 100
PLOT: Final = "queue under flood"
LOOK_EVERY_S: Final = 0.05


def measure(setup: Setup) -> Answer:
    """Let frames wait, press, and time the answer; by turns with the naive pool and an idle pool."""
    queue = setup.settings.queue.model_copy(
        update={"max_frames": 2 * max(WAITING), "motion_per_doorbell": max(WAITING), "max_megabytes": 2000}
    )
    settings = setup.settings.model_copy(update={"queue": queue})
    alone, naive_ms = [], []
    waited: dict[int, list[tuple[int, float]]] = {count: [] for count in WAITING}
    with (
        BusyPool(settings, setup.detectors, setup.frames) as ours,
        Naive(setup.choice, setup.frames, workers=setup.workers) as naive,
    ):
        for number in range(3 * setup.rounds):
            alone += [_press(ours) for _ in setup.frames]
            for count in WAITING:
                waited[count].append(_press_behind(ours, count))
            if number % 6 == 0:
                naive_ms.append(_naive_press(naive))
        curves = (
            Curve(PLOT, "edge-agent", _drain(ours, NAIVE_WAITING)),
            Curve(PLOT, "naive pool", _naive_drain(naive)),
        )
    return _answer(alone, waited, naive_ms, curves)


def _answer(
    alone: list[tuple[int, float]],
    waited: dict[int, list[tuple[int, float]]],
    naive_ms: list[float],
    curves: tuple[Curve, ...],
) -> Answer:
    service = by_picture(alone)
    series = [Series("press, nothing waiting", "ms", tuple(ms for _, ms in alone))]
    targets = []
    for count, pressed in waited.items():
        share = Series(
            f"press, {count} waiting, over one of the same picture alone",
            "x",
            tuple(ms / service[picture] for picture, ms in pressed),
        )
        series += [Series(f"press, {count} waiting", "ms", tuple(ms for _, ms in pressed)), share]
        targets.append(at_most(f"{share.name}, p95", share.percentile(95), 2.2))
    series.append(Series(f"naive pool, {NAIVE_WAITING} waiting", "ms", tuple(naive_ms)))
    remark = "a picture of a press at which the first look is unsure is looked at twice, waiting or not"
    return Answer(__doc__ or "", tuple(series), curves, tuple(targets), (remark,))


def _press(ours: BusyPool) -> tuple[int, float]:
    """Press; return the picture, and the milliseconds to its answer."""
    began_s = time.monotonic()
    picture = ours.picture(ours.offer(Trigger.PRESS))
    ours.outcomes.get()
    return picture, (time.monotonic() - began_s) * 1000


def _press_behind(ours: BusyPool, count: int) -> tuple[int, float]:
    """Let `count` frames wait and press; return the picture, and the milliseconds to its answer; the others expire."""
    for number in range(count + ours.workers):
        ours.offer(Trigger.MOTION, f"door-{number % DOORS}", expiry_s=EXPIRY_S[count])
    ours.pool.view()  # all requests before this one are done when it returns
    began_s = time.monotonic()
    pressed = ours.offer(Trigger.PRESS, "pressed")
    left = count + ours.workers
    while ours.outcomes.get().frame.frame_id != str(pressed):
        left -= 1
    took_ms = (time.monotonic() - began_s) * 1000
    for _ in range(left):
        ours.outcomes.get()
    return ours.picture(pressed), took_ms


def _naive_press(naive: Naive) -> float:
    jobs = [naive.offer_next() for _ in range(NAIVE_WAITING)]
    began_s = time.monotonic()
    naive.offer_next().result()
    took_ms = (time.monotonic() - began_s) * 1000
    for job in jobs:
        job.result()
    return took_ms


def _naive_drain(naive: Naive) -> tuple[tuple[float, float], ...]:
    jobs = [naive.offer_next() for _ in range(NAIVE_WAITING)]
    began_s = time.monotonic()
    depth: list[tuple[float, float]] = []
    while not depth or depth[-1][1]:
        depth.append((time.monotonic() - began_s, sum(not job.done() for job in jobs)))
        time.sleep(LOOK_EVERY_S)
    return tuple(depth)


def _drain(ours: BusyPool, count: int) -> tuple[tuple[float, float], ...]:
    """Offer frames at once and return how many wait, over the seconds until none does."""
    for number in range(count):
        ours.offer(Trigger.MOTION, f"door-{number % DOORS}")
    began_s = time.monotonic()
    depth: list[tuple[float, float]] = []
    while not depth or depth[-1][1]:
        depth.append((time.monotonic() - began_s, sum(ours.pool.view().waiting.values())))
        time.sleep(LOOK_EVERY_S)
    for _ in range(count):
        ours.outcomes.get()
    return tuple(depth)
