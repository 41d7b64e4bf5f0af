"""What the doctor says of one thing."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Level(StrEnum):
    """How bad it is: an error keeps the agent from working, a warning makes it work worse."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"


class Finding(msgspec.Struct, frozen=True):
    """One thing that was examined: what was found, and how to mend it ('': nothing is to be mended)."""

    check: str
    level: Level
    text: str
    fix: str = ""


def ok(check: str, text: str) -> Finding:
    """Return that something is as it should be."""
    return Finding(check, Level.OK, text)


def warning(check: str, text: str, fix: str) -> Finding:
    """Return that something makes the agent work worse."""
    return Finding(check, Level.WARNING, text, fix)


def error(check: str, text: str, fix: str) -> Finding:
    """Return that something keeps the agent from working."""
    return Finding(check, Level.ERROR, text, fix)
