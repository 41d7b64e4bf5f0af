"""The history on disk: the database, the pictures beside it, and how long they are kept."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final, Self

import msgspec

from edge_agent.history.database import Database
from edge_agent.history.entries import Entry, PictureKind
from edge_agent.history.pictures import PictureFolder

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime
    from pathlib import Path

    from edge_agent.history.collector import Batch

DATABASE: Final = "history.db"
PICTURES: Final = "pictures"
ROOM: Final = 0.05
"""Share of the bytes that is freed when there are too many: they are not counted again for each new entry."""
AT_ONCE: Final = 500
"""Entries that are deleted in one transaction."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is kept: the oldest entries go first."""

    days: float
    max_bytes: int


def folder_of(state_folder: Path, agent_id: str) -> Path:
    """Return the folder of an agent's history."""
    return state_folder / f"{agent_id}-history"


class Store:
    """The open history of one agent. Methods raise sqlite3.Error, OSError or HistoryError."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.picture_bytes = 0
        self._pictures = PictureFolder(folder / PICTURES)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._database = Database.open_to_write(folder / DATABASE)
        try:
            self._database.check()
            self._pictures.create()
        except BaseException:
            self._database.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the database."""
        self._database.close()

    def write(self, batch: Batch) -> None:
        """Write pictures and entries, and delete what the owner deleted."""
        for picture in batch.pictures:
            self._pictures.write(picture)
            self.picture_bytes += len(picture.jpeg)
        if batch.pictures:
            self._pictures.sync()
        if batch.entries:
            self._database.save(batch.entries)
        if batch.deleted:
            self.delete(batch.deleted)

    def delete(self, entry_ids: Iterable[str]) -> None:
        """Delete entries: first their pictures, so that a kill leaves no picture without an entry."""
        gone = tuple(entry_ids)
        for entry_id in gone:
            self._pictures.remove(entry_id)
        self._database.delete(gone)

    def remove_pictures(self) -> None:
        """Remove every picture, also those without an entry."""
        for entry_id, _, _ in self._pictures.files():
            self._pictures.remove(entry_id)
        self.picture_bytes = 0

    def recover(self) -> None:
        """Complete what a killed run left: end its entries, and give each entry the pictures that there are."""
        known = ((each, self._recovered(each)) for each in self._database.oldest_first())
        changed = [after for before, after in known if after != before]
        if changed:
            self._database.save(changed)

    def keep(self, limits: Limits, now_at: datetime) -> int:
        """Delete what is older or more than the limits allow; return the number of deleted entries."""
        oldest_at = now_at - timedelta(days=limits.days)
        old = [each.entry_id for each in self._database.between(None, oldest_at)]
        self._delete_in_parts(old)
        self._remove_strays(oldest_at.timestamp())
        self.picture_bytes = sum(size for _, size, _ in self._pictures.files())
        return len(old) + self._shrink_to(limits.max_bytes)

    def size_bytes(self) -> int:
        """Return the size of database and pictures."""
        files = (self.folder / DATABASE, self.folder / f"{DATABASE}-wal")
        return self.picture_bytes + sum(each.stat().st_size for each in files if each.exists())

    def _shrink_to(self, max_bytes: int) -> int:
        """Delete the oldest entries until the rest fits; the log of changes is limited by itself and does not count."""
        self._database.empty_log()
        size = self.picture_bytes + (self.folder / DATABASE).stat().st_size
        if size <= max_bytes:
            return 0
        excess = size - max_bytes * (1 - ROOM)
        gone: list[str] = []
        freed = freed_pictures = 0
        for entry in self._database.oldest_first():
            if freed >= excess:
                break
            pictures = entry.snapshot_bytes + entry.face_bytes
            freed_pictures += pictures
            freed += pictures + entry_bytes(entry)
            gone.append(entry.entry_id)
        self._delete_in_parts(gone)
        self.picture_bytes -= freed_pictures
        return len(gone)

    def _delete_in_parts(self, entry_ids: list[str]) -> None:
        for start in range(0, len(entry_ids), AT_ONCE):
            self.delete(entry_ids[start : start + AT_ONCE])

    def _remove_strays(self, before_s: float) -> None:
        """Remove old pictures whose entries were lost with a damaged database."""
        old = {entry_id for entry_id, _, changed_s in self._pictures.files() if changed_s < before_s}
        for entry_id in old:
            if not self._database.entry(entry_id):
                self._pictures.remove(entry_id)

    def _recovered(self, entry: Entry) -> Entry:
        return msgspec.structs.replace(
            entry,
            ended_at=entry.ended_at or entry.started_at,
            snapshot_bytes=self._pictures.size(entry.entry_id, PictureKind.SNAPSHOT),
            face_bytes=self._pictures.size(entry.entry_id, PictureKind.FACE),
        )


def entry_bytes(entry: Entry) -> int:
    """Return about how many bytes a row takes."""
    return 160 + len(entry.entry_id) * 2 + len(entry.doorbell)
