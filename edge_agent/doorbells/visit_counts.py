"""How many visits each doorbell had today. Pure; the day is an argument."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from edge_agent import topics
from edge_agent.domain import Publication

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import date


class VisitCounts:
    """The counts of a day of this host's time zone; `before` are those of an earlier run on that day."""

    def __init__(self, day: date, before: Mapping[str, int]) -> None:
        self._day = day
        self._counts = Counter(before)
        self._published: dict[str, int] = {}

    def on_visit(self, doorbell: str, day: date) -> None:
        """Count a visit that begins."""
        self._begin(day)
        self._counts[doorbell] += 1

    def on_connected(self) -> None:
        """Publish every count again: the broker may have lost them."""
        self._published.clear()

    def changed(self, doorbells: Iterable[str], day: date) -> list[Publication]:
        """Return the counts of these doorbells that differ from those published: 0 on a new day."""
        self._begin(day)
        counts = {name: self._counts[name] for name in doorbells}
        found = [name for name, count in counts.items() if self._published.get(name) != count]
        self._published = counts
        return [Publication(topics.visits_today(name), b"%d" % counts[name], qos=1, retain=True) for name in found]

    def _begin(self, day: date) -> None:
        if day != self._day:
            self._day = day
            self._counts.clear()
