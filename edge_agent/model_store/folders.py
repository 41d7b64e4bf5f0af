"""The folders on this host that hold model files."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from platformdirs import user_cache_path

from edge_agent.errors import ModelUnavailableError, SettingsError
from edge_agent.platform.temporary_folder import USUAL, temporary_folder

if TYPE_CHECKING:
    from collections.abc import Iterator

FOR_OTHERS: Final = stat.S_IWGRP | stat.S_IWOTH
ABANDONED_S: Final = 3600.0
"""Longer than any download takes."""


SHIPPED: Final = Path(__file__).with_name("files")
"""The models inside a released wheel; read only."""


def default_cache_dir() -> Path:
    """Return the download folder, by the XDG Base Directory Specification; create nothing."""
    try:
        return user_cache_path("edge-agent") / "models"
    except RuntimeError:  # this user has no home folder
        return spare_dir()


def expanded(folder: Path) -> Path:
    """Return a folder with the user's home in place of `~`; raise SettingsError for a user without one."""
    try:
        return folder.expanduser()
    except RuntimeError as error:
        message = f"the folder {folder} cannot be used: this user has no home directory; write the whole path"
        raise SettingsError(message) from error


def spare_dir() -> Path:
    """Return the download folder to use while the cache is not writable; create nothing."""
    return (temporary_folder() or USUAL) / f"edge-agent-models-{os.getuid()}"


def is_own(folder: Path) -> bool:
    """Return whether `folder` exists and belongs to this user.

    In the temporary folder anyone may create a name first, and then replace a file after its verification.
    """
    try:
        found = folder.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & FOR_OTHERS


def make_own(folder: Path) -> None:
    """Create `folder` for this user only; raise ModelUnavailableError if it belongs to another user, or OSError."""
    folder.mkdir(mode=0o700, exist_ok=True)
    if not is_own(folder):
        message = f"{folder} belongs to another user"
        raise ModelUnavailableError(message)


def _is_own_file(path: Path) -> bool:
    """Tell whether `path` is a file of this user; in a shared cache others may leave a link, to be written to."""
    found = path.lstat()
    return stat.S_ISREG(found.st_mode) and found.st_uid == os.getuid() and found.st_nlink == 1


@contextlib.contextmanager
def unfinished(folder: Path, filename: str, whole_bytes: int) -> Iterator[None]:
    """Give the block a partial file that an earlier one left in `folder`, and keep what it does not finish.

    A file with all its bytes is not partial but wrong.
    """
    left = folder.parent / f".unfinished-{filename}"
    with contextlib.suppress(OSError):
        found = left.replace(folder / filename)
        if not _is_own_file(found):  # checked where nobody else can exchange it
            found.unlink()
    try:
        yield
    except ModelUnavailableError:
        with contextlib.suppress(OSError):
            if (folder / filename).stat().st_size < whole_bytes:
                (folder / filename).replace(left)
        raise


def workspace(folder: Path) -> tempfile.TemporaryDirectory[str]:
    """Return a new folder inside `folder`: a finished file moves up atomically; raise OSError.

    Remains of killed downloads are removed once they are too old to be in use.
    """
    for left in folder.glob(".fetch-*"):
        with contextlib.suppress(OSError):
            if time.time() - left.stat().st_mtime > ABANDONED_S:
                shutil.rmtree(left)
    return tempfile.TemporaryDirectory(prefix=".fetch-", dir=folder, ignore_cleanup_errors=True)
