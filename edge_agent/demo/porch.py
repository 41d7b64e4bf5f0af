"""The scene before the door with a visitor in it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

from edge_agent.demo.lens import LENS
from edge_agent.demo.scenery import scenery

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edge_agent.demo.scenery import Floats, Image
    from edge_agent.demo.visitors import CutOut, Visitor

NOISE: Final = 2.5
"""Standard deviation of the sensor's noise, in grey levels."""
NEAR_M: Final = 0.85
FAR_M: Final = 8.5
SHOES: Final = (30, 30, 34)


@dataclass(frozen=True, slots=True)
class Scene:
    """What is before the door: `visitor` None for nobody, `distance_m` away; `seed` varies noise and step."""

    visitor: CutOut | None = None
    distance_m: float = FAR_M
    sideways_m: float = 0.0
    seed: int = 0


def draw(scene: Scene) -> Image:
    """Return the picture of a scene (720 x 1280 x 3, uint8, BGR)."""
    image = scenery().copy()
    if scene.visitor is not None:
        _draw_visitor(image, scene.visitor, scene)
    noise = np.random.default_rng(scene.seed).normal(0, NOISE, (*image.shape[:2], 1))
    return np.asarray(np.clip(image + noise, 0, 255), np.uint8)


def _draw_visitor(image: Image, person: CutOut, scene: Scene) -> None:
    best_face, scale = person.best_face, LENS.scale(scene.distance_m)
    _shadow(image, scene)
    _body(image, best_face, scene)
    size = scale / best_face.pixels_per_metre
    pixels = cv2.resize(
        person.pixels, None, fx=size, fy=size, interpolation=cv2.INTER_AREA if size < 1 else cv2.INTER_CUBIC
    )
    opacity = cv2.resize(person.opacity, (pixels.shape[1], pixels.shape[0]), interpolation=cv2.INTER_AREA)
    centre, top = LENS.point(scene.sideways_m, best_face.height_m, scene.distance_m)
    light = 0.72 + 0.28 * math.exp(-(scene.distance_m - NEAR_M) / 2.5)
    lit = np.asarray(np.clip(pixels * light, 0, 255), np.uint8)
    _paste(image, lit, np.asarray(opacity, np.float32), left=centre - pixels.shape[1] // 2, top=top)


def _shadow(image: Image, scene: Scene) -> None:
    """Darken the ground around the feet."""
    centre, radius = LENS.point(scene.sideways_m, 0, scene.distance_m), LENS.scale(scene.distance_m) * 0.3
    if centre[1] - radius > LENS.height:
        return
    disc = np.zeros(image.shape[:2], np.float32)
    cv2.ellipse(disc, centre, (int(radius), int(radius / 4)), 0, 0, 360, (0.55,), cv2.FILLED)
    shade = np.asarray(cv2.GaussianBlur(disc, (0, 0), max(1.0, radius / 8)), np.float32)
    image[:] = (image * (1 - shade[:, :, None])).astype(np.uint8)


def _body(image: Image, best_face: Visitor, scene: Scene) -> None:
    """Draw what the portrait does not show: trousers, in the shade, and shoes; one foot is ahead at each step."""
    away, middle, hem = scene.distance_m, scene.sideways_m, best_face.hem_m
    crotch, step = hem - 0.22, 0.04 * (-1) ** scene.seed
    width = best_face.half_width_m
    for side in (-1, 1):
        foot = middle + side * (0.13 + step * side)
        shade = 0.62 if side < 0 else 0.54
        colour = tuple(int(channel * shade) for channel in best_face.clothes)
        leg = [(middle + side * width, hem + 0.05), (middle - side * 0.01, hem + 0.05), (middle, crotch)]
        leg += [(foot - side * 0.08, 0.05), (foot + side * 0.08, 0.05), (middle + side * width * 0.95, crotch)]
        _fill(image, leg, away, colour)
        _fill(image, [(foot - 0.08, 0.06), (foot + 0.08, 0.06), (foot + 0.1, 0.0), (foot - 0.1, 0.0)], away, SHOES)


def _fill(image: Image, corners: Sequence[tuple[float, float]], away: float, colour: tuple[int, ...]) -> None:
    points = [LENS.point(sideways, up, away) for sideways, up in corners]
    cv2.fillPoly(image, [np.array(points, np.int32)], colour, cv2.LINE_AA)


def _paste(image: Image, pixels: Image, opacity: Floats, *, left: int, top: int) -> None:
    """Lay `pixels` over the picture where they are opaque, as far as they lie in it."""
    height, width = image.shape[:2]
    rows = slice(max(0, top), min(height, top + pixels.shape[0]))
    columns = slice(max(0, left), min(width, left + pixels.shape[1]))
    if rows.stop <= rows.start or columns.stop <= columns.start:
        return
    inside = (slice(rows.start - top, rows.stop - top), slice(columns.start - left, columns.stop - left))
    share = opacity[inside][:, :, None]
    image[rows, columns] = (image[rows, columns] * (1 - share) + pixels[inside] * share).astype(np.uint8)
