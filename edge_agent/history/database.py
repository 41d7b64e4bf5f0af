"""The database of the history: entries by time. One connection per thread."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, Self

import msgspec

from edge_agent.history.entries import Entry, EntryKind
from edge_agent.history.schema import prepare, version_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND: Final = timedelta(microseconds=1)
COLUMNS: Final = (
    "key, entry_id, kind, doorbell, ended_us, trigger, people, frames, confidence, quality, answer, reason, rejected,"
    " visit_id, snapshot_bytes, face_bytes"
)
BUSY_S: Final = 2.0
"""How long to wait for another process, such as `edge-agent history purge`."""
SPARE_PAGES: Final = 64
"""Free pages that stay in the file for new entries,"""
SPARE_SHARE: Final = 0.3
"""and this share of all pages: giving them back rewrites the file."""
END: Final = (1 << 63) - 1


class Database:
    """An open database. Methods raise sqlite3.Error."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    @classmethod
    def open_to_write(cls, path: Path) -> Database:
        """Open the database, or create it; raise sqlite3.Error, OSError or HistoryError."""
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        connection = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
        try:
            prepare(connection, path)
        except BaseException:
            connection.close()
            raise
        return cls(connection)

    @classmethod
    def open_to_read(cls, path: Path) -> Database:
        """Open an existing database, also while an agent writes to it; raise sqlite3.Error."""
        uri = f"{path.absolute().as_uri()}?mode=ro"
        return cls(sqlite3.connect(uri, timeout=BUSY_S, isolation_level=None, uri=True))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close it; the last connection empties the log of changes into the file."""
        self._connection.close()

    def version(self) -> int:
        """Return the version of its tables; 0 if it has none."""
        return version_of(self._connection)

    def check(self) -> None:
        """Raise sqlite3.DatabaseError if the file is damaged."""
        found = self._connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        if found != "ok":
            error = sqlite3.DatabaseError(found)
            error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
            raise error

    def save(self, entries: Iterable[Entry]) -> None:
        """Insert entries, or replace those of the same id, all or none."""
        with self._transaction():
            for entry in entries:
                self._save(entry)

    def delete(self, entry_ids: Iterable[str]) -> None:
        """Delete entries, all or none, and return the space to the disk."""
        with self._transaction():
            self._connection.executemany("DELETE FROM entries WHERE entry_id = ?", ((each,) for each in entry_ids))
        free, pages = (
            self._connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("freelist_count", "page_count")
        )
        if free > max(SPARE_PAGES, SPARE_SHARE * pages):
            self._connection.execute("VACUUM")
            self.empty_log()

    def empty_log(self) -> None:
        """Move the log of changes into the file, unless a reader needs it right now."""
        self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def entry(self, entry_id: str) -> Entry | None:
        """Return an entry, or None."""
        row = self._connection.execute(f"SELECT {COLUMNS} FROM entries WHERE entry_id = ?", (entry_id,)).fetchone()  # noqa: S608 - only our constant
        return entry_of(row) if row else None

    def between(self, first: datetime | None, last: datetime | None, *, limit: int = -1) -> list[Entry]:
        """Return the entries that began in a time, the newest first."""
        times = (to_us(first) if first else -END, to_us(last) if last else END, limit)
        query = f"SELECT {COLUMNS} FROM entries WHERE key >= ? AND key < ? ORDER BY key DESC LIMIT ?"  # noqa: S608 - as above
        return [entry_of(row) for row in self._connection.execute(query, times)]

    def oldest_first(self) -> Iterator[Entry]:
        """Yield every entry, the oldest first."""
        for row in self._connection.execute(f"SELECT {COLUMNS} FROM entries ORDER BY key"):  # noqa: S608 - as above
            yield entry_of(row)

    def newest_before(self, at: datetime) -> datetime | None:
        """Return when the last entry before a time began."""
        found = self._connection.execute("SELECT max(key) FROM entries WHERE key < ?", (to_us(at),)).fetchone()[0]
        return None if found is None else to_time(found)

    def oldest_after(self, at: datetime) -> datetime | None:
        """Return when the first entry from a time on began."""
        found = self._connection.execute("SELECT min(key) FROM entries WHERE key >= ?", (to_us(at),)).fetchone()[0]
        return None if found is None else to_time(found)

    def count(self) -> int:
        """Return the number of entries."""
        return int(self._connection.execute("SELECT count(*) FROM entries").fetchone()[0])

    def copy_to(self, path: Path) -> None:
        """Copy the database as it is now, also while it is written to."""
        with contextlib.closing(sqlite3.connect(path)) as copy:
            self._connection.backup(copy)

    def _save(self, entry: Entry) -> None:
        values = _values(entry)
        changed = self._connection.execute(
            "UPDATE entries SET kind = ?, doorbell = ?, ended_us = ?, trigger = ?, people = ?, frames = ?,"
            " confidence = ?, quality = ?, answer = ?, reason = ?, rejected = ?, visit_id = ?, snapshot_bytes = ?,"
            " face_bytes = ? WHERE entry_id = ?",
            (*values, entry.entry_id),
        )
        if not changed.rowcount:
            row = (self._free_key(to_us(entry.started_at)), entry.entry_id, *values)
            marks = ", ".join("?" * len(row))
            self._connection.execute(f"INSERT INTO entries ({COLUMNS}) VALUES ({marks})", row)  # noqa: S608 - as above

    def _free_key(self, key: int) -> int:
        """Return the key, or the next one that no entry has."""
        while self._connection.execute("SELECT 1 FROM entries WHERE key = ?", (key,)).fetchone():
            key += 1
        return key

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise


def to_us(at: datetime) -> int:
    """Return a time in Unix microseconds."""
    return (at - EPOCH) // MICROSECOND


def to_time(microseconds: int) -> datetime:
    """Return Unix microseconds as a time."""
    return EPOCH + microseconds * MICROSECOND


def _values(entry: Entry) -> tuple[object, ...]:
    ended_us = to_us(entry.ended_at) if entry.ended_at else None
    rejected = msgspec.json.encode(entry.rejected).decode()
    return (
        entry.kind.value, entry.doorbell, ended_us, entry.trigger, entry.people, entry.frames, entry.confidence,
        entry.quality, entry.answer, entry.reason, rejected, entry.visit_id, entry.snapshot_bytes, entry.face_bytes,
    )  # fmt: skip


def entry_of(row: tuple[Any, ...]) -> Entry:
    """Return a row as an entry; raise ValueError if it holds none."""
    key, entry_id, kind, doorbell, ended_us, trigger, people, frames, confidence, quality, answer, reason, *rest = row
    rejected, visit_id, snapshot_bytes, face_bytes = rest
    return Entry(
        entry_id=entry_id,
        kind=EntryKind(kind),
        doorbell=doorbell,
        started_at=to_time(key),
        ended_at=None if ended_us is None else to_time(ended_us),
        trigger=trigger,
        people=people,
        frames=frames,
        confidence=confidence,
        quality=quality,
        answer=answer,
        reason=reason,
        rejected=msgspec.json.decode(rejected, type=dict[str, int]),
        visit_id=visit_id,
        snapshot_bytes=snapshot_bytes,
        face_bytes=face_bytes,
    )
