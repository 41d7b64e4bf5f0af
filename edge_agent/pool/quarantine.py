"""Keeps the pictures on which workers died, if the settings name a folder for them."""

from __future__ import annotations

import functools
import logging
import tempfile
from typing import TYPE_CHECKING, Final

from edge_agent.domain import Failure
from edge_agent.platform.background import BackgroundWorker
from edge_agent.wire import FailureReason

if TYPE_CHECKING:
    from pathlib import Path

    from edge_agent.domain import Frame, Outcome

log = logging.getLogger(__name__)

SUFFIX: Final = ".poison"
"""Not the suffix of a picture format: no picture viewer or indexer opens one of these by accident."""

TRIAL_BYTES: Final = 1_000_000
"""If this much can be written, a picture can be kept: most are smaller."""
RETRY_INTERVAL_S: Final = 10.0


class Quarantine:
    """The folder. A thread of its own writes: nothing waits for a slow disk. `fault` says why it fails, or ''."""

    def __init__(self, folder: Path | None, max_files: int) -> None:
        self.fault = ""
        self._folder = folder
        self._max_files = max_files
        self._retry_s = 0.0
        self._writer = BackgroundWorker("quarantine")

    def on_outcome(self, outcome: Outcome) -> None:
        """Keep the picture of a frame that was quarantined."""
        result = outcome.result
        if self._folder and isinstance(result, Failure) and result.reason is FailureReason.QUARANTINED:
            self._writer.submit(functools.partial(self._keep, outcome.frame, self._folder))

    def tick(self, now: float) -> None:
        """After a failure, test from time to time whether the folder is writable again."""
        if self._folder and self.fault and now >= self._retry_s:
            self._retry_s = now + RETRY_INTERVAL_S
            self._writer.submit(functools.partial(self._retry, self._folder))

    def close(self) -> None:
        """Wait until every picture is written; not for a disk that does not answer."""
        self._writer.close()

    def _keep(self, frame: Frame, folder: Path) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{frame.event_id}{SUFFIX}").write_bytes(frame.image)
            kept = sorted(folder.glob(f"*{SUFFIX}"), key=lambda path: path.stat().st_mtime_ns)
            for old in kept[: -self._max_files]:
                old.unlink(missing_ok=True)
        except OSError as error:
            self.fault = f"a picture on which workers died could not be kept in {folder}: {error.strerror}"
            log.warning("%s", self.fault)
        else:
            self.fault = ""

    def _retry(self, folder: Path) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder) as file:
                file.write(bytes(TRIAL_BYTES))
        except OSError:
            return
        self.fault = ""
