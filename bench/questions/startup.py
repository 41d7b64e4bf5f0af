"""How long from the start to the first result: of the pool alone, and of the whole program?"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from bench.answer import Answer, Series, at_most
from bench.through_broker import ThroughBroker
from edge_agent.benchmark.busy_pool import BusyPool

if TYPE_CHECKING:
    from bench.setup import Setup


def measure(setup: Setup) -> Answer:
    """Restart both several times."""
    pool, program = [], []
    for _ in range(max(3, setup.rounds // 2)):
        began_s = time.monotonic()
        with BusyPool(setup.settings, setup.detectors, setup.frames):
            pool.append(time.monotonic() - began_s)
        began_s = time.monotonic()
        with ThroughBroker(setup.frames, setup.workers):
            program.append(time.monotonic() - began_s)
    series = (
        Series("pool: to its first answer, all workers ready", "s", tuple(pool)),
        Series("program, with broker and clients: to its first answers", "s", tuple(program)),
    )
    return Answer(__doc__ or "", series, targets=(at_most("start of the pool", max(pool), 5.0, " s"),))
