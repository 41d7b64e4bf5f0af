"""Where log records go, and the rate limit for repeated ones."""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from typing import TYPE_CHECKING, Final, Literal, TextIO

from edge_agent.logs.lines import JsonLines, TextLines, without_bytes
from edge_agent.logs.repeats import Repeats

if TYPE_CHECKING:
    from collections.abc import Hashable
    from types import TracebackType

Format = Literal["auto", "text", "json"]

SAME: Final = (3, 60.0)
"""Lines with the same text: at most this many in this many seconds."""
ALIKE: Final = (20, 10.0)
"""Lines from the same place in the program, with different names or numbers."""


class Handler(logging.StreamHandler[TextIO]):
    """Writes records to a stream, and drops repeated ones.

    Without a stream it writes to the current standard error: a table on the terminal replaces it.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        super().__init__(stream)
        self._follows = stream is None
        self._same = Repeats(*SAME)
        self._alike = Repeats(*ALIKE)

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record, unless many similar ones came just before; critical ones are always written."""
        now = time.monotonic()
        record.args = without_bytes(record.args)
        if self._follows:
            self.setStream(sys.stderr)
        if record.levelno < logging.CRITICAL:
            same = self._same.admit((record.name, record.levelno, record.getMessage()), now)
            alike = None if same is None else self._alike.admit((record.name, record.levelno, str(record.msg)), now)
            if same is None or alike is None:
                return
            record.left_out = same + alike
        super().emit(record)
        self._report_skipped(now)

    def close(self) -> None:
        """Log how many lines were left out at the end."""
        self._report_skipped(float("inf"))
        super().close()

    def _report_skipped(self, now: float) -> None:
        for kind, left_out in (*self._same.expired(now), *self._alike.expired(now)):
            super().emit(_summary(kind, left_out))


def set_up(level: str, log_format: Format, *, secrets: tuple[str, ...] = (), stream: TextIO | None = None) -> None:
    """Send the log of this process to a stream, or to standard error; `auto` writes text to a terminal, else JSON.

    Uncaught errors are logged too, in one line.
    """
    terminal = (stream or sys.stderr).isatty()
    handler = Handler(stream)
    if log_format == "json" or (log_format == "auto" and not terminal):
        handler.setFormatter(JsonLines(secrets))
    else:
        handler.setFormatter(TextLines(secrets, terminal=terminal and "NO_COLOR" not in os.environ))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    sys.excepthook = _report
    threading.excepthook = lambda caught: _report(
        caught.exc_type, caught.exc_value or caught.exc_type(), caught.exc_traceback
    )


def _report(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    """Log an uncaught error."""
    if issubclass(kind, KeyboardInterrupt):
        return
    logging.getLogger("edge_agent").critical(
        "this is a bug, please report it: %s", str(error) or kind.__name__, exc_info=(kind, error, traceback)
    )


def _summary(kind: Hashable, left_out: int) -> logging.LogRecord:
    name, level, text = kind if isinstance(kind, tuple) else ("", logging.INFO, str(kind))
    record = logging.LogRecord(name, level, "", 0, "%s", (text,), None)
    record.left_out = left_out
    return record
