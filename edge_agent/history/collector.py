"""Makes entries of what the agent reports, and decides when they are written. Pure; time is an argument.

A memory card wears out by writing, so each entry is written twice, when it begins and when it ends, and its pictures
once: when no better one came for a while. Only a much better face is written again, at the end of the visit.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import msgspec

from edge_agent.domain import NO_PICTURES, Pictures
from edge_agent.doorbells.visits import BETTER
from edge_agent.history.entries import Entry, EntryKind, PictureKind
from edge_agent.history.messages import EntryDeleted, FrameDetected, PressAnswered, PressBegan, VisitChanged

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from edge_agent.history.messages import HistoryMessage

SETTLE_S: Final = 5.0
"""Pictures are written when there was no better one within this time,"""
LONGEST_SETTLE_S: Final = 20.0
"""and at the latest this time after the visit began."""
PRESS_S: Final = 15.0
"""How long a press waits for its picture, and for the visit that it belongs to."""
FACE_SHARE: Final = 0.5
"""A better face is written again if it has at most this share of the bytes that were written before."""


@dataclass(frozen=True, slots=True)
class PictureToWrite:
    """A picture of an entry."""

    entry_id: str
    kind: PictureKind
    jpeg: bytes


@dataclass(frozen=True, slots=True)
class Batch:
    """What is to be written: the pictures first, then the entries; `deleted` names entries to delete."""

    entries: tuple[Entry, ...] = ()
    pictures: tuple[PictureToWrite, ...] = ()
    deleted: tuple[str, ...] = ()

    @property
    def size_bytes(self) -> int:
        """The bytes of its pictures."""
        return sum(len(each.jpeg) for each in self.pictures)


@dataclass(slots=True)
class _Open:
    """An entry that may still change; monotonic seconds. `best` are the pictures of `quality`, taken at `best_s`."""

    entry: Entry
    began_s: float
    best: Pictures = NO_PICTURES
    quality: float = -1.0
    best_s: float = 0.0
    is_stored: bool = False
    stored_quality: float = 0.0
    is_changed: bool = True
    written: Entry | None = None
    is_over: bool = False
    has_face: bool = False
    rejected: Counter[str] = field(default_factory=Counter)

    def set(self, **changes: object) -> None:
        """Change the entry."""
        self.entry = msgspec.structs.replace(self.entry, **changes)

    def offer(self, pictures: Pictures, quality: float, now: float) -> None:
        """Keep the pictures if they are better than those before; a snapshot that was written stays."""
        if pictures.snapshot and quality > self.quality:
            snapshot = self.best.snapshot if self.is_stored else pictures.snapshot
            self.best = Pictures(snapshot, pictures.best_face or self.best.best_face)
            self.quality, self.best_s = quality, now

    def settled_s(self) -> float:
        """Return when its pictures are written, before its end."""
        if self.is_stored or not self.best.snapshot or self.entry.kind is EntryKind.PRESS:
            return math.inf
        return min(self.best_s + SETTLE_S, self.began_s + LONGEST_SETTLE_S)


class Collector:
    """The open entries."""

    def __init__(self) -> None:
        self._open: dict[str, _Open] = {}
        self._deleted: list[str] = []
        self._ignored: set[str] = set()
        """Visits that were deleted while they last."""

    def on_message(self, message: HistoryMessage, now: float) -> None:
        """Use what the agent reports."""
        match message:
            case PressBegan(press):
                entry = Entry(press.press_id, EntryKind.PRESS, press.doorbell, press.pressed_at, trigger="press")
                self._open[press.press_id] = _Open(entry, now)
            case PressAnswered():
                self._on_answer(message)
            case VisitChanged():
                self._on_visit(message, now)
            case FrameDetected():
                self._on_frame(message, now)
            case EntryDeleted(entry_id):
                if self._open.pop(entry_id, None) is not None:
                    self._ignored.add(entry_id)
                self._deleted.append(entry_id)

    def take(self, now: float) -> Batch:
        """Return what is to be written now, and close what is over."""
        entries: list[Entry] = []
        pictures: list[PictureToWrite] = []
        for entry_id, each in list(self._open.items()):
            is_over = each.is_over or (each.entry.kind is EntryKind.PRESS and now >= each.began_s + PRESS_S)
            if is_over or now >= each.settled_s():
                pictures += _store(each)
            entry = _finished(each) if is_over else each.entry
            if (is_over or each.is_changed) and entry != each.written:
                entries.append(entry)
                each.written = entry
            each.is_changed = False
            if is_over:
                del self._open[entry_id]
        deleted, self._deleted = tuple(self._deleted), []
        return Batch(tuple(entries), tuple(pictures), deleted)

    def close(self, at: datetime) -> None:
        """End every entry: the agent stops."""
        for each in self._open.values():
            each.is_over = True
            if each.entry.ended_at is None:
                each.set(ended_at=max(at, each.entry.started_at))

    def next_due_s(self) -> float:
        """Return when `take` has something to write that no message announces; infinity if never."""
        presses = (each.began_s + PRESS_S for each in self._open.values() if each.entry.kind is EntryKind.PRESS)
        return min((*presses, *(each.settled_s() for each in self._open.values())), default=math.inf)

    def entries(self) -> Mapping[str, Entry]:
        """Return the open entries as they are now, by id."""
        return {entry_id: _current(each) for entry_id, each in self._open.items()}

    def picture(self, entry_id: str, kind: PictureKind) -> bytes:
        """Return a picture of an open entry, b'' if there is none."""
        each = self._open.get(entry_id)
        if each is None:
            return b""
        return each.best.snapshot if kind is PictureKind.SNAPSHOT else each.best.best_face

    def _on_answer(self, message: PressAnswered) -> None:
        if (each := self._open.get(message.press.press_id)) is None:
            return
        each.is_changed = True
        each.set(
            answer=message.answer,
            reason=message.reason,
            people=message.faces,
            confidence=message.confidence,
            ended_at=max(message.at, each.entry.started_at),
        )

    def _on_visit(self, message: VisitChanged, now: float) -> None:
        visit, is_over = message.change.visit, message.change.event_type == "face_left"
        if visit.visit_id in self._ignored:
            if is_over:
                self._ignored.discard(visit.visit_id)
            return
        each = self._open.get(visit.visit_id)
        if each is None:
            began_at = message.at - timedelta(seconds=visit.duration_s)
            entry = Entry(visit.visit_id, EntryKind.VISIT, visit.doorbell, began_at)
            each = self._open[visit.visit_id] = _Open(entry, now)
        best, began_at = visit.best, each.entry.started_at
        each.set(people=visit.people, frames=visit.frames, confidence=best.confidence, quality=best.quality)
        if is_over:
            each.is_over = True
            each.set(ended_at=began_at + timedelta(seconds=visit.duration_s))

    def _on_frame(self, frame: FrameDetected, now: float) -> None:
        if (visit := self._open.get(frame.visit_id or "")) is not None:
            _add_frame(visit, frame, now)
        if frame.trigger == "press":
            for press in self._presses(frame.doorbell):
                _add_press_frame(press, frame, now)

    def _presses(self, doorbell: str) -> Iterable[_Open]:
        return (
            each
            for each in self._open.values()
            if each.entry.kind is EntryKind.PRESS and each.entry.doorbell == doorbell
        )


def _add_frame(visit: _Open, frame: FrameDetected, now: float) -> None:
    visit.rejected.update(frame.rejected)
    if visit.entry.trigger is None:
        visit.set(trigger=frame.trigger)
    if frame.faces:
        visit.offer(frame.pictures, frame.quality, now)


def _add_press_frame(press: _Open, frame: FrameDetected, now: float) -> None:
    """Add a frame to a press: its picture is the first one with a face, else the last one."""
    press.rejected.update(frame.rejected)
    press.set(frames=press.entry.frames + 1)
    if press.has_face:
        return
    press.has_face, press.best, press.best_s = bool(frame.faces), frame.pictures, now
    if frame.faces:
        press.set(visit_id=frame.visit_id)
        press.is_over = press.entry.answer == "face"


def _store(each: _Open) -> list[PictureToWrite]:
    """Return the pictures to write: all of them the first time, then only a much better face."""
    snapshot, face = each.best.snapshot, each.best.best_face
    written: list[PictureToWrite] = []
    entry_id = each.entry.entry_id
    if not each.is_stored:
        if snapshot:
            written.append(PictureToWrite(entry_id, PictureKind.SNAPSHOT, snapshot))
        if face:
            written.append(PictureToWrite(entry_id, PictureKind.FACE, face))
        each.set(snapshot_bytes=len(snapshot), face_bytes=len(face))
    elif face and each.quality >= BETTER * each.stored_quality:
        before = each.entry.snapshot_bytes + each.entry.face_bytes
        if len(face) <= FACE_SHARE * before:
            written.append(PictureToWrite(entry_id, PictureKind.FACE, face))
            each.set(face_bytes=len(face))
    if written:
        each.is_stored, each.stored_quality = True, each.quality
    return written


def _finished(each: _Open) -> Entry:
    entry = each.entry
    ended_at = entry.ended_at or entry.started_at
    return msgspec.structs.replace(entry, ended_at=ended_at, rejected=dict(each.rejected))


def _current(each: _Open) -> Entry:
    sizes = {"snapshot_bytes": len(each.best.snapshot), "face_bytes": len(each.best.best_face)}
    return msgspec.structs.replace(each.entry, rejected=dict(each.rejected), **sizes)
