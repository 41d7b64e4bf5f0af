"""The folders on this machine that hold model files."""

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
"""No fetch takes so long."""


SHIPPED: Final = Path(__file__).with_name("files")
"""What a released wheel carries; nothing is ever written to it."""


def default_cache_dir() -> Path:
    """Return where downloads are kept, as the XDG Base Directory Specification says; nothing is created."""
    try:
        return user_cache_path("edge-agent") / "models"
    except RuntimeError:  # this user has no home
        return spare_dir()


def expanded(folder: Path) -> Path:
    """Return a folder with the user's home in place of `~`; raise SettingsError for a user without one."""
    try:
        return folder.expanduser()
    except RuntimeError as error:
        message = f"the folder {folder} cannot be used: this user has no home directory; write the whole path"
        raise SettingsError(message) from error


def spare_dir() -> Path:
    """Return where downloads are kept while the cache cannot be written to; nothing is created."""
    return (temporary_folder() or USUAL) / f"edge-agent-models-{os.getuid()}"


def is_own(folder: Path) -> bool:
    """Tell whether `folder` is there and this user's.

    In the folder for temporary files anyone may take a name first, and then swap a file after it was checked.
    """
    try:
        found = folder.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & FOR_OTHERS


def make_own(folder: Path) -> None:
    """Create `folder` for this user alone; raise ModelUnavailableError where it is someone else's, or OSError."""
    folder.mkdir(mode=0o700, exist_ok=True)
    if not is_own(folder):
        message = f"{folder} belongs to someone else"
        raise ModelUnavailableError(message)


def _is_own_file(path: Path) -> bool:
    """Tell whether `path` is a file of this user; in a shared cache others may leave a link, to be written to."""
    found = path.lstat()
    return stat.S_ISREG(found.st_mode) and found.st_uid == os.getuid() and found.st_nlink == 1


@contextlib.contextmanager
def unfinished(folder: Path, filename: str, whole_bytes: int) -> Iterator[None]:
    """Let the block go on with what an earlier one left of a file in `folder`, and leave what it does not finish.

    A file that has all its bytes is not unfinished but wrong.
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
    """Return a fresh folder inside `folder`: what is finished in it moves up in one step; raise OSError.

    What a process left that was killed while it fetched goes, once it is too old to be in use.
    """
    for left in folder.glob(".fetch-*"):
        with contextlib.suppress(OSError):
            if time.time() - left.stat().st_mtime > ABANDONED_S:
                shutil.rmtree(left)
    return tempfile.TemporaryDirectory(prefix=".fetch-", dir=folder, ignore_cleanup_errors=True)
