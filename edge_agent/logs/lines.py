"""A log record as one line: for a person, or as JSON for a program."""

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
"""Characters of a message; what is longer says nothing more."""
MIN_SECRET_LENGTH: Final = 4
"""A shorter password is part of too many words to be looked for."""
COLOURS: Final = {logging.DEBUG: "2", logging.WARNING: "38;5;166", logging.ERROR: "31", logging.CRITICAL: "1;31"}
"""SGR parameters of ECMA-48, 8.3.117: faint, orange (yellow vanishes on white), red, bold red."""
_CREDENTIALS: Final = re.compile(r"(?<=://)[^/\s@]+@")
_OWN: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "left_out"}
"""What every record has; the rest was given as `extra`."""


def escape(text: str) -> str:
    """Return text in which nothing moves a cursor, ends a line or hides: other people's words are in it."""
    if len(text) > LONGEST:
        text = f"{text[:LONGEST]}... ({len(text) - LONGEST} more characters)"
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)


def without_bytes(values: Values) -> Values:
    """Return what goes into a message, of bytes only how many there are: they may be a picture."""
    if not isinstance(values, tuple):
        return values
    return tuple(f"({len(each)} bytes)" if isinstance(each, bytes) else each for each in values)


class _Lines(logging.Formatter):
    """What both kinds of lines have in common; `secrets` never leave."""

    def __init__(self, secrets: tuple[str, ...]) -> None:
        super().__init__()
        self._secrets = tuple(secret for secret in secrets if len(secret) >= MIN_SECRET_LENGTH)

    def tidy(self, text: str) -> str:
        """Return text without secrets, and fit for a line."""
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return escape(_CREDENTIALS.sub("***@", text))

    def words(self, record: logging.LogRecord) -> str:
        """Return the message, and how many like it were left out."""
        left_out = getattr(record, "left_out", 0)
        more = f" ({left_out} more like this were left out)" if left_out else ""
        return self.tidy(record.getMessage()) + more

    def stack(self, record: logging.LogRecord) -> str:
        """Return the traceback of an error, in one line, or ''."""
        return self.tidy(self.formatException(record.exc_info)) if record.exc_info else ""

    def given(self, record: logging.LogRecord) -> dict[str, Any]:
        """Return what the record was given as `extra`."""
        return {
            name: self.tidy(value) if isinstance(value, str) else value
            for name, value in vars(record).items()
            if name not in _OWN and isinstance(value, str | int | float | None)
        }


class JsonLines(_Lines):
    """One JSON object a line: `at`, `level`, `part`, `message`, what the record was given, and `stack` of an error."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line = {
            "at": datetime.fromtimestamp(record.created, UTC),
            "level": record.levelname.lower(),
            "part": record.name.removeprefix(PACKAGE),
            "message": self.words(record),
            **self.given(record),
        }
        if stack := self.stack(record):
            line["stack"] = stack
        return msgspec.json.encode(line).decode()


class TextLines(_Lines):
    """A line for people: time, level, part and message; in colours on a terminal, where the date is known."""

    def __init__(self, secrets: tuple[str, ...], *, terminal: bool) -> None:
        super().__init__(secrets)
        self._terminal = terminal

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        moment = time.localtime(record.created)
        at = time.strftime("%H:%M:%S" if self._terminal else "%Y-%m-%dT%H:%M:%S%z", moment)
        stack = self.stack(record)
        words = f"{self.words(record)}{' | ' if stack else ''}{stack}"
        line = f"{at} {record.levelname:<8}{record.name.removeprefix(PACKAGE)}: {words}"
        colour = COLOURS.get(record.levelno, "") if self._terminal else ""
        return f"\x1b[{colour}m{line}\x1b[0m" if colour else line
