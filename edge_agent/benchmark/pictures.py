"""The benchmark's frames: drawn in a separate process that may load OpenCV, or the user's picture."""

from __future__ import annotations

import multiprocessing
from typing import TYPE_CHECKING, Final

from edge_agent.demo import resolve_visitors
from edge_agent.errors import DemoUnavailableError, SettingsError
from edge_agent.platform.regular_file import read_regular

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from edge_agent.settings.model import ModelSettings

SIZE: Final = (1920, 1080)
QUALITY: Final = 85
LARGEST_BYTES: Final = 100_000_000
DISTANCES_M: Final = (0.9, 1.4, 1.9, 2.4)


def read_frames(picture: Path | None, models: ModelSettings) -> tuple[list[bytes], str]:
    """Return JPEGs and their description; raise SettingsError if the picture cannot be read."""
    if picture is not None:
        try:
            return [read_regular(picture, LARGEST_BYTES, follow=True)], f"your picture {picture.name}"
        except OSError as error:
            message = f"the picture {picture} cannot be read: {error.strerror}"
            raise SettingsError(message) from error
    visitors = _visitors(models)
    with multiprocessing.get_context("spawn").Pool(1) as process:
        frames = process.apply(draw_frames, (visitors,))
    what = "a visitor at the simulated door" if visitors else "the simulated door without a visitor"
    size = sum(map(len, frames)) / len(frames) / 1000
    return frames, f"{what}, {SIZE[0]} x {SIZE[1]}, {size:.0f} kB"


def _visitors(models: ModelSettings) -> Sequence[Path]:
    try:
        return resolve_visitors(models.dir, models.cache_dir)
    except DemoUnavailableError:
        return ()


def draw_frames(visitors: Sequence[Path]) -> list[bytes]:
    """Return JPEGs of the simulated door, with a visitor if there are visitor pictures."""
    import cv2  # noqa: PLC0415 - only in the process that draws

    from edge_agent.demo.porch import Scene, draw  # noqa: PLC0415 - likewise
    from edge_agent.demo.visitors import read_visitors  # noqa: PLC0415 - likewise

    visitor = read_visitors(visitors)[0] if visitors else None
    drawn = [draw(Scene(visitor, distance_m, seed=seed)) for seed, distance_m in enumerate(DISTANCES_M)]
    large = [cv2.resize(image, SIZE, interpolation=cv2.INTER_CUBIC) for image in drawn]
    return [cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1].tobytes() for image in large]
