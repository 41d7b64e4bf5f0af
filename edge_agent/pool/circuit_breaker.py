"""Which detectors are left out for a while, because workers died while they loaded them. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from edge_agent.backoff import backoff_s

FAILURE_THRESHOLD: Final = 2
"""So many deaths while loading leave a detector out: one may be chance, and two workers try at the same time."""
FIRST_REST_S: Final = 60.0
LONGEST_REST_S: Final = 1800.0

Choice = tuple[str, str]
"""Strategy and model."""


@dataclass(slots=True)
class _Record:
    deaths: int = 0
    trips: int = 0
    open_until_s: float = 0.0
    is_open: bool = False
    reason: str = ""


class CircuitBreaker:
    """Deaths during loads, by detector. The rest doubles each time a detector proves fatal again."""

    def __init__(self) -> None:
        self._records: dict[Choice, _Record] = {}

    def record_failure(self, choice: Choice, reason: str, now: float) -> None:
        """Note that a worker died while it loaded `choice`."""
        record = self._records.setdefault(choice, _Record())
        record.deaths += 1
        record.reason = f"a worker that loaded it {reason}"
        if record.deaths >= FAILURE_THRESHOLD:
            record.deaths = 0
            record.trips += 1
            record.open_until_s = now + backoff_s(record.trips, FIRST_REST_S, LONGEST_REST_S)
            record.is_open = True

    def record_success(self, choice: Choice) -> None:
        """Note that `choice` was loaded."""
        self._records.pop(choice, None)

    def have_closed(self, now: float) -> bool:
        """Return whether the rest of any has ended since this was asked before."""
        over = [record for record in self._records.values() if record.is_open and now >= record.open_until_s]
        for record in over:
            record.is_open = False
        return bool(over)

    def next_close_s(self) -> float | None:
        """Return when the next rest ends, or None."""
        return min((record.open_until_s for record in self._records.values() if record.is_open), default=None)

    def open_circuits(self, now: float) -> dict[Choice, str]:
        """Return what is left out now, with the reason."""
        return {choice: record.reason for choice, record in self._records.items() if now < record.open_until_s}
