"""Reading a file that somebody else may have put there: never a link, a pipe or a device, and never without a limit."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

SHA256: Final = "sha256"
GIT_BLOB: Final = "git blob id"


def open_regular(path: Path | str, *, follow: bool = False) -> int:
    """Return a descriptor of a regular file, opened for reading; raise OSError for anything else.

    A link is followed only if `follow` says so. O_NONBLOCK: a pipe without a writer must not be waited for.
    """
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | (0 if follow else os.O_NOFOLLOW)
    try:
        descriptor = os.open(path, flags)
    except OSError as error:
        if error.errno == errno.ELOOP and not follow:
            raise OSError(error.errno, "it is a link", str(path)) from error
        raise
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "it is not a regular file", str(path))
    return descriptor


def read_regular(path: Path | str, most_bytes: int, *, follow: bool = False) -> bytes:
    """Return the content of a regular file; raise OSError for anything else, and for more than `most_bytes`."""
    with os.fdopen(open_regular(path, follow=follow), "rb") as file:
        size = os.fstat(file.fileno()).st_size
        if size > most_bytes:
            raise OSError(errno.EFBIG, f"it has {size / 1e6:.0f} MB, more than {most_bytes / 1e6:.0f} MB", str(path))
        return file.read(most_bytes)


def digest(content: bytes, kind: str) -> str:
    """Return the sha256 of a content, or the id under which git keeps it."""
    if kind == GIT_BLOB:
        return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()
    return hashlib.sha256(content).hexdigest()
