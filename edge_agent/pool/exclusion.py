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

    def clear(self, choice: Choice) -> None:
        """Note that `choice` was loaded."""
        self._records.pop(choice, None)

    def current(self, now: float) -> dict[Choice, str]:
        """Return what is left out now, with the reason."""
        return {choice: record.reason for choice, record in self._records.items() if now < record.until_s}
