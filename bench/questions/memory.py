"""How much memory do agent and workers hold, and does it stay flat?"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from bench.answer import Answer, Curve, Series, at_most
from bench.through_broker import ThroughBroker
from edge_agent.benchmark.processes import memory_mb

if TYPE_CHECKING:
    from bench.setup import Setup

SPANS: Final = 20
PLOT: Final = "memory over time"


def measure(setup: Setup) -> Answer:
    """Run at full load, presses among the frames, and read each process's unique memory (USS)."""
    parent: list[tuple[float, float]] = []
    workers: list[tuple[float, float]] = []
    most: list[float] = []
    with ThroughBroker(setup.frames, setup.workers) as agent:
        began_s = time.monotonic()
        for _ in range(SPANS):
            agent.run(setup.burst_s)
            agent.send_and_wait("front", trigger="press")
            first, *others = (memory_mb(process.pid) for process in agent.processes())
            elapsed_s = time.monotonic() - began_s
            parent.append((elapsed_s, first))
            workers.append((elapsed_s, sum(others)))
            most.append(max(others))
    series = (
        Series("agent process", "MB", tuple(mb for _, mb in parent)),
        Series("its workers and fork server together", "MB", tuple(mb for _, mb in workers)),
        Series("the largest worker", "MB", tuple(most)),
    )
    curves = (Curve(PLOT, "agent process", tuple(parent)), Curve(PLOT, "workers", tuple(workers)))
    return Answer(__doc__ or "", series, curves, (at_most("a worker's memory", max(most), 200, " MB"),))
