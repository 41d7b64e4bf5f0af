"""Image files: found, and read with a limit. A file that cannot be read costs one line, and the others are used."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from edge_agent.errors import SettingsError, UnreadableImageError, reason_of
from edge_agent.ingest.image_header import IMAGE_SUFFIXES
from edge_agent.platform.regular_file import read_regular

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path


def find_images(paths: Iterable[Path]) -> list[Path]:
    """Return the given files, and the images in the given folders by name; raise SettingsError if there is none.

    A given path that cannot be used is returned too, unless all of them do not exist: reading it says why.
    """
    given = list(paths)
    if not any(map(os.path.lexists, given)):
        message = f"there is no file or folder {', '.join(map(printable, given))}"
        raise SettingsError(message)
    found = [file for path in given for file in (_images_in(path) if path.is_dir() else (path,))]
    if not found:
        message = f"there is no JPEG or PNG in {', '.join(map(printable, given))}"
        raise SettingsError(message)
    return found


def _images_in(folder: Path) -> Iterator[Path]:
    """Yield the images of a folder and its subfolders; a folder that cannot be read stands for its images."""
    unreadable: list[Path] = []
    files: list[Path] = []
    for name, _, names in os.walk(folder, onerror=lambda error: unreadable.append(type(folder)(error.filename))):
        files += (type(folder)(name, each) for each in names)
    yield from sorted([*unreadable, *(file for file in files if file.suffix.lower() in IMAGE_SUFFIXES)])


def read_image(path: Path, most_bytes: int) -> bytes:
    """Return the content of a file; raise UnreadableImageError with the reason."""
    try:
        return read_regular(path, most_bytes, follow=True)
    except OSError as error:
        message = f"the file cannot be read: {reason_of(error)}"
        raise UnreadableImageError(message) from error


def printable(name: str | Path) -> str:
    """Return a file's name as a terminal can show it: Linux allows any bytes in it, also those that are not UTF-8."""
    return "".join(each if each.isprintable() else "\ufffd" for each in as_text(name))


def as_text(name: str | Path) -> str:
    """Return a file's name as valid text."""
    return os.fsencode(name).decode(errors="replace")
