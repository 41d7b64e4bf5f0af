"""Absence from the broker: which presses may have waited there, and for how long at most. Pure; time is an argument."""

from __future__ import annotations

from typing import Final

BACKLOG_S: Final = 2.0
"""A broker delivers what waited in a kept session right after the connection."""


class Absence:
    """When the agent was away from the broker: since `away_since_s`; None: that is unknown."""

    def __init__(self, away_since_s: float | None) -> None:
        self.away_since_s = away_since_s
        self._is_away = True
        self._connection = 0
        self._backlog_ends_s = float("-inf")

    def on_link_up(self, connection: int, now: float, *, session_present: bool) -> None:
        """Record a connection; without a kept session nothing has waited."""
        self._is_away = False
        self._connection = connection
        self._backlog_ends_s = now + BACKLOG_S if session_present else float("-inf")

    def on_link_down(self, now: float) -> bool:
        """Record that the connection is gone, or still away; return whether it stood before."""
        before, self._is_away = self._is_away, True
        if not before:
            self.away_since_s = now
        return not before

    def may_have_waited(self, connection: int, arrived_s: float) -> bool:
        """Return whether a message of a connection may have waited at the broker.

        Messages of a kept session arrive before its connection is reported.
        """
        is_backlog = connection == self._connection and arrived_s < self._backlog_ends_s
        return connection > self._connection or is_backlog

    def longest_wait_s(self, arrived_s: float) -> float | None:
        """Return the longest time that such a message has waited, or None if unknown."""
        return None if self.away_since_s is None else max(0.0, arrived_s - self.away_since_s)
