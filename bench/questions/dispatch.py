"""What does the agent add to a frame's time, by the size of the frame?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bench.answer import Answer, Curve, Series, at_most
from bench.through_broker import ThroughBroker

if TYPE_CHECKING:
    from bench.setup import Setup

SIZES_KB: Final = (50, 200, 500, 1000, 4000)
AIM_KB: Final = 200
NOTHING: Final = "{}"


def measure(setup: Setup) -> Answer:
    """Send frames of several sizes to an agent whose detector does nothing, one at a time, the sizes by turns."""
    small = min(setup.frames, key=len)
    took: dict[int, list[float]] = {size: [] for size in SIZES_KB}
    with ThroughBroker(
        [small],
        setup.workers,
        DETECTION__STRATEGIES="mock",
        DETECTION__MOCK_SCRIPT=NOTHING,
        DOORBELLS__PRIVACY="events_only",
    ) as agent:
        for number in range(10 * setup.rounds):
            for size in SIZES_KB:
                agent.send_padded(size * 1000, f"door-{number % DOORS}")
                timing = agent.next_of("faces").json["timing_ms"]
                took[size].append(timing["total"] - timing["decode"] - timing["inference"])
    series = tuple(Series(f"{size} kB", "ms", tuple(values)) for size, values in took.items())
    curve = Curve(
        "cost of dispatch", "median", tuple((float(size), each.median) for size, each in zip(took, series, strict=True))
    )
    target = at_most(
        f"received to assigned and done to published, {AIM_KB} kB, median",
        series[SIZES_KB.index(AIM_KB)].median,
        1.0,
        " ms",
    )
    return Answer(
        __doc__ or "",
        series,
        (curve,),
        (target,),
        ("from received to published, less decoding and looking; the pipe to the worker and back is in it",),
    )


DOORS: Final = 8
