"""The frames to measure with: drawn in a process of its own that may load OpenCV, or the user's picture."""

from __future__ import annotations

import multiprocessing
from typing import TYPE_CHECKING, Final

from edge_agent.errors import SettingsError

if TYPE_CHECKING:
    from pathlib import Path

SIZE: Final = (1920, 1080)
QUALITY: Final = 85
DISTANCES_M: Final = (0.9, 1.4, 1.9, 2.4)


def read_frames(picture: Path | None) -> tuple[list[bytes], str]:
    """Return JPEGs and what they show, in words; raise SettingsError where the picture cannot be read."""
    if picture is not None:
        try:
            return [picture.read_bytes()], f"your picture {picture.name}"
        except OSError as error:
            message = f"the picture {picture} cannot be read: {error.strerror}"
            raise SettingsError(message) from error
    with multiprocessing.get_context("spawn").Pool(1) as process:
        frames, has_visitor = process.apply(draw_frames)
    what = "a visitor at the simulated door" if has_visitor else "the simulated door without a visitor"
    size = sum(map(len, frames)) / len(frames) / 1000
    return frames, f"{what}, {SIZE[0]} x {SIZE[1]}, {size:.0f} kB"


def draw_frames() -> tuple[list[bytes], bool]:
    """Return JPEGs of the simulated door, and whether a visitor is there: portraits come with the extra first-look."""
    import cv2  # noqa: PLC0415 - in the process that draws alone

    from edge_agent.errors import FirstLookUnavailableError  # noqa: PLC0415 - likewise
    from edge_agent.first_look.porch import Scene, draw  # noqa: PLC0415 - likewise
    from edge_agent.first_look.portraits import ASTRONAUT  # noqa: PLC0415 - likewise

    scenes = [Scene(ASTRONAUT, distance_m, seed=seed) for seed, distance_m in enumerate(DISTANCES_M)]
    has_visitor = True
    try:
        drawn = [draw(scene) for scene in scenes]
    except FirstLookUnavailableError:
        has_visitor = False
        drawn = [draw(Scene(seed=seed)) for seed in range(len(DISTANCES_M))]
    large = [cv2.resize(image, SIZE, interpolation=cv2.INTER_CUBIC) for image in drawn]
    return [
        cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1].tobytes() for image in large
    ], has_visitor
