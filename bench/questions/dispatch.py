"""What does the agent add to a frame's time, by the size of the frame?"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from bench.answer import Answer, Curve, Series, at_most
from bench.through_broker import ThroughBroker
from edge_agent.wire import SharedBuffer

if TYPE_CHECKING:
    from bench.setup import Setup

SIZES_KB: Final = (50, 200, 500, 1000, 4000)
AIM_KB: Final = 200
DOORS: Final = 8
NO_LOOK: Final = {
    "DETECTION__STRATEGIES": "mock",
    "DETECTION__MOCK_SCRIPT": "{}",
    "DOORBELLS__PRIVACY": "events_only",
}
"""A detector that does nothing, and no pictures."""
REMARKS: Final = (
    "all in: from received to published, without decoding and detection; with the worker's wake-up and the pipe",
    "the parent's part: received to assigned, the picture written, answered to published (of the agent's own metrics)",
)


def measure(setup: Setup) -> Answer:
    """Send frames of several sizes to an agent whose detector does nothing, one at a time, all sizes in turn."""
    small = min(setup.frames, key=len)
    took: dict[int, list[float]] = {size: [] for size in SIZES_KB}
    with ThroughBroker([small], setup.workers, **NO_LOOK) as agent:
        for number in range(10 * setup.rounds):
            for size in SIZES_KB:
                agent.send_padded(size * 1000, f"door-{number % DOORS}")
                timing = agent.next_of("faces").json["timing_ms"]
                took[size].append(timing["total"] - timing["decode"] - timing["inference"])
    series = tuple(Series(f"{size} kB, all in", "ms", tuple(values)) for size, values in took.items())
    curve = Curve(
        "cost of dispatch", "median", tuple((float(size), each.median) for size, each in zip(took, series, strict=True))
    )
    parts = _parent_parts(small, setup)
    target = at_most(
        f"the parent's part: received to assigned and done to published, {AIM_KB} kB, median",
        sum(part.median for part in parts),
        1.0,
        " ms",
    )
    return Answer(__doc__ or "", (*series, *parts), (curve,), (target,), REMARKS)


def _parent_parts(small: bytes, setup: Setup) -> tuple[Series, ...]:
    """Return the times of the parent's own work on a frame of AIM_KB, with a fresh agent."""
    waited = []
    with ThroughBroker([small], setup.workers, **NO_LOOK) as agent:
        for number in range(20 * setup.rounds):
            agent.send_padded(AIM_KB * 1000, f"door-{number % DOORS}")
            waited.append(agent.next_of("faces").json["timing_ms"]["queue"])
        published_ms = agent.metrics()["stage_ms"]["publish"]["p50"]
    return (
        Series(f"{AIM_KB} kB, received to assigned", "ms", tuple(waited)),
        Series(f"{AIM_KB} kB, written to the worker's memory", "ms", _writing_ms(bytes(AIM_KB * 1000), len(waited))),
        Series(f"{AIM_KB} kB, answered to published", "ms", (published_ms,)),
    )


def _writing_ms(image: bytes, count: int) -> tuple[float, ...]:
    buffer, took = SharedBuffer.create(), []
    for _ in range(count):
        began_s = time.perf_counter()
        buffer.write(image)
        took.append((time.perf_counter() - began_s) * 1000)
    buffer.close()
    return tuple(took)
