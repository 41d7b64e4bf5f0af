"""Keeps the pictures on which workers died, where the settings name a folder for them."""

from __future__ import annotations

import contextlib
import logging
import tempfile
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

    from edge_agent.domain import Frame

log = logging.getLogger(__name__)

SUFFIX: Final = ".poison"
"""No name of a picture format: nothing that looks for pictures shall open one of these by accident."""

ROOM_BYTES: Final = 1_000_000
"""Where so much can be written, a picture can be kept: most are smaller."""


def keep(frame: Frame, folder: Path, most: int) -> str:
    """Save the picture of a frame, and remove the oldest ones above `most`; return what is wrong, or ''."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{frame.event_id}{SUFFIX}").write_bytes(frame.image)
        kept = sorted(folder.glob(f"*{SUFFIX}"), key=lambda path: path.stat().st_mtime_ns)
        for old in kept[:-most]:
            old.unlink(missing_ok=True)
    except OSError as error:
        complaint = f"a picture on which workers died could not be kept in {folder}: {error.strerror}"
        log.warning("%s", complaint)
        return complaint
    return ""


def is_possible(folder: Path) -> bool:
    """Return whether a picture could be kept now."""
    with contextlib.suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(bytes(ROOM_BYTES))
        return True
    return False
