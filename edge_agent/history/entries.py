"""The entries of the history: a visit or a press each. What the page and the commands show."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Final

import msgspec

ID_BYTES: Final = 64


class EntryKind(StrEnum):
    """What an entry is about."""

    VISIT = "visit"
    PRESS = "press"


class PictureKind(StrEnum):
    """The pictures that an entry may have."""

    SNAPSHOT = "snapshot"
    FACE = "face"


class Entry(msgspec.Struct, frozen=True):
    """A visit, or a press with its answer; times by the agent's clock.

    `ended_at` is None while it lasts. `visit_id` is the visit that a press belongs to. `answer` and `reason` are codes
    of the answer event, `rejected` counts the faces that did not count, by reason. A size of 0 means no picture.
    """

    entry_id: str
    kind: EntryKind
    doorbell: str
    started_at: datetime
    ended_at: datetime | None = None
    trigger: str | None = None
    people: int = 0
    frames: int = 0
    confidence: float | None = None
    quality: float | None = None
    answer: str | None = None
    reason: str | None = None
    rejected: dict[str, int] = {}
    visit_id: str | None = None
    snapshot_bytes: int = 0
    face_bytes: int = 0

    @property
    def duration_s(self) -> float:
        """How long it lasted; 0 while it lasts."""
        return (self.ended_at - self.started_at).total_seconds() if self.ended_at else 0.0

    def has(self, kind: PictureKind) -> bool:
        """Return whether there is such a picture."""
        return bool(self.snapshot_bytes if kind is PictureKind.SNAPSHOT else self.face_bytes)


def is_entry_id(text: str) -> bool:
    """Return whether `text` can name an entry: it becomes part of a file name."""
    return 0 < len(text) <= ID_BYTES and text.isascii() and text.replace("-", "").replace("_", "").isalnum()
