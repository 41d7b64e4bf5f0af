"""Writes the history on a thread of its own. The agent's thread hands over small values and never waits."""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections import deque
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from edge_agent.errors import NoThreadError
from edge_agent.history.collector import Batch, Collector
from edge_agent.history.faults import Fault, HistoryError, HistoryFault, fault_of
from edge_agent.history.messages import EntryDeleted, PressBegan, VisitChanged, of_answer, of_outcome, size_bytes
from edge_agent.history.repair import replace_damaged
from edge_agent.history.store import DATABASE, Limits, Store
from edge_agent.platform.threads import start_thread

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from edge_agent.domain import Outcome
    from edge_agent.doorbells.presses import Answer, Press
    from edge_agent.doorbells.visits import VisitChange
    from edge_agent.history.entries import Entry, PictureKind
    from edge_agent.history.messages import HistoryMessage

log = logging.getLogger(__name__)

COMMIT_INTERVAL_S: Final = 0.5
"""Messages of so long are written together."""
MOST_WAITING: Final = 500
MOST_WAITING_BYTES: Final = 4_000_000
"""Messages, and bytes of pictures, that may wait for the writer; more are dropped and counted."""
RETRY_S: Final = 10.0
KEEP_INTERVAL_S: Final = 3600.0
"""How often old entries are deleted."""
LOSS_SHOWN_S: Final = 60.0
"""How long health reports that entries were lost."""
CLOSE_S: Final = 3.0
"""How long the agent waits for the writer at its end."""


