"""Where log records go, and which of many alike."""

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
"""Lines with the same words: so many within so many seconds."""
ALIKE: Final = (20, 10.0)
"""Lines of the same place in the program, with other names or numbers in them."""


class Handler(logging.StreamHandler[TextIO]):
    """Writes records to a stream, and leaves out what was said again and again.

    Without a stream it is standard error, whatever that is by then: a table on the terminal takes its place.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        super().__init__(stream)
        self._follows = stream is None
        self._same = Repeats(*SAME)
        self._alike = Repeats(*ALIKE)

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record, unless many like it came just before; nothing critical is ever left out."""
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
        """Say how much was left out to the end."""
        self._report_skipped(float("inf"))
        super().close()

    def _report_skipped(self, now: float) -> None:
        for kind, left_out in (*self._same.over(now), *self._alike.over(now)):
            super().emit(_summary(kind, left_out))


def set_up(level: str, wanted: Format, *, secrets: tuple[str, ...] = (), stream: TextIO | None = None) -> None:
    """Send the log of this process to a stream, or to standard error: by `auto` as text to a terminal, else as JSON.

    What nobody has caught goes there too, in a line like all others.
    """
    terminal = (stream or sys.stderr).isatty()
    handler = Handler(stream)
    if wanted == "json" or (wanted == "auto" and not terminal):
        handler.setFormatter(JsonLines(secrets))
    else:
        handler.setFormatter(TextLines(secrets, terminal=terminal and "NO_COLOR" not in os.environ))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    sys.excepthook = _report
    threading.excepthook = lambda caught: _report(
        caught.exc_type, caught.exc_value or caught.exc_type(), caught.exc_traceback
    )


def _report(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    """Log an error that nobody has caught."""
    if issubclass(kind, KeyboardInterrupt):
        return
    logging.getLogger("edge_agent").critical(
        "this is a bug, please report it: %s", str(error) or kind.__name__, exc_info=(kind, error, traceback)
    )


def _summary(kind: Hashable, left_out: int) -> logging.LogRecord:
    name, level, words = kind if isinstance(kind, tuple) else ("", logging.INFO, str(kind))
    record = logging.LogRecord(name, level, "", 0, "%s", (words,), None)
    record.left_out = left_out
    return record
