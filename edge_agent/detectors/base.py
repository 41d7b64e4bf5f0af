"""The detector protocol."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import numpy.typing as npt

    from edge_agent.wire import Face

LOWEST_CONFIDENCE = 0.15
"""Detectors report nothing below this: it costs time, and has no meaning even in the dark."""


class Detector(Protocol):
    """Finds faces in one picture at a time, in one process, for that process's lifetime.

    The constructor loads the model and raises DetectorUnavailableError, with the reason, if it cannot run. What the
    detector holds is released when the process ends.
    """

    strategy: str
    model: str
    uses_pixels: bool
    """Whether it reads pixels, and brighter ones help: False for a scripted one."""
    side: int
    """Longer side of the network's input in pixels; a picture need not be decoded larger."""

    def detect(self, image: npt.NDArray[np.uint8]) -> list[Face]:
        """Return the faces, best first, in pixels of `image` (height x width x 3, uint8, BGR).

        Confidences lie in LOWEST_CONFIDENCE..1 and mean about the same for every detector, by day.
        """
        ...


@runtime_checkable
class BatchDetector(Detector, Protocol):
    """A detector that processes several pictures at once, faster than one after the other."""

    batch: int
    """The largest number of pictures."""

    def detect_all(self, images: Sequence[npt.NDArray[np.uint8]]) -> list[list[Face]]:
        """Return the faces of each picture, as `detect` does."""
        ...
