"""The folder for temporary files: in memory where the disk is full or cannot be written to."""

from __future__ import annotations

import contextlib
import functools
import logging
import os
import tempfile
from pathlib import Path
from typing import Final

log = logging.getLogger(__name__)

SHARED_MEMORY: Final = Path("/dev/shm")  # noqa: S108 - what is made in it is accessible to its owner only
USUAL: Final = Path("/tmp")  # noqa: S108 - named where nothing can be written
TRIAL_BYTES: Final = 4096


def temporary_folder() -> Path | None:
    """Return the system's folder for temporary files, else one in memory; None: there is none."""
    with contextlib.suppress(FileNotFoundError):
        return Path(tempfile.gettempdir())
    return _in_memory()


@functools.cache
def _in_memory() -> Path | None:
    """Return a folder in memory, which Python and its child processes use from now on too, or None."""
    for folder in (SHARED_MEMORY, *_runtime_folders()):
        if _is_writable(folder):
            log.warning("temporary files are kept in %s: no other folder can be written to", folder)
            tempfile.tempdir = os.environ["TMPDIR"] = str(folder)
            return folder
    return None


def missing_temporary_folder() -> str:
    """Return what the lack of a folder for temporary files means, as a sentence, or ''."""
    if temporary_folder() is not None:
        return ""
    return (
        "No folder for temporary files can be written to, so that workers start slowly and need more memory:"
        f" make room in {USUAL} or {SHARED_MEMORY}"
    )


def _runtime_folders() -> list[Path]:
    named = (os.environ.get(name, "").split(":")[0] for name in ("RUNTIME_DIRECTORY", "XDG_RUNTIME_DIR"))
    return [Path(each) for each in named if each]


def _is_writable(folder: Path) -> bool:
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(bytes(TRIAL_BYTES))
    except OSError:
        return False
    return True
