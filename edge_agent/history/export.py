"""Copies of the history: one day as a ZIP file, or everything, consistent while the agent writes."""

from __future__ import annotations

import io
import tempfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from edge_agent.errors import EdgeAgentError
from edge_agent.history.database import Database
from edge_agent.history.entries import PictureKind
from edge_agent.history.reader import HistoryReader
from edge_agent.history.store import DATABASE, PICTURES

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date

    from edge_agent.history.entries import Entry

ENTRIES: Final = "visits.jsonl"


class LargeExportError(EdgeAgentError):
    """A day is too large for the page; the message names the command."""


def day_archive(reader: HistoryReader, day: date, most_bytes: int) -> bytes:
    """Return the entries of a day as a ZIP file; raise HistoryError, or LargeExportError."""
    entries = reader.on_day(day)
    size = sum(each.snapshot_bytes + each.face_bytes for each in entries)
    if size > most_bytes:
        message = f"this day has {size / 1e6:.0f} MB of pictures; export it with edge-agent history export"
        raise LargeExportError(message)
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        _add_entries(archive, entries)
        _add_pictures(archive, reader, entries)
    return content.getvalue()


def export_all(reader: HistoryReader, path: Path) -> int:
    """Write everything into a ZIP file that does not exist yet; return the number of entries.

    The database is copied first; pictures never change, so both belong together. Unpacked into the folder of an agent's
    history, it is that history again.
    """
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".history-") as made:
        copy = Path(made) / DATABASE
        reader.copy_database(copy)
        with Database.open_to_read(copy) as database:
            entries = list(database.oldest_first())
        new = Path(made) / path.name
        with zipfile.ZipFile(new, "w") as archive:
            archive.write(copy, DATABASE, zipfile.ZIP_DEFLATED)
            _add_entries(archive, entries)
            _add_pictures(archive, HistoryReader(reader.folder), entries)
        new.replace(path)
    return len(entries)


def _add_entries(archive: zipfile.ZipFile, entries: Iterable[Entry]) -> None:
    lines = b"".join(msgspec.json.encode(each) + b"\n" for each in entries)
    archive.writestr(ENTRIES, lines, zipfile.ZIP_DEFLATED)


def _add_pictures(archive: zipfile.ZipFile, reader: HistoryReader, entries: Iterable[Entry]) -> None:
    for entry in entries:
        for kind in PictureKind:
            if jpeg := reader.picture(entry.entry_id, kind):
                archive.writestr(f"{PICTURES}/{entry.entry_id}-{kind}.jpg", jpeg)
