"""Which messages are presses: by value, by the change to a value, by a time that is new. Time is an argument."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from edge_agent.ingest.payload import json_value, read_json, strip_blanks

if TYPE_CHECKING:
    from edge_agent.ingest.adapters import Source

LARGEST_VALUE: Final = 65_536
"""Bytes of a message on a press topic; publishers send far less."""
TOGETHER_S: Final = 2.0
"""A press and its time are two messages; they follow each other within this time."""
MOST_DOORBELLS: Final = 256
_BOOLEANS: Final = ("true", "false")


def is_press(source: Source, payload: bytes) -> bool:
    """Return whether a message on a press topic has a value that means a press."""
    if not source.press_payload:
        return True
    if len(payload) > LARGEST_VALUE:
        return False
    bare = strip_blanks(payload)
    if not source.press_path and any(_is_text(bare, wanted) for wanted in source.press_payload):
        return True
    value = json_value(read_json(bare), source.press_path)
    return any(_is_value(value, wanted) for wanted in source.press_payload)


def read_time(payload: bytes, path: str) -> float | None:
    """Return the time in a message, in seconds since 1970: a number, also as text, or ISO 8601; else None."""
    if len(payload) > LARGEST_VALUE:
        return None
    bare = strip_blanks(payload)
    value = json_value(read_json(bare), path) if path else bare.decode(errors="replace")
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        time = float(value)
    except (ValueError, OverflowError):
        return _read_iso(str(value))
    return time if math.isfinite(time) else None


def _read_iso(text: str) -> float | None:
    try:
        time = datetime.fromisoformat(text)
        return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


def _is_text(payload: bytes, wanted: str) -> bool:
    text = payload.decode(errors="replace")
    return text == wanted or (wanted in _BOOLEANS and text.lower() == wanted)


def _is_value(value: Any, wanted: str) -> bool:  # noqa: ANN401 - any JSON value
    """Return whether a JSON value is the wanted one, which settings and presets write as text."""
    if isinstance(value, str):
        return value == wanted
    other = read_json(wanted.encode())
    return value is not None and isinstance(value, bool) == isinstance(other, bool) and bool(value == other)


@dataclass(slots=True)
class _Button:
    """The button of a doorbell: its last value, and when a press or a time came without the other (monotonic)."""

    is_on: bool | None = None
    press_s: float = -math.inf
    time_s: float = -math.inf


class PressRules:
    """The buttons whose presses depend on earlier messages.

    `times` holds the last time of each button; those of an earlier run are given, so that what a publisher repeats
    after a restart is no new press.
    """

    def __init__(self, times: dict[str, float]) -> None:
        self.times = times
        self._buttons: dict[str, _Button] = {}

    def on_value(self, doorbell: str, *, is_on: bool, timed: bool, initial: bool, now: float) -> bool:
        """Return whether a value is a press: a change to `is_on`; if presses are `timed`, one whose time is new.

        An `initial` value is retained: it only says how things were.
        """
        button = self._button(doorbell)
        was_on, button.is_on = button.is_on, is_on
        if initial or not is_on:
            return False
        if not timed:
            return not was_on
        if now - button.time_s <= TOGETHER_S:
            button.press_s, button.time_s = now, -math.inf
            return True
        if doorbell in self.times or was_on:
            return False  # its time follows, and decides
        button.press_s = now
        return True

    def on_time(self, doorbell: str, time: float, *, repeated: bool, initial: bool, now: float) -> bool:
        """Return whether a time makes a press: it is new, and the button is on.

        A `repeated` one was delivered to an earlier run, which did not finish its press.
        """
        button = self._button(doorbell)
        if time <= self.times.get(doorbell, -math.inf):
            return False
        self.times[doorbell] = time
        if initial:
            return False
        if now - button.press_s <= TOGETHER_S:
            button.press_s = -math.inf
            return False
        if button.is_on or (repeated and button.is_on is None):
            return True
        button.time_s = now
        return False

    def on_timed_value(self, doorbell: str, time: float, *, initial: bool) -> bool:
        """Return whether a value that carries its own time is a press: the time is new."""
        self._button(doorbell)
        if time <= self.times.get(doorbell, -math.inf):
            return False
        self.times[doorbell] = time
        return not initial

    def _button(self, doorbell: str) -> _Button:
        """Return the button of a doorbell; of too many, the one that is known longest is removed."""
        if doorbell not in self._buttons:
            for known in (self._buttons, self.times):
                while len(known) >= MOST_DOORBELLS:
                    known.pop(next(iter(known)))
            self._buttons[doorbell] = _Button()
        return self._buttons[doorbell]
