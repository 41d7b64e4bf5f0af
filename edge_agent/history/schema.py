"""The tables of the history's database, and the steps from one version to the next."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from edge_agent.history.faults import Fault, HistoryError, HistoryFault

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

PAGE_BYTES: Final = 1024
"""Small pages: an entry changes two of them, and a memory card wears out by the bytes that are written."""
CACHE_KB: Final = 256

MIGRATIONS: Final = (
    """
    CREATE TABLE entries (
        key INTEGER PRIMARY KEY,
        entry_id TEXT NOT NULL UNIQUE,
        kind TEXT NOT NULL,
        doorbell TEXT NOT NULL,
        ended_us INTEGER,
        trigger TEXT,
        people INTEGER NOT NULL,
        frames INTEGER NOT NULL,
        confidence REAL,
        quality REAL,
        answer TEXT,
        reason TEXT,
        rejected TEXT NOT NULL,
        visit_id TEXT,
        snapshot_bytes INTEGER NOT NULL,
        face_bytes INTEGER NOT NULL
    );
    """,
)
"""The version of a database (`PRAGMA user_version`) is the number of steps that it has taken.

`key` is the start in Unix microseconds: entries are stored in the order of time, and need no second index for it.
"""
VERSION: Final = len(MIGRATIONS)


def prepare(connection: sqlite3.Connection, path: Path) -> None:
    """Set the options of a connection that writes, and bring the tables up to date; raise HistoryError if too new."""
    connection.executescript(
        f"PRAGMA page_size = {PAGE_BYTES}; PRAGMA journal_mode = WAL;"
        f"PRAGMA synchronous = FULL; PRAGMA cache_size = -{CACHE_KB};"
    )
    version = version_of(connection)
    if version > VERSION:
        raise HistoryError(Fault(HistoryFault.TOO_NEW, str(path)))
    for step, script in enumerate(MIGRATIONS[version:], start=version + 1):
        connection.executescript(f"BEGIN IMMEDIATE; {script} PRAGMA user_version = {step}; COMMIT;")


def version_of(connection: sqlite3.Connection) -> int:
    """Return the version of the tables; 0 for a new file."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])
