"""The folder of pictures: one JPEG per file, named after its entry, readable by the agent's user only."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from edge_agent.history.entries import PictureKind, is_entry_id

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from edge_agent.history.collector import PictureToWrite

SUFFIX: Final = ".jpg"
UNFINISHED: Final = ".new"
KINDS: Final = frozenset(kind.value for kind in PictureKind)


class PictureFolder:
    """The pictures of all entries. They are not in the database: SQLite's log would write each of them twice."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def create(self) -> None:
        """Create the folder; remove what a kill left unfinished."""
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        with os.scandir(self.path) as found:  # not a glob, which holds all names in memory
            left = [each.name for each in found if each.name.endswith(UNFINISHED)]
        for name in left:
            (self.path / name).unlink(missing_ok=True)

    def write(self, picture: PictureToWrite) -> None:
        """Write a picture; after a power cut it is there as a whole or not at all."""
        path = self._path(picture.entry_id, picture.kind)
        new = path.with_suffix(UNFINISHED)
        try:
            descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(picture.jpeg)
                file.flush()
                os.fsync(file.fileno())
            new.replace(path)
        except OSError:
            with suppress(OSError):
                new.unlink(missing_ok=True)
            raise

    def read(self, entry_id: str, kind: PictureKind) -> bytes:
        """Return a picture, b'' if there is none."""
        with suppress(OSError):
            return self._path(entry_id, kind).read_bytes()
        return b""

    def remove(self, entry_id: str) -> None:
        """Remove the pictures of an entry."""
        for kind in PictureKind:
            self._path(entry_id, kind).unlink(missing_ok=True)

    def size(self, entry_id: str, kind: PictureKind) -> int:
        """Return the bytes of a picture, 0 if there is none."""
        try:
            return self._path(entry_id, kind).stat().st_size
        except FileNotFoundError:
            return 0

    def files(self) -> Iterator[tuple[str, int, float]]:
        """Yield entry, size and time of every picture, one after the other: there may be many."""
        for name, size, changed_s in self._scan():
            entry_id, _, kind = name.removesuffix(SUFFIX).rpartition("-")
            if is_entry_id(entry_id) and kind in KINDS:
                yield entry_id, size, changed_s

    def sync(self) -> None:
        """Make the names of new pictures survive a power cut."""
        descriptor = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _scan(self) -> Iterator[tuple[str, int, float]]:
        with os.scandir(self.path) as found:
            for each in found:
                if each.name.endswith(SUFFIX):
                    with suppress(FileNotFoundError):
                        status = each.stat(follow_symlinks=False)
                        yield each.name, status.st_size, status.st_mtime

    def _path(self, entry_id: str, kind: PictureKind) -> Path:
        return self.path / f"{entry_id}-{kind}{SUFFIX}"
