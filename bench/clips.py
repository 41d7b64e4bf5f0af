"""How many presses find the visitor, by how many pictures a press brings? On clips, as filmed, at night, from afar."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from edge_agent.file_detection import detect_files
from edge_agent.settings.loading import load_settings
from edge_agent.wire import Detected

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    Picture = NDArray[np.uint8]
    View = Callable[[Picture, np.random.Generator], Picture]

FRAMES_A_PRESS: Final = (1, 3, 5)
STRIDE: Final = 10
"""Frames of a clip between two of one press: a third of a second, as a doorbell sends stills."""
TURNED_AWAY: Final = "neg_"
"""How the name of a clip begins in which people show their backs, and at most a profile for a moment."""
NIGHT_GAIN: Final = 0.35
NIGHT_GAMMA: Final = 1.6
NIGHT_NOISE: Final = 9.0
MOST_FRAMES: Final = 100
"""Of a clip; a longer one is thinned."""
AFAR: Final = 0.22
"""How large the picture of the clip stays in a grey one of its own size."""


def as_it_is(picture: Picture, _random: np.random.Generator) -> Picture:
    """Return the picture."""
    return picture


def at_night(picture: Picture, random: np.random.Generator) -> Picture:
    """Return the picture as a small sensor would see it in infrared light: grey, dark and noisy."""
    grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY).astype(np.float32) / 255
    noisy = 255 * NIGHT_GAIN * grey**NIGHT_GAMMA + random.normal(0, NIGHT_NOISE, grey.shape)
    return cv2.cvtColor(np.clip(noisy, 0, 255).astype(np.uint8), cv2.COLOR_GRAY2BGR).astype(np.uint8)


def from_afar(picture: Picture, random: np.random.Generator) -> Picture:
    """Return the picture as a small part of a grey one, anywhere in it."""
    small = cv2.resize(picture, None, fx=AFAR, fy=AFAR, interpolation=cv2.INTER_AREA)
    far = np.full_like(picture, 110)
    top = int(random.integers(0, picture.shape[0] - small.shape[0]))
    left = int(random.integers(0, picture.shape[1] - small.shape[1]))
    far[top : top + small.shape[0], left : left + small.shape[1]] = small
    return far


VIEWS: Final[dict[str, View]] = {
    "as filmed": as_it_is,
    "at night": at_night,
    "from afar": from_afar,
}


def measure(folder: Path) -> None:
    """Look at the clips of `folder` as at frames of presses, and print a table."""
    clips = sorted((folder / "dev" / "clips").iterdir())
    table = Table("view", "frames a press", "presses", "show a face", "of people turned away", box=None, pad_edge=False)
    for name, view in VIEWS.items():
        random = np.random.default_rng(1)
        visitors: list[list[bool]] = []
        backs: list[list[bool]] = []
        for clip in track(clips, description=name, transient=True):
            (backs if clip.name.startswith(TURNED_AWAY) else visitors).append(_faces_seen(clip, view, random))
        for frames in FRAMES_A_PRESS:
            found, glimpsed = _presses(visitors, frames), _presses(backs, frames)
            table.add_row(name, str(frames), str(len(found)), _share(found), f"{_share(glimpsed)} of {len(glimpsed)}")
        table.add_section()
    Console().print(table)


def _faces_seen(clip: Path, view: View, random: np.random.Generator) -> list[bool]:
    """Return for each frame of a clip whether a face was found in it."""
    with tempfile.TemporaryDirectory() as folder:
        files: list[Path] = []
        for picture in _frames(clip):
            files.append(Path(folder, f"{len(files):05}.jpg"))
            cv2.imwrite(str(files[-1]), view(picture, random), [cv2.IMWRITE_JPEG_QUALITY, 80])
        results = [each.outcome.result for each in detect_files(files, load_settings(None, {}))]
    return [isinstance(result, Detected) and bool(result.faces) for result in results]


def _frames(clip: Path) -> list[Picture]:
    video = cv2.VideoCapture(str(clip))
    thinned = max(1, round(video.get(cv2.CAP_PROP_FRAME_COUNT) / MOST_FRAMES))
    pictures: list[Picture] = []
    number = 0
    while (read := video.read())[0]:
        if number % thinned == 0:
            pictures.append(read[1].astype(np.uint8))
        number += 1
    return pictures


def _presses(clips: Sequence[Sequence[bool]], frames: int) -> list[bool]:
    """Return for each press that a clip can hold whether one of its frames shows a face."""
    return [
        any(seen[start : start + STRIDE * frames : STRIDE])
        for seen in clips
        for start in range(max(0, len(seen) - STRIDE * (max(FRAMES_A_PRESS) - 1)))
    ]


def _share(presses: Sequence[bool]) -> str:
    return f"{sum(presses) / len(presses):.3f}" if presses else "-"
