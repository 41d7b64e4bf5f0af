"""A damaged database: it is moved aside, and a new one takes what can still be read."""

from __future__ import annotations

import contextlib
import logging
import sqlite3
from typing import TYPE_CHECKING, Final

from edge_agent.history.database import COLUMNS, Database, entry_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from edge_agent.history.entries import Entry

log = logging.getLogger(__name__)

DAMAGED: Final = ".damaged"
COMPANIONS: Final = ("", "-wal", "-shm")
"""The files of one SQLite database."""


def replace_damaged(path: Path) -> Path:
    """Move a damaged database aside, make a new one of what can be read, and return the path of the old one."""
    aside = path.with_name(path.name + DAMAGED)
    for suffix in reversed(COMPANIONS):
        with contextlib.suppress(FileNotFoundError):
            path.with_name(path.name + suffix).replace(aside.with_name(aside.name + suffix))
    entries = list(_readable(aside))
    with Database.open_to_write(path) as database:
        database.save(entries)
    log.warning("%s is damaged: it was moved to %s, and a new file has the %d entries that could be read",
                path, aside.name, len(entries))  # fmt: skip
    return aside


def _readable(path: Path) -> Iterator[Entry]:
    """Yield the entries of a damaged database, from both ends up to the damage."""
    seen: set[str] = set()
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for order in ("ASC", "DESC"):
            with contextlib.suppress(sqlite3.Error, ValueError, TypeError, OverflowError):
                for row in connection.execute(f"SELECT {COLUMNS} FROM entries ORDER BY key {order}"):  # noqa: S608 - only constants
                    entry = entry_of(row)
                    if entry.entry_id not in seen:
                        seen.add(entry.entry_id)
                        yield entry
