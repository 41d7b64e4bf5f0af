"""Formats a log record as one line: text or JSON."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

Values = tuple[object, ...] | Mapping[str, object] | None
"""The arguments of a log record."""

PACKAGE: Final = "edge_agent."
LONGEST: Final = 4000
"""The longest message in characters; the rest is cut off."""
MIN_SECRET_LENGTH: Final = 4
"""Shorter passwords occur in too many words to be masked."""
COLOURS: Final = {logging.DEBUG: "2", logging.WARNING: "38;5;166", logging.ERROR: "31", logging.CRITICAL: "1;31"}
"""SGR parameters of ECMA-48, 8.3.117: faint, orange (yellow vanishes on white), red, bold red."""
_CREDENTIALS: Final = re.compile(r"(?<=://)[^/\s@]+@")
_OWN: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "left_out"}
"""The attributes of every record; others came as `extra`."""


def escape(text: str) -> str:
    """Return text without characters that move a cursor, end a line or hide text: it may contain others' input."""
    if len(text) > LONGEST:
        text = f"{text[:LONGEST]}... ({len(text) - LONGEST} more characters)"
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)


def without_bytes(values: Values) -> Values:
    """Return the arguments of a message with bytes replaced by their number: they may be a picture."""
    if not isinstance(values, tuple):
        return values
    return tuple(f"({len(each)} bytes)" if isinstance(each, bytes) else each for each in values)


class _Lines(logging.Formatter):
    """The base of both formatters; `secrets` are masked."""

    def __init__(self, secrets: tuple[str, ...]) -> None:
        super().__init__()
        self._secrets = tuple(secret for secret in secrets if len(secret) >= MIN_SECRET_LENGTH)

    def sanitize(self, text: str) -> str:
        """Return text without secrets, in a single line."""
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return escape(_CREDENTIALS.sub("***@", text))

    def message(self, record: logging.LogRecord) -> str:
        """Return the message, and how many similar ones were left out."""
        left_out = getattr(record, "left_out", 0)
        more = f" ({left_out} more like this were left out)" if left_out else ""
        return self.sanitize(record.getMessage()) + more

    def exception(self, record: logging.LogRecord) -> str:
        """Return the traceback of an error, in one line, or ''."""
        return self.sanitize(self.formatException(record.exc_info)) if record.exc_info else ""

    def extra_values(self, record: logging.LogRecord) -> dict[str, Any]:
        """Return the record's `extra` values."""
        return {
            name: self.sanitize(value) if isinstance(value, str) else value
            for name, value in vars(record).items()
            if name not in _OWN and isinstance(value, str | int | float | None)
        }


class JsonLines(_Lines):
    """One JSON object a line: `timestamp`, `level`, `logger`, `message`, the record's `extra`, and `exception`."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line = {
            "timestamp": datetime.fromtimestamp(record.created, UTC),
            "level": record.levelname.lower(),
            "logger": record.name.removeprefix(PACKAGE),
            "message": self.message(record),
            **self.extra_values(record),
        }
        if exception := self.exception(record):
            line["exception"] = exception
        return msgspec.json.encode(line).decode()


class TextLines(_Lines):
    """A line for people: time, level, logger and message; in colours on a terminal, where the date is known."""

    def __init__(self, secrets: tuple[str, ...], *, terminal: bool) -> None:
        super().__init__(secrets)
        self._terminal = terminal

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        moment = time.localtime(record.created)
        at = time.strftime("%H:%M:%S" if self._terminal else "%Y-%m-%dT%H:%M:%S%z", moment)
        exception = self.exception(record)
        words = f"{self.message(record)}{' | ' if exception else ''}{exception}"
        line = f"{at} {record.levelname:<8}{record.name.removeprefix(PACKAGE)}: {words}"
        colour = COLOURS.get(record.levelno, "") if self._terminal else ""
        return f"\x1b[{colour}m{line}\x1b[0m" if colour else line
