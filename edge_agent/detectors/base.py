"""What a detector is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import numpy.typing as npt

    from edge_agent.wire import Face

LOWEST_CONFIDENCE = 0.15
"""Detectors report nothing below this: it costs time, and means nothing even in the dark."""


class Detector(Protocol):
    """Finds faces in one picture at a time, in one process, for that process's life.

    Constructing one loads the model and raises DetectorUnavailableError, with the reason, where it cannot run.
    """

    strategy: str
    model: str
    uses_pixels: bool
    """Whether it looks at the pixels at all, so that brighter ones help: False for a scripted one."""
    side: int
    """Length in pixels of the longer side that the network looks at; a picture need not be decoded larger."""

    def detect(self, image: npt.NDArray[np.uint8]) -> list[Face]:
        """Return the faces, best first, in pixels of `image` (height x width x 3, uint8, BGR).

        Confidences lie in LOWEST_CONFIDENCE..1 and mean about the same on every detector, by day.
        """
        ...

    def close(self) -> None:
        """Release what the detector holds."""
        ...


@runtime_checkable
class BatchDetector(Detector, Protocol):
    """A detector that looks at several pictures at once in less time than at one after the other."""

    batch: int
    """How many at the most."""

    def detect_all(self, images: Sequence[npt.NDArray[np.uint8]]) -> list[list[Face]]:
        """Return the faces of each picture, as `detect` does."""
        ...
