"""Which detectors are left out for a while, because workers died while they loaded them. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from edge_agent.backoff import backoff_s

FATAL_LOADS: Final = 2
"""So many deaths while loading leave a detector out: one may be chance, and two workers try at the same time."""
FIRST_REST_S: Final = 60.0
LONGEST_REST_S: Final = 1800.0

Choice = tuple[str, str]
"""Strategy and model."""


@dataclass(slots=True)
class _Record:
    deaths: int = 0
    rests: int = 0
    until_s: float = 0.0
    rests_now: bool = False
    reason: str = ""


class Exclusions:
    """Deaths during loads, by detector. The rest doubles each time a detector proves fatal again."""

    def __init__(self) -> None:
        self._records: dict[Choice, _Record] = {}

    def note(self, choice: Choice, reason: str, now: float) -> None:
        """Note that a worker died while it loaded `choice`."""
        record = self._records.setdefault(choice, _Record())
        record.deaths += 1
        record.reason = f"a worker that loaded it {reason}"
        if record.deaths >= FATAL_LOADS:
            record.deaths = 0
            record.rests += 1
            record.until_s = now + backoff_s(record.rests, FIRST_REST_S, LONGEST_REST_S)
            record.rests_now = True

    def clear(self, choice: Choice) -> None:
        """Note that `choice` was loaded."""
        self._records.pop(choice, None)

    def have_ended(self, now: float) -> bool:
        """Return whether the rest of any has ended since this was asked before."""
        over = [record for record in self._records.values() if record.rests_now and now >= record.until_s]
        for record in over:
            record.rests_now = False
        return bool(over)

    def next_end_s(self) -> float | None:
        """Return when the next rest ends, or None."""
        return min((record.until_s for record in self._records.values() if record.rests_now), default=None)

    def current(self, now: float) -> dict[Choice, str]:
        """Return what is left out now, with the reason."""
        return {choice: record.reason for choice, record in self._records.items() if now < record.until_s}
