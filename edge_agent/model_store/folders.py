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

from edge_agent.errors import ModelUnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterator

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


def spare_dir() -> Path:
    """Return the download folder to use while the cache is not writable; create nothing."""
    return Path(tempfile.gettempdir()) / f"edge-agent-models-{os.getuid()}"


def is_own(folder: Path) -> bool:
    """Return whether `folder` exists and belongs to this user.

    In the temporary folder anyone may create a name first, and then replace a file after its verification.
    """
    try:
        found = folder.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid()


def make_own(folder: Path) -> None:
    """Create `folder` for this user only; raise ModelUnavailableError if it belongs to another user, or OSError."""
    folder.mkdir(mode=0o700, exist_ok=True)
    if not is_own(folder):
        message = f"{folder} belongs to another user"
        raise ModelUnavailableError(message)


@contextlib.contextmanager
def unfinished(folder: Path, filename: str, whole_bytes: int) -> Iterator[None]:
    """Give the block a partial file that an earlier one left in `folder`, and keep what it does not finish.

    A file with all its bytes is not partial but wrong.
    """
    left = folder.parent / f".unfinished-{filename}"
    with contextlib.suppress(OSError):
        left.replace(folder / filename)
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
