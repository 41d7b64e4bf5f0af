"""What a change of an entity in Home Assistant means. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Final

FRESH_S: Final = 2.0
"""An `event` entity that returns from `unavailable` shows its last event again: its time is then long before."""
BY_TIME: Final = frozenset({"event", "button", "input_button"})
"""Domains whose state is the time of the last event."""
NO_STATE: Final = frozenset({"unknown", "unavailable"})


class Meaning(Enum):
    """What happened at the door."""

    PRESS = "press"
    MOTION_ON = "motion_on"
    MOTION_OFF = "motion_off"


@dataclass(frozen=True, slots=True)
class StateChange:
    """A change of an entity's state; `changed_at` is Home Assistant's time of it, ISO 8601."""

    entity: str
    before: str
    after: str
    changed_at: str


class LastEvents:
    """The last event of each entity: the same one is shown again when an entity returns."""

    def __init__(self) -> None:
        self._at: dict[str, str] = {}

    def is_new(self, change: StateChange) -> bool:
        """Return whether a change is not the event that was there before; remember it."""
        is_new = not _is_by_time(change) or self._at.get(change.entity) != change.after
        if _is_by_time(change) and change.after not in NO_STATE:
            self._at[change.entity] = change.after
        return is_new


def meaning(change: StateChange, *, press: str, motion: str) -> Meaning | None:
    """Return what a change means for the entities of a camera, None for nothing."""
    is_on = _fired(change) if _is_by_time(change) else _turned_on(change)
    if change.entity == press and is_on:
        return Meaning.PRESS
    if change.entity == motion:
        return Meaning.MOTION_ON if is_on else Meaning.MOTION_OFF if change.after == "off" else None
    return None


def _is_by_time(change: StateChange) -> bool:
    return change.entity.partition(".")[0] in BY_TIME


def _turned_on(change: StateChange) -> bool:
    return change.before == "off" and change.after == "on"


def _fired(change: StateChange) -> bool:
    try:
        since = datetime.fromisoformat(change.changed_at) - datetime.fromisoformat(change.after)
    except (ValueError, TypeError):
        return False  # unknown, unavailable
    return change.before != change.after and abs(since.total_seconds()) < FRESH_S
