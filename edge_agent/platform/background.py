"""Work that nobody waits for, on a thread that no exit waits for."""

from __future__ import annotations

import logging
import queue
import threading
from typing import TYPE_CHECKING, Final

from edge_agent.errors import NoThreadError
from edge_agent.platform.threads import start_thread

if TYPE_CHECKING:
    from collections.abc import Callable

log = logging.getLogger(__name__)

CLOSE_S: Final = 1.0
"""How long an exit waits for a disk that does not answer."""


class BackgroundWorker:
    """Runs functions one after the other on a daemon thread, or at once where the system gives no thread."""

    def __init__(self, name: str) -> None:
        self._waiting: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def submit(self, function: Callable[[], None]) -> None:
        """Run a function soon."""
        if self._can_run():
            self._waiting.put(function)
        else:
            function()

    def close(self, timeout_s: float = CLOSE_S) -> bool:
        """Wait until everything is done, at most so long; return whether it is."""
        if not self._thread.is_alive():
            return True
        self._waiting.put(None)
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _can_run(self) -> bool:
        if self._thread.ident is None:
            try:
                start_thread(self._thread)
            except NoThreadError:
                return False
        return self._thread.is_alive()

    def _run(self) -> None:
        while (function := self._waiting.get()) is not None:
            try:
                function()
            except Exception:  # the next function must still run
                log.exception("%s failed", self._thread.name)
