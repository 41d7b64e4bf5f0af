"""Two public-domain photographs, cut out of their background."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

from edge_agent.demo.visitor_files import resolve_visitors
from edge_agent.errors import DemoUnavailableError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy.typing as npt

    Image = npt.NDArray[np.uint8]

Outline = tuple[tuple[int, int], ...]

_GRABCUT_ROUNDS: Final = 2
_FEATHER_SIGMA_PX: Final = 1.5


@dataclass(frozen=True, slots=True)
class Visitor:
    """A photograph, and the person's outline in pixels.

    Everything in `inside` is the person, everything outside `around` is not, and GrabCut finds the edge between
    them. `pixels_per_metre` is the picture's scale; it ends `hem_m` above the ground, and `half_width_m` and
    `clothes` (BGR) shape the drawn part below that.
    """

    name: str
    inside: tuple[Outline, ...]
    around: Outline
    pixels_per_metre: float
    height_m: float
    hem_m: float
    half_width_m: float
    clothes: tuple[int, int, int]


@dataclass(frozen=True, slots=True, eq=False)
class CutOut:
    """A person without background: height x width x 3 (uint8, BGR), and opacity 0..1 (float32, height x width)."""

    visitor: Visitor
    pixels: Image
    opacity: npt.NDArray[np.float32]


def read_visitors(paths: Sequence[Path] = ()) -> list[CutOut]:
    """Return the person of each photograph, from the files at `paths` or the default folders."""
    return [cut_out(*each) for each in zip(VISITOR_PICTURES, paths or resolve_visitors(), strict=True)]


def cut_out(visitor: Visitor, path: Path) -> CutOut:
    """Read a photograph and cut the person out."""
    pixels = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if pixels is None:
        message = f"the picture {path} cannot be read"
        raise DemoUnavailableError(message)
    picture = np.asarray(pixels, np.uint8)
    return CutOut(visitor, picture, _opacity(picture, visitor))


def _opacity(picture: Image, visitor: Visitor) -> npt.NDArray[np.float32]:
    labels = np.full(picture.shape[:2], cv2.GC_BGD, np.uint8)
    cv2.fillPoly(labels, [np.array(visitor.around, np.int32)], (cv2.GC_PR_FGD,))
    cv2.fillPoly(labels, [np.array(outline, np.int32) for outline in visitor.inside], (cv2.GC_FGD,))
    background, foreground = np.zeros((1, 65)), np.zeros((1, 65))
    box = (0, 0, 1, 1)  # not used with a mask
    cv2.grabCut(picture, labels, box, background, foreground, _GRABCUT_ROUNDS, cv2.GC_INIT_WITH_MASK)
    person = np.isin(labels, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.uint8)
    for operation, size in ((cv2.MORPH_CLOSE, 9), (cv2.MORPH_OPEN, 7), (cv2.MORPH_ERODE, 3)):
        person = np.asarray(cv2.morphologyEx(person, operation, np.ones((size, size), np.uint8)), np.uint8)
    return np.asarray(cv2.GaussianBlur(person.astype(np.float32), (0, 0), _FEATHER_SIGMA_PX), np.float32)


ASTRONAUT: Final = Visitor(
    name="Eileen Collins",
    inside=(
        (
            (165, 50), (195, 25), (260, 25), (290, 60), (290, 105), (268, 120), (255, 150), (250, 175), (300, 220),
            (290, 260), (340, 300), (350, 340), (300, 511), (120, 511), (40, 480), (50, 330), (90, 240), (130, 220),
            (128, 180), (186, 165), (186, 130), (170, 112),
        ),
        ((330, 370), (380, 350), (420, 354), (460, 385), (485, 430), (488, 511), (290, 511), (285, 440)),
    ),
    around=(
        (150, 70), (165, 25), (200, 10), (260, 10), (295, 35), (304, 75), (298, 115), (272, 130), (258, 160),
        (262, 180), (300, 210), (315, 240), (350, 280), (360, 345), (375, 342), (422, 344), (470, 375), (500, 430),
        (511, 511), (15, 511), (20, 470), (30, 320), (50, 260), (108, 210), (112, 178), (150, 150), (184, 147),
        (182, 130), (160, 112),
    ),
    pixels_per_metre=610.0,
    height_m=1.74,
    hem_m=0.93,
    half_width_m=0.24,
    clothes=(38, 84, 196),
)  # fmt: skip

ADMIRAL: Final = Visitor(
    name="Grace Hopper",
    inside=(
        (
            (155, 95), (180, 75), (220, 35), (270, 25), (318, 42), (345, 85), (367, 100), (362, 170), (360, 230),
            (350, 265), (330, 310), (400, 365), (480, 395), (505, 430), (505, 599), (25, 599), (45, 395), (120, 365),
            (190, 335), (198, 290), (180, 250), (165, 180),
        ),
    ),
    around=(
        (146, 105), (172, 82), (178, 60), (215, 30), (270, 18), (325, 30), (350, 70), (372, 92), (374, 150),
        (378, 190), (370, 230), (362, 280), (334, 312), (350, 330), (400, 350), (470, 378), (495, 390), (511, 425),
        (511, 599), (10, 599), (26, 420), (42, 382), (120, 350), (192, 326), (196, 300), (172, 282), (160, 240),
        (152, 200), (148, 160),
    ),
    pixels_per_metre=880.0,
    height_m=1.68,
    hem_m=1.0,
    half_width_m=0.2,
    clothes=(34, 22, 20),
)  # fmt: skip

VISITOR_PICTURES: Final = (ASTRONAUT, ADMIRAL)
"""In the order of their files."""
