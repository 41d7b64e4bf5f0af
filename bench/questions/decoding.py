"""How long does decoding a 1080p JPEG take, by encoder and reduction?"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

from bench.answer import Answer, Series
from bench.frames import ENCODERS, jpegs

if TYPE_CHECKING:
    from bench.setup import Setup

WAYS: Final = {
    "full": cv2.IMREAD_COLOR,
    "half (what a worker does)": cv2.IMREAD_REDUCED_COLOR_2,
    "quarter": cv2.IMREAD_REDUCED_COLOR_4,
}


def measure(setup: Setup) -> Answer:
    """Decode the same pictures of several encoders, all ways in turn; CPU time of one thread."""
    cv2.setNumThreads(1)
    written = {encoder: jpegs(setup.images, encoder) for encoder in ENCODERS}
    took: dict[tuple[str, str], list[float]] = {(encoder, way): [] for encoder in written for way in WAYS}
    for _ in range(3 * setup.rounds):
        for (encoder, way), values in took.items():
            values.append(_decode_all(written[encoder], WAYS[way]))
    return Answer(
        __doc__ or "",
        tuple(Series(f"{encoder}, {way}", "ms", tuple(values)) for (encoder, way), values in took.items()),
    )


def _decode_all(files: list[bytes], flag: int) -> float:
    began_s = time.thread_time()
    for data in files:
        cv2.imdecode(np.frombuffer(data, np.uint8), flag)
    return (time.thread_time() - began_s) * 1000 / len(files)
