"""How long does a press wait for its answer with 100 and with 1,000 frames waiting before it?"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from bench.answer import Answer, Curve, Series, at_most
from bench.naive import Naive
from edge_agent.benchmark.busy_pool import BusyPool
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
    service, naive_ms = [], []
    waited: dict[int, list[float]] = {count: [] for count in WAITING}
    with (
        BusyPool(settings, setup.detectors, setup.frames) as ours,
        Naive(setup.choice, setup.frames, workers=setup.workers) as naive,
    ):
        for number in range(3 * setup.rounds):
            service.append(_press(ours))
            for count in WAITING:
                waited[count].append(_press_behind(ours, count))
            if number % 6 == 0:
                naive_ms.append(_naive_press(naive))
        depth = _drain(ours, NAIVE_WAITING)
    return _answer(service, waited, naive_ms, depth)


def _answer(
    service: list[float], waited: dict[int, list[float]], naive_ms: list[float], depth: tuple[tuple[float, float], ...]
) -> Answer:
    unloaded = Series("press, nothing waiting", "ms", tuple(service))
    flooded = {count: Series(f"press, {count} waiting", "ms", tuple(values)) for count, values in waited.items()}
    naive = Series(f"naive pool, {NAIVE_WAITING} waiting", "ms", tuple(naive_ms))
    targets = [
        at_most(f"press with {count} waiting, p95, over an unloaded press", each.percentile(95) / unloaded.median, 2.2)
        for count, each in flooded.items()
    ]
    return Answer(
        __doc__ or "", (unloaded, *flooded.values(), naive), (Curve(PLOT, "frames waiting", depth),), tuple(targets)
    )


def _press(ours: BusyPool) -> float:
    began_s = time.monotonic()
    ours.offer(Trigger.PRESS)
    ours.outcomes.get()
    return (time.monotonic() - began_s) * 1000


def _press_behind(ours: BusyPool, count: int) -> float:
    """Let `count` frames wait, press, and return the milliseconds to the press's answer; the others expire."""
    for number in range(count + ours.workers):
        ours.offer(Trigger.MOTION, f"door-{number % DOORS}", expiry_s=EXPIRY_S[count])
    ours.pool.view()  # all requests before this one are done when it returns
    began_s = time.monotonic()
    pressed = str(ours.offer(Trigger.PRESS, "pressed"))
    left = count + ours.workers
    while ours.outcomes.get().frame.frame_id != pressed:
        left -= 1
    took_ms = (time.monotonic() - began_s) * 1000
    for _ in range(left):
        ours.outcomes.get()
    return took_ms


def _naive_press(naive: Naive) -> float:
    jobs = [naive.offer_next() for _ in range(NAIVE_WAITING)]
    began_s = time.monotonic()
    naive.offer_next().result()
    took_ms = (time.monotonic() - began_s) * 1000
    for job in jobs:
        job.result()
    return took_ms


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
