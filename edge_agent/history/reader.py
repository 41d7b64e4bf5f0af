"""Reads the history for the page and the commands, while the agent writes it. Every method is thread-safe."""

from __future__ import annotations

import sqlite3
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Final, TypeVar

from edge_agent.history.database import Database
from edge_agent.history.entries import Entry, EntryKind, PictureKind, is_entry_id
from edge_agent.history.faults import Fault, HistoryError, HistoryFault, fault_of
from edge_agent.history.pictures import PictureFolder
from edge_agent.history.schema import VERSION
from edge_agent.history.store import DATABASE, PICTURES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

T = TypeVar("T")

AROUND: Final = timedelta(minutes=1)
"""A press of a visit began at most so long before it, or before its end."""


class HistoryReader:
    """The entries and pictures of one agent. `open_entries` and `open_picture` add what the disk lacks."""

    def __init__(
        self,
        folder: Path,
        open_entries: Callable[[], Mapping[str, Entry]] = dict,
        open_picture: Callable[[str, PictureKind], bytes] = lambda _id, _kind: b"",
    ) -> None:
        self.folder = folder
        self._open_entries = open_entries
        self._open_picture = open_picture
        self._pictures = PictureFolder(folder / PICTURES)

    def between(self, first: datetime | None, last: datetime | None, *, limit: int = -1) -> list[Entry]:
        """Return the entries that began in a time, the newest first; raise HistoryError."""
        nothing: list[Entry] = []
        stored = self._ask(lambda database: database.between(first, last, limit=limit), nothing)
        still_open = [each for each in self._open_entries().values() if _is_between(each.started_at, first, last)]
        merged = {each.entry_id: each for each in (*stored, *still_open)}
        newest_first = sorted(merged.values(), key=lambda each: each.started_at, reverse=True)
        return newest_first if limit < 0 else newest_first[:limit]

    def on_day(self, day: date) -> list[Entry]:
        """Return the entries of a day of this host's time zone, the newest first; raise HistoryError."""
        return self.between(*day_span(day))

    def day_before(self, day: date) -> date | None:
        """Return the last earlier day with an entry; raise HistoryError."""
        found = self._ask(lambda database: database.newest_before(day_span(day)[0]), None)
        return found.astimezone().date() if found else None

    def day_after(self, day: date) -> date | None:
        """Return the next day with an entry; raise HistoryError."""
        found = self._ask(lambda database: database.oldest_after(day_span(day)[1]), None)
        return found.astimezone().date() if found else None

    def entry(self, entry_id: str) -> Entry | None:
        """Return an entry, or None; raise HistoryError."""
        if not is_entry_id(entry_id):
            return None
        return self._open_entries().get(entry_id) or self._ask(lambda database: database.entry(entry_id), None)

    def presses_of(self, visit: Entry) -> list[Entry]:
        """Return the presses of a visit, the oldest first; raise HistoryError."""
        ended_at = visit.ended_at or datetime.now(UTC)
        near = self.between(visit.started_at - AROUND, ended_at + AROUND)
        return [each for each in reversed(near) if each.kind is EntryKind.PRESS and each.visit_id == visit.entry_id]

    def picture(self, entry_id: str, kind: PictureKind) -> bytes:
        """Return a picture as JPEG, b'' if there is none."""
        if not is_entry_id(entry_id):
            return b""
        return self._open_picture(entry_id, kind) or self._pictures.read(entry_id, kind)

    def count(self) -> int:
        """Return the number of written entries; raise HistoryError."""
        return self._ask(lambda database: database.count(), 0)

    def copy_database(self, path: Path) -> None:
        """Copy the database as it is now; raise HistoryError."""
        self._ask(lambda database: database.copy_to(path), None)

    def _ask(self, question: Callable[[Database], T], otherwise: T) -> T:
        """Return the answer of the database, or `otherwise` if there is none yet."""
        path = self.folder / DATABASE
        if not path.exists():
            return otherwise
        try:
            with Database.open_to_read(path) as database:
                version = database.version()
                if version > VERSION:
                    raise HistoryError(Fault(HistoryFault.TOO_NEW, str(path)))
                return question(database) if version else otherwise
        except (sqlite3.Error, OSError) as error:
            raise HistoryError(fault_of(error, self.folder)) from error


def _is_between(at: datetime, first: datetime | None, last: datetime | None) -> bool:
    return (first is None or at >= first) and (last is None or at < last)


def day_span(day: date) -> tuple[datetime, datetime]:
    """Return the first moment of a day and of the next one, by this host's time zone."""
    return _midnight(day), _midnight(day + timedelta(days=1))


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time()).astimezone().astimezone(UTC)