class History:
    """The history of one agent; without a folder it does nothing. Every method is thread-safe; only `close` waits.

    `fault` says why it does not work, or ''; `dropped` counts the messages that were lost.
    """

    def __init__(self, folder: Path | None, limits: Limits) -> None:
        self._folder = folder
        self.dropped = 0
        self._limits = limits
        self._fault: Fault | None = None
        self._lost_s = -LOSS_SHOWN_S
        self._changed = threading.Condition()
        """Protects the messages; held for a moment only, and taken after `_collected`."""
        self._waiting: deque[HistoryMessage] = deque()
        self._waiting_bytes = 0
        self._is_due_changed = False
        """Whether a reader collected messages: the writer computes again what is due."""
        self._closing = False
        self._collected = threading.Lock()
        """Protects the collector and the backlog; never held while the disk is used."""
        self._collector = Collector()
        self._backlog: deque[Batch] = deque()
        self._store: Store | None = None
        self._retry_s = 0.0
        self._keep_s = 0.0
        self._replaced: Path | None = None
        self._thread = threading.Thread(target=self._run, args=(folder,), name="history", daemon=True)

    def start(self) -> None:
        """Start the writer."""
        if self._folder is None:
            return
        try:
            start_thread(self._thread)
        except NoThreadError:
            self._fault = Fault(HistoryFault.NO_THREAD)
            log.warning("%s", self.fault)

    def close(self) -> None:
        """Write what waits, and end every entry; wait a few seconds at most."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        if self._thread.ident is not None:
            self._thread.join(CLOSE_S)

    @property
    def fault(self) -> str:
        """Why the history does not work, as a sentence, or ''."""
        if (fault := self._fault) is not None:
            return fault.text
        if time.monotonic() - self._lost_s < LOSS_SHOWN_S:
            return Fault(HistoryFault.OVERLOAD, str(self.dropped)).text
        if self._replaced is not None:
            return Fault(HistoryFault.REPLACED, str(self._replaced)).text
        return ""

    # On the agent's thread

    def on_press(self, press: Press) -> None:
        """Record a press."""
        self._put(PressBegan(press))

    def on_answer(self, answered: Answer) -> None:
        """Record the answer to a press."""
        self._put(of_answer(answered, datetime.now(UTC)))

    def on_visit(self, change: VisitChange) -> None:
        """Record that a visit began, changed or ended."""
        self._put(VisitChanged(change, datetime.now(UTC)))

    def on_outcome(self, outcome: Outcome, visit_id: str | None) -> None:
        """Record the pictures of a frame that belongs to a visit or a press."""
        if (message := of_outcome(outcome, visit_id)) is not None:
            self._put(message)

    # On other threads

    def delete(self, entry_id: str) -> None:
        """Delete an entry with its pictures, soon."""
        self._put(EntryDeleted(entry_id))

    def open_entries(self) -> Mapping[str, Entry]:
        """Return the entries that may still change or are not written yet, by id."""
        with self._collected:
            self._catch_up()
            unwritten = {entry.entry_id: entry for batch in self._backlog for entry in batch.entries}
            return unwritten | dict(self._collector.entries())

    def open_picture(self, entry_id: str, kind: PictureKind) -> bytes:
        """Return a picture that is not written yet, or b'': a phone asks for it as soon as the event is published."""
        with self._collected:
            self._catch_up()
            unwritten = {(each.entry_id, each.kind): each.jpeg for batch in self._backlog for each in batch.pictures}
            return self._collector.picture(entry_id, kind) or unwritten.get((entry_id, kind), b"")

    def _catch_up(self) -> None:
        """Use the messages so far on the thread of a reader, and tell the writer; `_collected` is held."""
        if self._collect():
            with self._changed:
                self._is_due_changed = True
                self._changed.notify()

    def _collect(self) -> bool:
        """Use the messages so far, in order; `_collected` is held. Return whether there were any."""
        with self._changed:
            messages, self._waiting, self._waiting_bytes = self._waiting, deque(), 0
        now = time.monotonic()
        for message in messages:
            self._collector.on_message(message, now)
        return bool(messages)

    def _put(self, message: HistoryMessage) -> None:
        if self._folder is None:
            return
        with self._changed:
            size = size_bytes(message)
            if len(self._waiting) >= MOST_WAITING or self._waiting_bytes + size > MOST_WAITING_BYTES:
                self._lose(1)
                return
            self._waiting.append(message)
            self._waiting_bytes += size
            self._changed.notify()

    def _lose(self, count: int) -> None:
        self.dropped += count
        self._lost_s = time.monotonic()

    # On the writer's thread

    def _run(self, folder: Path) -> None:
        try:
            while self._step(folder):
                pass
        except Exception:  # the outermost boundary of the thread: the agent goes on without a history
            log.exception("the history ends")
            self._fault = Fault(HistoryFault.FAILED, "its thread failed; see the agent's log")
        if self._store is not None:
            self._store.close()

    def _step(self, folder: Path) -> bool:
        """Wait for messages, or for what is due; write it. Return whether there is more to come."""
        is_closing = self._wait()
        with self._collected:
            self._collect()
            now = time.monotonic()
            if is_closing:
                self._collector.close(datetime.now(UTC))
            batch = self._collector.take(now)
            if batch != Batch():
                self._backlog.append(batch)
                self._limit_backlog()
        if is_closing:
            self._retry_s = 0.0
        self._write(folder, now)
        return not is_closing

    def _wait(self) -> bool:
        """Return after the first message and those that follow soon, or when something is due."""
        pause_s = self._pause_s()
        with self._changed:
            self._changed.wait_for(lambda: self._closing or bool(self._waiting) or self._is_due_changed, pause_s)
            if self._waiting or self._is_due_changed:
                self._changed.wait_for(lambda: self._closing, COMMIT_INTERVAL_S)
            self._is_due_changed = False
            return self._closing

    def _pause_s(self) -> float:
        with self._collected:
            due_s = self._collector.next_due_s()
        due_s = min(due_s, self._retry_s if self._store is None or self._backlog else self._keep_s)
        return max(0.0, due_s - time.monotonic())

    def _limit_backlog(self) -> None:
        """Drop the oldest entries that could not be written: memory is limited."""
        while len(self._backlog) > MOST_WAITING or sum(each.size_bytes for each in self._backlog) > MOST_WAITING_BYTES:
            self._lose(max(1, len(self._backlog.popleft().entries)))

    def _write(self, folder: Path, now: float) -> None:
        if now < self._retry_s:
            return
        try:
            store = self._store or self._open(folder)
            while self._backlog:
                store.write(self._backlog[0])
                with self._collected:
                    self._backlog.popleft()
            if now >= self._keep_s or store.size_bytes() > self._limits.max_bytes:
                self._keep_s = now + KEEP_INTERVAL_S
                store.keep(self._limits, datetime.now(UTC))
        except (OSError, sqlite3.Error) as error:
            self._on_error(fault_of(error, folder), folder, now)
        except HistoryError as error:
            self._on_error(error.fault, folder, now)
        else:
            if self._fault is not None:
                log.info("the history of visits is written again")
            self._fault, self._retry_s = None, 0.0
            if self._replaced is not None and not self._replaced.exists():
                self._replaced = None

    def _open(self, folder: Path) -> Store:
        self._store = Store(folder)
        self._store.recover()
        return self._store

    def _on_error(self, fault: Fault, folder: Path, now: float) -> None:
        if self._store is not None:
            self._store.close()
            self._store = None
        if fault.reason is HistoryFault.DAMAGED and self._replaced is None:
            fault = self._repair(fault, folder)
        else:
            self._retry_s = now + RETRY_S
        if self._fault is None or fault.reason is not self._fault.reason:
            log.warning("%s", fault.text)
        self._fault = fault

    def _repair(self, fault: Fault, folder: Path) -> Fault:
        """Replace a damaged database; the next step goes on with the new one."""
        try:
            self._replaced = replace_damaged(folder / DATABASE)
        except (OSError, sqlite3.Error) as error:
            self._retry_s = time.monotonic() + RETRY_S
            return fault_of(error, folder)
        self._retry_s = 0.0
        return fault
