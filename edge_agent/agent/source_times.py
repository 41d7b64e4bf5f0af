"""The times of the last press and picture of other publishers, kept over restarts in a small file."""

from __future__ import annotations

import functools
import logging
from typing import TYPE_CHECKING

import msgspec

from edge_agent.doorbells.options_file import replace_file
from edge_agent.errors import reason_of
from edge_agent.platform.background import BackgroundWorker

if TYPE_CHECKING:
    from pathlib import Path

log = logging.getLogger(__name__)


class SourceTimes(msgspec.Struct, frozen=True):
    """The last time of each doorbell, as its publisher says: of its presses, and of its pictures."""

    presses: dict[str, float] = {}
    frames: dict[str, float] = {}


class SourceTimesFile:
    """The file. Without it, what a publisher repeats after a restart of the agent is taken for new, once."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fault = ""
        self._writer = BackgroundWorker("source-times")

    def load(self) -> SourceTimes:
        """Return the stored times; none if there is no usable file."""
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=SourceTimes)
        except FileNotFoundError:
            return SourceTimes()
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            why = reason_of(error) if isinstance(error, OSError) else "it has an unknown format"
            log.warning("%s cannot be read (%s): repeated pictures and presses count as new, once", self._path, why)
            return SourceTimes()

    def save(self, times: SourceTimes) -> None:
        """Write the times on another thread: a memory card may take a second, and a press cannot wait."""
        self._writer.submit(functools.partial(self._save, msgspec.json.encode(times)))

    def close(self) -> None:
        """Wait until the times are written; not for a disk that does not answer."""
        self._writer.close()

    def _save(self, content: bytes) -> None:
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            replace_file(self._path, content + b"\n")
            self._fault = ""
        except OSError as error:
            fault = (
                f"{self._path} cannot be written ({reason_of(error)}): after a restart, repeated presses count as new"
            )
            if fault != self._fault:
                log.warning("%s", fault)
            self._fault = fault
