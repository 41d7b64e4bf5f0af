"""What does each way of saving processor time save: a frame with all of them, without one, and without any?"""

from __future__ import annotations

import contextlib
import functools
from collections import defaultdict
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

from bench.answer import Answer, Series, ratios
from bench.plain_loop import PLAIN_SIDE, plain_detection
from edge_agent.benchmark.limit import Limit, bare_detection
from edge_agent.detectors import yunet
from edge_agent.platform.malloc import return_large_blocks

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.setup import Setup
    from edge_agent.wire import DetectorChoice

ALL: Final = "with all"
NONE: Final = "without any: the plain loop"
WHOLE_BYTES: Final = 16 << 20
"""More than a whole picture of 1080p, which is kept from frame to frame too."""


def measure(setup: Setup) -> Answer:
    """Run a process per core with each variant in turn."""
    took: defaultdict[str, list[float]] = defaultdict(list)
    with contextlib.ExitStack() as resources:
        variants = {
            name: resources.enter_context(
                Limit(setup.choice, setup.frames, processes=setup.workers, make_detect=make_detect)
            )
            for name, make_detect in VARIANTS.items()
        }
        for _ in range(setup.rounds):
            for name, variant in variants.items():
                took[name].append(variant.run(setup.burst_s).cpu_ms)
    times = {name: Series(name, "ms/frame", tuple(values)) for name, values in took.items()}
    shares = [ratios(f"{name} / {ALL}", each, times[ALL]) for name, each in times.items() if name != ALL]
    return Answer(__doc__ or "", (*times.values(), *shares), remarks=("processor time; bare processes",))


def decoded_whole(choice: DetectorChoice) -> Callable[[bytes], int]:
    """Decode the whole picture instead of a reduced one."""
    cv2.setNumThreads(1)
    detector = yunet.YuNet(choice)
    return_large_blocks(WHOLE_BYTES)

    def detect(data: bytes) -> int:
        pixels = np.asarray(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR), np.uint8)
        return len(detector.detect(pixels))

    return detect


def at_640_pixels(choice: DetectorChoice) -> Callable[[bytes], int]:
    """Use the input size that the network was published with."""
    yunet.YuNet.side = PLAIN_SIDE
    return bare_detection(choice)


VARIANTS: Final[dict[str, Callable[[DetectorChoice], Callable[[bytes], int]]]] = {
    ALL: bare_detection,
    "without keeping memory": functools.partial(bare_detection, keeps_memory=False),
    "without reduced decoding": decoded_whole,
    "without the smaller input": at_640_pixels,
    NONE: plain_detection,
}
