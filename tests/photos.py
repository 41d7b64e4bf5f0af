"""Real photographs."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.pictures import visitors
from tests.shared_data import shared

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Photo:
    """A photograph and what is true of it: `boxes` are the faces that must be found (x, y, width, height)."""

    path: Path
    stratum: str
    boxes: list[list[float]]


def photos() -> list[Photo]:
    """Return every photograph of the development set."""
    lines = shared("data", "dev", "gt.jsonl").read_text(encoding="utf-8").splitlines()
    return [_photo(json.loads(line)) for line in lines]


def best_face() -> bytes:
    """Return a photograph of one person's face, as a JPEG."""
    return visitors()[1].read_bytes()


def _photo(truth: dict[str, Any]) -> Photo:
    return Photo(shared("data", "dev", *truth["image"].split("/")), truth["stratum"], truth["boxes"])
