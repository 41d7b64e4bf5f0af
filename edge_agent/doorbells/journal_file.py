"""The file of the press journal, written on a thread of its own: the newest content wins."""

from __future__ import annotations

import contextlib
import logging
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import msgspec

from edge_agent.doorbells.options_file import replace_file
from edge_agent.doorbells.press_journal import VERSION, StoredJournal
from edge_agent.errors import NoThreadError
from edge_agent.platform.threads import start_thread

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

log = logging.getLogger(__name__)

CLOSE_S: Final = 1.0
"""How long the last write may take at the end."""
LARGEST_BYTES: Final = 2_000_000


@dataclass(frozen=True, slots=True)
class JournalWritten:
    """The journal was written up to the save with that number; or not, if `failed`."""

    number: int
    failed: bool = False


def read(path: Path) -> StoredJournal:
    """Return the journal in a file, an empty one if it is missing; raise OSError, or ValueError if it is invalid."""
    try:
        with path.open("rb") as file:
            stored = msgspec.json.decode(file.read(LARGEST_BYTES), type=StoredJournal)
    except FileNotFoundError:
        return StoredJournal()
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        message = "it has an unknown format"
        raise ValueError(message) from error
    if stored.version != VERSION:
        message = f"its version {stored.version} is unknown"
        raise ValueError(message)
    return stored


class JournalFile:
    """The journal file. A failure never stops the agent: it is logged and kept in `fault`.

    `written` is called on the writing thread after each attempt.
    """

    def __init__(self, path: Path, written: Callable[[JournalWritten], None]) -> None:
        self.path = path
        self.fault = ""
        self._written = written
        self._changed = threading.Condition()
        self._number = 0
        self._unsaved: StoredJournal | None = None
        self._failed: StoredJournal | None = None
        self._closing = False
        self._thread: threading.Thread | None = None

    def load(self) -> StoredJournal:
        """Return the stored journal; a damaged file is moved aside, and what killed runs left half written goes."""
        for left in self.path.parent.glob(f".{self.path.name}-*"):
            with contextlib.suppress(OSError):
                left.unlink()
        try:
            return read(self.path)
        except OSError as error:
            self._report(f"{self.path} cannot be read ({error.strerror}): presses of the last run may ring again")
        except ValueError as error:
            aside = self.path.with_suffix(".damaged")
            log.warning("%s is damaged (%s): it was moved to %s, and no press is remembered", self.path, error, aside)
            with contextlib.suppress(OSError):
                self.path.replace(aside)
        return StoredJournal()

    def save(self, journal: StoredJournal) -> int:
        """Have a journal written soon; return the number of this save."""
        with self._changed:
            self._number += 1
            self._unsaved, self._failed = journal, None
        self._write_soon()
        return self._number

    def retry_save(self) -> None:
        """Write the journal again if the last attempt failed."""
        with self._changed:
            if self._failed is not None and self._unsaved is None:
                self._unsaved, self._failed = self._failed, None
        self._write_soon()

    def close(self) -> None:
        """Wait until the journal is written, but not for long."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join(CLOSE_S)

    def _write_soon(self) -> None:
        """Let the thread write; where the system gives none, write now."""
        if self._can_run():
            with self._changed:
                self._changed.notify()
            return
        journal, self._unsaved = self._unsaved, None
        if journal is not None:
            self._written(JournalWritten(self._number, failed=not self._write(journal)))

    def _can_run(self) -> bool:
        if self._thread is None:
            thread = threading.Thread(target=self._run, name="press-journal", daemon=True)
            try:
                start_thread(thread)
            except NoThreadError:
                return False
            self._thread = thread
        return True

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._unsaved is not None or self._closing)
                journal, number, self._unsaved = self._unsaved, self._number, None
            if journal is None:
                return
            self._written(JournalWritten(number, failed=not self._write(journal)))

    def _write(self, journal: StoredJournal) -> bool:
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            replace_file(self.path, msgspec.json.encode(journal) + b"\n")
        except OSError as error:
            with self._changed:
                self._failed = journal
            self._report(f"{self.path} cannot be written ({error.strerror}): a press may ring again after a restart")
            return False
        self.fault = ""
        return True

    def _report(self, fault: str) -> None:
        if fault != self.fault:
            log.warning("%s", fault)
        self.fault = fault
