"""What a doorbell sees when nobody is there: a porch, a path, a garden, a street in the evening. Drawn, not taken."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

from edge_agent.demo.lens import LENS

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    Image = npt.NDArray[np.uint8]
    Floats = npt.NDArray[np.float32]

Colour = tuple[int, int, int]
Metres = tuple[float, float, float]
"""Sideways, up, away from the door."""

SEED: Final = 7
SKY: Final = ((168, 128, 92), (176, 190, 236))
"""Overhead and at the horizon (BGR, as all colours here): shortly after sunset."""
LAWN: Final = (46, 92, 66)
PATH: Final = (128, 140, 150)
JOINT: Final = (92, 102, 110)
STREET: Final = (92, 88, 86)
KERB: Final = (150, 152, 154)
HEDGE: Final = (36, 70, 44)
TREES: Final = (58, 76, 62)
BOARDS: Final = (74, 104, 140)
GAP: Final = (44, 62, 86)
POST: Final = (206, 214, 220)
POST_SHADE: Final = (150, 158, 168)
WINDOW: Final = (120, 200, 250)
HOUSES: Final = (
    (-13.0, 9.0, (96, 104, 128), (58, 60, 78)),
    (2.5, 8.0, (120, 120, 118), (66, 62, 66)),
    (15.0, 10.0, (88, 108, 122), (52, 58, 72)),
)
"""Left edge and width in metres, wall, roof."""


@functools.cache
def scenery() -> Image:
    """Return the empty scene (height x width x 3, uint8, BGR); treat it as read-only."""
    random = np.random.default_rng(SEED)
    image = _sky()
    _houses(image)
    _trees(image, random)
    _ground(image, random)
    _path(image)
    _hedges(image, random)
    _porch(image)
    return np.asarray(_lamp_light(_vignette(image)), np.uint8)


def _sky() -> Image:
    overhead, horizon = (np.array(colour, np.float32) for colour in SKY)
    share = np.linspace(0, 1, LENS.height, dtype=np.float32)[:, None, None] * LENS.height / LENS.horizon_px
    column = overhead + (horizon - overhead) * np.clip(share, 0, 1) ** 1.6
    return np.repeat(column, LENS.width, axis=1).astype(np.uint8)


def _area(image: Image, corners: Sequence[Metres], colour: Colour) -> None:
    """Fill the polygon of points in front of the door."""
    points = np.array([LENS.point(*corner) for corner in corners], np.int32)
    cv2.fillPoly(image, [points], colour, cv2.LINE_AA)


def _rectangle(left: float, right: float, low: float, high: float, away: float) -> list[Metres]:
    """Return the corners of an upright rectangle."""
    return [(left, low, away), (right, low, away), (right, high, away), (left, high, away)]


def _floor(left: float, right: float, near: float, far: float) -> list[Metres]:
    """Return the corners of a rectangle on the ground."""
    return [(left, 0, near), (right, 0, near), (right, 0, far), (left, 0, far)]


def _houses(image: Image) -> None:
    away = 24.0
    for left, width, wall, roof in HOUSES:
        right, eaves = left + width, 4.6
        _area(image, _rectangle(left, right, 0, eaves, away), wall)
        gable = [(left - 0.5, eaves, away), (right + 0.5, eaves, away), (left + width / 2, eaves + 3.2, away)]
        _area(image, gable, roof)
        for window in (left + 1.2, left + width / 2 - 0.6, right - 2.4):
            _area(image, _rectangle(window, window + 1.2, 2.2, 3.6, away), WINDOW)


def _trees(image: Image, random: np.random.Generator) -> None:
    """Draw crowns of trees behind the street, out of many soft discs."""
    for crown in (-21.0, -15.5, -1.5, 0.8, 12.8, 25.0):
        for _ in range(60):
            sideways, up = random.normal(crown, 1.3), abs(random.normal(4.2, 1.5))
            shade = random.uniform(0.7, 1.15)
            colour = tuple(int(channel * shade) for channel in TREES)
            centre = LENS.point(sideways, up, 22.0)
            cv2.circle(image, centre, int(random.uniform(8, 22)), colour, cv2.FILLED, cv2.LINE_AA)
        _area(image, _rectangle(crown - 0.2, crown + 0.2, 0, 3.5, 22.0), (40, 48, 58))
    top = image[: LENS.point(0, 0, 20.0)[1]]
    top[:] = cv2.GaussianBlur(top, (0, 0), 1.6)


def _ground(image: Image, random: np.random.Generator) -> None:
    for near, far, colour in ((15.0, 60.0, LAWN), (11.0, 16.0, KERB), (11.4, 15.6, STREET), (0.3, 11.0, LAWN)):
        _area(image, _floor(-80, 80, near, far), colour)
    start = LENS.point(0, 0, 11.0)[1]
    rows, columns = LENS.height - start, LENS.width
    fine = random.normal(0, 9, (rows, columns)).astype(np.float32)
    coarse = cv2.resize(
        random.normal(0, 7, (24, 60)).astype(np.float32), (columns, rows), interpolation=cv2.INTER_CUBIC
    )
    image[start:] = np.clip(image[start:] + (fine + coarse)[:, :, None], 0, 255).astype(np.uint8)


def _path(image: Image) -> None:
    """Draw flagstones from the porch to the street."""
    _area(image, _floor(-0.8, 0.8, 1.2, 11.0), PATH)
    rows = 1.2 * (11.0 / 1.2) ** np.linspace(0, 1, 15)
    for number, away in enumerate(rows):
        cv2.line(image, LENS.point(-0.8, 0, away), LENS.point(0.8, 0, away), JOINT, max(1, int(6 / away)), cv2.LINE_AA)
        if number + 1 < len(rows):
            middle = 0.25 if number % 2 else -0.2
            ends = (LENS.point(middle, 0, away), LENS.point(middle, 0, rows[number + 1]))
            cv2.line(image, *ends, JOINT, max(1, int(6 / away)), cv2.LINE_AA)


def _hedges(image: Image, random: np.random.Generator) -> None:
    """Draw a hedge on each side of the garden, leaf by leaf."""
    for side in (-1.0, 1.0):
        corners = [(side * 3.2, 0, 3.0), (side * 3.2, 1.25, 3.0), (side * 3.6, 1.2, 11.0), (side * 3.6, 0, 11.0)]
        _area(image, corners, HEDGE)
        for _ in range(2600):
            away = random.uniform(3.0, 11.0)
            centre = LENS.point(side * (3.15 + away * 0.04 + random.normal(0, 0.05)), random.uniform(0.0, 1.3), away)
            shade = random.uniform(0.65, 1.45)
            colour = tuple(int(channel * shade) for channel in HEDGE)
            cv2.circle(image, centre, max(1, int(LENS.scale(away) * 0.035)), colour, cv2.FILLED, cv2.LINE_AA)


def _porch(image: Image) -> None:
    """Draw boards underfoot, a post on each side and the beam of the roof."""
    _area(image, _floor(-6, 6, 0.4, 1.25), BOARDS)
    for sideways in np.arange(-6, 6.1, 0.14):
        cv2.line(image, LENS.point(sideways, 0, 0.4), LENS.point(sideways, 0, 1.25), GAP, 1, cv2.LINE_AA)
    _area(image, [(-6, 0, 1.25), (6, 0, 1.25), (6, -0.12, 1.25), (-6, -0.12, 1.25)], GAP)
    for side in (-1.0, 1.0):
        _rail(image, side)
        _area(image, _rectangle(side * 1.12, side * 1.26, -0.12, 2.6, 1.25), POST)
        _area(image, _rectangle(side * 1.12, side * 1.145, -0.12, 2.6, 1.25), POST_SHADE)
    _area(image, _rectangle(-6, 6, 2.02, 3.2, 1.2), POST_SHADE)
    _area(image, _rectangle(-6, 6, 2.02, 2.05, 1.2), GAP)


def _rail(image: Image, side: float) -> None:
    _area(image, _rectangle(side * 1.2, side * 3.0, 0.86, 0.93, 1.25), POST)
    _area(image, _rectangle(side * 1.2, side * 3.0, 0.1, 0.15, 1.25), POST)
    for baluster in np.arange(1.34, 3.0, 0.15):
        _area(image, _rectangle(side * baluster, side * (baluster + 0.03), 0.12, 0.88, 1.25), POST)


def _vignette(image: Image) -> Floats:
    """Darken the corners, as small lenses do."""
    y, x = np.mgrid[-1 : 1 : LENS.height * 1j, -1 : 1 : LENS.width * 1j]
    light = 1.0 - 0.34 * np.clip(x**2 * 0.75 + y**2 * 0.6, 0, 1) ** 1.3
    return np.asarray(image * light[:, :, None], np.float32)


def _lamp_light(image: Floats) -> Floats:
    """Add the warm light of the lamp above the door, which is behind the camera."""
    y, x = np.mgrid[0 : LENS.height, 0 : LENS.width].astype(np.float32)
    glow = np.exp(-(((x - LENS.width / 2) / 620) ** 2) - ((y - LENS.height * 1.05) / 330) ** 2)
    warm = np.array((16, 38, 58), np.float32)
    return np.asarray(np.clip(image + glow[:, :, None] * warm, 0, 255), np.float32)
