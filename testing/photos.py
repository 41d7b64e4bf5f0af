"""Real photographs."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from testing.pictures import visitor_files
from testing.shared_data import shared

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Photo:
    """A photograph and its labels: `boxes` are the faces to detect (x, y, width, height)."""

    path: Path
    stratum: str
    boxes: list[list[float]]


def photos() -> list[Photo]:
    """Return every photograph of the development set."""
    lines = shared("data", "dev", "gt.jsonl").read_text(encoding="utf-8").splitlines()
    return [_photo(json.loads(line)) for line in lines]


def close_up() -> Photo:
    """Return a photograph of the development set with one large face."""
    return next(photo for photo in photos() if photo.path.name == "deepface_0020.jpg")


def face_photo() -> bytes:
    """Return a photograph of one person's face, as a JPEG."""
    return visitor_files()[1].read_bytes()


def _photo(truth: dict[str, Any]) -> Photo:
    return Photo(shared("data", "dev", *truth["image"].split("/")), truth["stratum"], truth["boxes"])
