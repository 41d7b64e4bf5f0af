"""The search for sources that the page starts: one at a time, on its own thread."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from edge_agent.errors import EdgeAgentError, NoThreadError
from edge_agent.platform.threads import start_thread

if TYPE_CHECKING:
    from collections.abc import Callable

    from edge_agent.ingest.recognizer import ObservedTopic

log = logging.getLogger(__name__)

SEARCH_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class SearchView:
    """A search for the page: the time that is left (0: none runs), what the last one found (None: there was none)."""

    left_s: float = 0.0
    observed: tuple[ObservedTopic, ...] | None = None
    fault: str = ""


class SourceSearch:
    """Searches on request; thread-safe. `search` takes the seconds to listen, and returns what it observed."""

    def __init__(self, search: Callable[[float], list[ObservedTopic]], seconds: float = SEARCH_S) -> None:
        self.seconds = seconds
        self._search = search
        self._lock = threading.Lock()
        self._end_s: float | None = None
        self._last = SearchView()

    def view(self) -> SearchView:
        """Return the state of the search."""
        with self._lock:
            left_s = 0.0 if self._end_s is None else max(1.0, self._end_s - time.monotonic())
            return replace(self._last, left_s=left_s)

    def start(self) -> None:
        """Start a search, unless one runs."""
        with self._lock:
            if self._end_s is not None:
                return
            self._end_s = time.monotonic() + self.seconds
        try:
            start_thread(threading.Thread(target=self._run, name="source-search", daemon=True))
        except NoThreadError as error:
            self._finish(SearchView(fault=str(error)))

    def _run(self) -> None:
        try:
            found = SearchView(observed=tuple(self._search(self.seconds)))
        except EdgeAgentError as error:
            found = SearchView(fault=str(error))
        except Exception:  # the outermost boundary of this thread: without it, the search would seem to run for ever
            log.exception("the search for sources failed")
            found = SearchView(fault="internal error; see the agent's log")
        self._finish(found)

    def _finish(self, found: SearchView) -> None:
        with self._lock:
            self._last, self._end_s = found, None
