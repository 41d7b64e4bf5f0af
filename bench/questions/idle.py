"""What does an idle agent cost, without frames and at one frame a second?"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from bench.answer import Answer, Series, at_most
from bench.through_broker import ThroughBroker
from edge_agent.benchmark.limit import Limit
from edge_agent.benchmark.processes import own_cpu_seconds

if TYPE_CHECKING:
    from bench.setup import Setup

SPAN_S: Final = 6
BESIDE: Final = "one frame a second, all but decoding and inference"


def measure(setup: Setup) -> Answer:
    """Let the agent idle, then send a frame a second, in turn; read the CPU time of its processes."""
    still, parent, beside = [], [], []
    with ThroughBroker(setup.frames, setup.workers) as agent, Limit(setup.choice, setup.frames, processes=1) as limit:
        for _ in range(max(2, setup.rounds // 2)):
            still.append(sum(_span(agent, frames=False)))
            of_parent, of_workers = _span(agent, frames=True)
            parent.append(of_parent)
            beside.append(of_parent + of_workers - limit.run(setup.burst_s).cpu_ms / 10)
    series = (
        Series("no frame, all processes", "% of a core", tuple(still)),
        Series("one frame a second, the parent", "% of a core", tuple(parent)),
        Series(BESIDE, "% of a core", tuple(beside)),
    )
    remark = "decoding and inference: their cost in a bare process; the last line includes the snapshots"
    return Answer(
        __doc__ or "", series, targets=(at_most(BESIDE, series[2].median, 1.0, " % of a core"),), remarks=(remark,)
    )


def _span(agent: ThroughBroker, *, frames: bool) -> tuple[float, float]:
    """Return the percent of a core of the parent and the workers."""
    processes = agent.processes()
    before = [own_cpu_seconds(process) for process in processes]
    began_s = time.monotonic()
    for second in range(SPAN_S):
        if frames:
            agent.send_and_wait()
        time.sleep(max(0.0, began_s + second + 1 - time.monotonic()))
    wall_s = time.monotonic() - began_s
    parent_s, *workers_s = (own_cpu_seconds(process) - first for process, first in zip(processes, before, strict=True))
    return 100 * parent_s / wall_s, 100 * sum(workers_s) / wall_s
