"""What do pictures, visits, metrics and the frame filter cost, or save?"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from bench.answer import Answer, Series, ratios
from bench.frames import jpegs
from bench.through_broker import ThroughBroker
from edge_agent.benchmark.busy_pool import BusyPool
from edge_agent.demo.porch import Scene, draw
from edge_agent.doorbells.visits import Visits
from edge_agent.telemetry.timings import Timings
from edge_agent.wire import SnapshotMode
from testing import values

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.setup import Setup

CALLS: Final = 500
ASKED: Final = 20
SCENES: Final = 8
SIZE: Final = (1280, 720)


def measure(setup: Setup) -> Answer:
    """Run with and without each in turn; parts that cannot be switched off are called directly."""
    drawn, plain, gated, ungated = [], [], [], []
    with (
        BusyPool(setup.settings, setup.detectors, setup.frames) as ours,
        ThroughBroker(empty_scene(), setup.workers) as with_gate,
        ThroughBroker(empty_scene(), setup.workers, DOORBELLS__SKIP_UNCHANGED="false") as without_gate,
    ):
        for _ in range(setup.rounds):
            plain.append(ours.run(setup.burst_s).cpu_ms)
            drawn.append(ours.run(setup.burst_s, SnapshotMode.ALWAYS).cpu_ms)
            gated.append(with_gate.cost(ASKED))
            ungated.append(without_gate.cost(ASKED))
    with_pictures = Series("a frame, with its pictures drawn", "ms", tuple(drawn))
    without_pictures = Series("a frame, without", "ms", tuple(plain))
    skipping, looking = (
        Series("an empty scene, gate on", "ms", tuple(gated)),
        Series("an empty scene, gate off", "ms", tuple(ungated)),
    )
    return Answer(
        __doc__ or "",
        (
            with_pictures,
            without_pictures,
            looking,
            skipping,
            ratios("gate on / gate off", skipping, looking),
            Series("a visit's part in a frame", "ms", tuple(_visits(3 * setup.rounds))),
            Series("the metrics' part in a frame", "ms", tuple(_timings(3 * setup.rounds))),
        ),
        remarks=("processor time of all processes, per frame",),
    )


def empty_scene() -> list[bytes]:
    """Return pictures without a person that differ only by a camera's noise."""
    return [jpegs([draw(Scene(seed=seed))], size=SIZE)[0] for seed in range(SCENES)]


def _visits(rounds: int) -> list[float]:
    visits = Visits(30.0, lambda: "visit")
    outcome = values.outcome()
    return _timed(rounds, lambda: visits.on_outcome(outcome, datetime.now(UTC)))


def _timings(rounds: int) -> list[float]:
    timings = Timings(0.0)
    outcome = values.outcome()
    return _timed(rounds, lambda: timings.record(outcome, 1.0))


def _timed(rounds: int, call: Callable[[], object]) -> list[float]:
    took = []
    for _ in range(rounds):
        began_s = time.perf_counter()
        for _ in range(CALLS):
            call()
        took.append((time.perf_counter() - began_s) * 1000 / CALLS)
    return took
