"""How long does a press wait for its answer with 100 and with 1,000 queued frames?"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from bench.answer import Answer, Curve, Series, at_most
from bench.naive import Naive
from edge_agent.benchmark.busy_pool import BusyPool
from edge_agent.benchmark.flood import Flood
from edge_agent.benchmark.short import by_picture
from edge_agent.domain import Trigger

if TYPE_CHECKING:
    from concurrent.futures import Future

    from bench.setup import Setup

FLOODS: Final = {100: 1, 1000: 6}
"""By how many wait: in each how manieth turn, since all that waited are looked at in the end."""
PRESSES: Final = 6
"""Presses in each flood."""
DOORS: Final = 50
NAIVE_WAITING: Final = 100
REMARKS: Final = (
    "the queue is kept full, and the press arrives at a time that does not depend on the workers",
    "the second stage runs in a press frame if the first stage is unsure, whether frames are waiting or not",
)
PLOT: Final = "queue under flood"
POLL_INTERVAL_S: Final = 0.05


def measure(setup: Setup) -> Answer:
    """Keep frames queued, press, and time the answer; in turn with the naive pool and an idle pool."""
    queue = setup.settings.queue.model_copy(
        update={"max_frames": 2 * max(FLOODS), "motion_per_doorbell": max(FLOODS), "max_megabytes": 2000}
    )
    settings = setup.settings.model_copy(update={"queue": queue})
    alone, naive_ms = [], []
    waited: dict[int, list[tuple[int, float]]] = {count: [] for count in FLOODS}
    with (
        BusyPool(settings, setup.detectors, setup.frames) as ours,
        Naive(setup.choice, setup.frames, workers=setup.workers) as naive,
    ):
        for number in range(3 * setup.rounds):
            alone += [ours.run_one(Trigger.PRESS) for _ in setup.frames]
            for count, turns in FLOODS.items():
                if number % turns == 0:
                    waited[count] += Flood(ours, count + ours.workers, DOORS, seed=number).press(PRESSES)
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
        targets.append(at_most(f"{share.name}, p95", share.percentile(95), 2.0))
    series.append(Series(f"naive pool, {NAIVE_WAITING} waiting", "ms", tuple(naive_ms)))
    return Answer(__doc__ or "", tuple(series), curves, tuple(targets), REMARKS)


def _naive_press(naive: Naive) -> float:
    jobs = [naive.offer_next() for _ in range(NAIVE_WAITING)]
    began_s = time.monotonic()
    naive.offer_next().result()
    took_ms = (time.monotonic() - began_s) * 1000
    for job in jobs:
        job.result()
    return took_ms


def _naive_drain(naive: Naive) -> tuple[tuple[float, float], ...]:
    """Submit frames at once and return how many are unanswered, over the seconds; the caller decodes each first."""
    jobs: list[Future[int]] = []
    began_s = time.monotonic()
    depth: list[tuple[float, float]] = []
    while not depth or depth[-1][1]:
        if len(jobs) < NAIVE_WAITING:
            jobs.append(naive.offer_next())
        else:
            time.sleep(POLL_INTERVAL_S)
        depth.append((time.monotonic() - began_s, NAIVE_WAITING - sum(job.done() for job in jobs)))
    return tuple(depth)


def _drain(ours: BusyPool, count: int) -> tuple[tuple[float, float], ...]:
    """Offer frames at once and return how many are unanswered, over the seconds."""
    began_s = time.monotonic()
    for number in range(count):
        ours.offer(Trigger.MOTION, f"door-{number % DOORS}")
    depth: list[tuple[float, float]] = []
    while not depth or depth[-1][1]:
        depth.append((time.monotonic() - began_s, count - ours.outcomes.qsize()))
        time.sleep(POLL_INTERVAL_S)
    for _ in range(count):
        ours.take()
    return tuple(depth)
