"""Labelled pictures as difficult cameras show them: close-ups, faces at the edge, a wide lens, a turned camera."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

import cv2
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy.typing as npt

    Pixels = npt.NDArray[np.uint8]
    Floats = npt.NDArray[np.float64]
    View = Callable[["Scene"], "Scene | None"]

Box = tuple[float, float, float, float]
"""Left, top, width and height, in pixels."""

HEIGHT: Final = 720
"""Of a close-up in pixels: it is scaled to a camera's size."""
ASPECT: Final = 4 / 3
LEAST_FACE_PX: Final = 48
"""A smaller face has no details to enlarge."""
CLOSE: Final = (0.6, 0.75, 0.85, 0.95)
POINTS_PER_SIDE: Final = 9
"""Points of a box's outline that are followed through a lens."""


class Scene(NamedTuple):
    """A picture (height x width x 3, uint8, BGR), its required faces, and boxes in which a detection is not counted."""

    pixels: Pixels
    boxes: Sequence[Box]
    ignore: Sequence[Box]


def close_up(scene: Scene, *, share: float) -> Scene | None:
    """Return the part around the largest face that is `share` of its height, or None if the picture is too small."""
    height, width = scene.pixels.shape[:2]
    left, top, face_width, face_height = _largest(scene)
    shown = face_height / share
    if face_height < LEAST_FACE_PX or shown > height:
        return None
    across = min(width, max(face_width, shown * ASPECT))
    x = np.clip(left + face_width / 2 - across / 2, 0, width - across)
    y = np.clip(top + face_height / 2 - shown / 2, 0, height - shown)
    part = _crop(scene, (float(x), float(y), float(across), shown))
    scale = HEIGHT / part.pixels.shape[0]
    pixels = cv2.resize(part.pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
    return Scene(np.asarray(pixels, np.uint8), _scaled(part.boxes, scale), _scaled(part.ignore, scale))


def cut_at_side(scene: Scene, *, share: float) -> Scene | None:
    """Return the picture without `share` of the largest face's width, cut where less of the picture is lost."""
    height, width = scene.pixels.shape[:2]
    left, _, face_width, face_height = _largest(scene)
    if face_height < LEAST_FACE_PX:
        return None
    if left + face_width / 2 < width / 2:
        edge = left + share * face_width
        return _crop(scene, (edge, 0, width - edge, height))
    return _crop(scene, (0, 0, left + (1 - share) * face_width, height))


def cut_at_top(scene: Scene, *, share: float) -> Scene | None:
    """Return the picture without `share` of the largest face's height, from the forehead down."""
    height, width = scene.pixels.shape[:2]
    _, top, _, face_height = _largest(scene)
    edge = top + share * face_height
    return None if face_height < LEAST_FACE_PX else _crop(scene, (0, edge, width, height - edge))


def fisheye(scene: Scene, *, strength: float) -> Scene:
    """Return the picture through a lens with barrel distortion: the centre grows by `strength`, the corners stay.

    A point at radius r (1 at the corners) shows what was at r (1 + strength r^2) / (1 + strength).
    """
    height, width = scene.pixels.shape[:2]
    centre, reach = np.array((width, height)) / 2, np.hypot(width, height) / 2
    rows, columns = np.mgrid[:height, :width]
    offset = np.stack((columns, rows), axis=-1) + 0.5 - centre
    radius = np.hypot(offset[..., 0], offset[..., 1])[..., None] / reach
    source = (offset * (1 + strength * radius**2) / (1 + strength) + centre - 0.5).astype(np.float32)
    pixels = cv2.remap(scene.pixels, source[..., 0], source[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)

    def through(boxes: Sequence[Box]) -> list[Box]:
        moved = [(_outline(box) - centre) * _growth(box, centre, reach, strength) + centre for box in boxes]
        return _inside([_around(points) for points in moved], (0, 0, width, height))

    return Scene(np.asarray(pixels, np.uint8), through(scene.boxes), through(scene.ignore))


def _growth(box: Box, centre: Floats, reach: float, strength: float) -> Floats:
    """Return how much farther from the centre each point of a box's outline is, in the lens's picture."""
    radii = np.linspace(0, 1, 1001)
    sources = radii * (1 + strength * radii**2) / (1 + strength)
    offset = _outline(box) - centre
    source = np.hypot(*offset.T) / reach
    shown = np.interp(source, sources, radii)
    growth = np.divide(shown, source, out=np.full_like(source, 1 + strength), where=source > 0)
    return np.asarray(growth, np.float64)[:, None]


def turned(scene: Scene, *, quarters: int) -> Scene:
    """Return the picture as a camera shows it that is turned clockwise by that many quarters."""
    for _ in range(quarters):
        width = scene.pixels.shape[1]
        boxes, ignore = (
            [(top, width - left - across, down, across) for left, top, across, down in each]
            for each in (scene.boxes, scene.ignore)
        )
        scene = Scene(np.rot90(scene.pixels), boxes, ignore)
    return Scene(np.ascontiguousarray(scene.pixels), scene.boxes, scene.ignore)


def _largest(scene: Scene) -> Box:
    return max(scene.boxes, key=lambda box: box[3])


def _crop(scene: Scene, window: Box) -> Scene:
    """Return a part of a picture: its largest face is required, and the others are ignored."""
    left, top, across, down = (round(value) for value in window)
    target = _largest(scene)
    others = [box for box in (*scene.boxes, *scene.ignore) if box != target]
    return Scene(
        scene.pixels[top : top + down, left : left + across],
        _inside([target], (left, top, across, down)),
        _inside(others, (left, top, across, down)),
    )


def _inside(boxes: Sequence[Box], window: Box) -> list[Box]:
    """Return the visible parts of boxes, in pixels of the window."""
    visible: list[Box] = []
    for left, top, width, height in boxes:
        x, y = max(left, window[0]), max(top, window[1])
        right, bottom = min(left + width, window[0] + window[2]), min(top + height, window[1] + window[3])
        if right > x and bottom > y:
            visible.append((x - window[0], y - window[1], right - x, bottom - y))
    return visible


def _scaled(boxes: Sequence[Box], scale: float) -> list[Box]:
    return [(x * scale, y * scale, width * scale, height * scale) for x, y, width, height in boxes]


def _outline(box: Box) -> Floats:
    """Return points on the outline of a box, N x 2."""
    left, top, width, height = box
    steps = np.linspace(0, 1, POINTS_PER_SIDE)
    sides = [(steps, 0 * steps), (steps, 0 * steps + 1), (0 * steps, steps), (0 * steps + 1, steps)]
    points = np.concatenate([np.stack(side, axis=1) for side in sides])
    return np.asarray(points * (width, height) + (left, top), np.float64)


def _around(points: Floats) -> Box:
    (left, top), (right, bottom) = points.min(axis=0), points.max(axis=0)
    return float(left), float(top), float(right - left), float(bottom - top)


VIEWS: Final[dict[str, View]] = {
    "as they are": lambda scene: scene,
    **{
        f"close-up, face {share:.0%} of the height": partial(close_up, share=share) for share in (0.6, 0.75, 0.85, 0.95)
    },
    "a quarter of the face beyond the side": partial(cut_at_side, share=0.25),
    "half of the face beyond the side": partial(cut_at_side, share=0.5),
    "a quarter of the face above the top": partial(cut_at_top, share=0.25),
    "wide lens, centre 1.5 times as large": partial(fisheye, strength=0.5),
    "wide lens, centre twice as large": partial(fisheye, strength=1.0),
    "camera turned by 90 degrees": partial(turned, quarters=1),
    "camera turned by 180 degrees": partial(turned, quarters=2),
}
