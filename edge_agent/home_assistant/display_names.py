"""The names of doorbells in Home Assistant: readable, and never the same for two. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

SERIAL_NUMBER: Final = re.compile(r"(?=.*\d)[0-9a-f]{8,}", re.IGNORECASE)
"""An id that nobody has chosen: ring-mqtt's, or a MAC address."""


def default_name(doorbell: str) -> str:
    """Return a doorbell's id as a readable name: 'Front door doorbell' for front_door."""
    if SERIAL_NUMBER.fullmatch(doorbell):
        return f"Doorbell {doorbell}"
    text = doorbell.replace("_", " ").replace("-", " ").strip() or doorbell
    name = text[:1].upper() + text[1:]
    return name if "doorbell" in name.lower() else f"{name} doorbell"


class DisplayNames:
    """The name of each doorbell: that of the settings, or one made of its id. Two equal names get the ids.

    `configured` are the names of the settings, by doorbell.
    """

    def __init__(self, configured: Mapping[str, str]) -> None:
        self._configured = configured
        self._with_id: set[str] = set()
        """Doorbells whose names have the id, and keep it when the other one is gone."""

    def name(self, doorbell: str) -> str:
        """Return the name of a doorbell."""
        base = self._base(doorbell)
        return _with_id(base, doorbell) if doorbell in self._with_id else base

    def restore(self, doorbell: str, name: str) -> None:
        """Use a name that was announced earlier, if it has the id: names do not change at each start."""
        if name == _with_id(self._base(doorbell), doorbell):
            self._with_id.add(doorbell)

    def add(self, doorbell: str, known: Iterable[str]) -> list[str]:
        """Make the name of a new doorbell differ from all known ones; return those of them that have a new name."""
        same = [each for each in known if each != doorbell and self._is_same(each, doorbell)]
        renamed = [each for each in same if each not in self._with_id]
        if same:
            self._with_id |= {doorbell, *same}
        return renamed

    def remove(self, doorbell: str) -> None:
        """Forget a doorbell."""
        self._with_id.discard(doorbell)

    def _base(self, doorbell: str) -> str:
        return self._configured.get(doorbell) or default_name(doorbell)

    def _is_same(self, one: str, other: str) -> bool:
        return self._base(one).casefold() == self._base(other).casefold()


def _with_id(name: str, doorbell: str) -> str:
    return f"{name} ({doorbell})"
