"""Visits and presses for tests of the history."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from edge_agent.domain import Pictures
from edge_agent.doorbells.visits import BestFace, Visit, VisitChange
from edge_agent.history.collector import Batch, PictureToWrite
from edge_agent.history.entries import Entry, EntryKind, PictureKind
from edge_agent.history.messages import FrameDetected, VisitChanged
from testing.values import NOON

if TYPE_CHECKING:
    from datetime import datetime

JPEG = b"\xff\xd8\xff"


def visit(visit_id: str = "v1", **changes: object) -> Visit:
    """Return a visit of one person."""
    best = BestFace(0.9, 0.5, "frame-1", "event-1")
    return replace(Visit(visit_id, "front", NOON, NOON, 0.0, 0.0, best, 1), **changes)  # type: ignore[arg-type]


def changed(event_type: str, *, at: datetime = NOON, **changes: object) -> VisitChanged:
    """Return a change of a visit as a message."""
    return VisitChanged(VisitChange(event_type, visit(**changes)), at)  # type: ignore[arg-type]


def seen(
    quality: float = 0.5, size: int = 1000, face_size: int = 100, *, trigger: str = "motion", **changes: object
) -> FrameDetected:
    """Return a frame with a face as a message; its quality is the last byte of its pictures."""
    mark = bytes([round(quality * 100)])
    pictures = Pictures(JPEG + bytes(size - 4) + mark, (JPEG + bytes(face_size - 4) + mark) if face_size else b"")
    frame = FrameDetected("front", trigger, "v1", 1, quality, (), pictures)
    return replace(frame, **changes)  # type: ignore[arg-type]


def entry(number: int, *, doorbell: str = "front", minutes: float = 0.0, snapshot: int = 0, face: int = 0) -> Entry:
    """Return a visit that began so many minutes after noon."""
    began_at = NOON + timedelta(minutes=minutes)
    return Entry(
        f"{number:016x}", EntryKind.VISIT, doorbell, began_at, began_at + timedelta(seconds=20), "motion", 1, 12,
        0.93, 0.61, snapshot_bytes=snapshot, face_bytes=face,
    )  # fmt: skip


def batch(*entries: Entry) -> Batch:
    """Return what writes entries with their pictures."""
    pictures = [
        PictureToWrite(each.entry_id, kind, JPEG + os.urandom(size - 3))
        for each in entries
        for kind, size in ((PictureKind.SNAPSHOT, each.snapshot_bytes), (PictureKind.FACE, each.face_bytes))
        if size
    ]
    return Batch(entries, tuple(pictures))
