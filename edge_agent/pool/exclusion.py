"""Which detectors are left out for a while, because workers died while they loaded them. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from edge_agent.backoff import backoff_s

if TYPE_CHECKING:
    from edge_agent.reasons import DetectorFault, WorkerExit

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
    fault: DetectorFault | None = None


class Exclusions:
    """Deaths during loads, by detector. The rest doubles each time a detector proves fatal again."""

    def __init__(self) -> None:
        self._records: dict[Choice, _Record] = {}

    def note(self, choice: Choice, end: WorkerExit, now: float) -> None:
        """Note that a worker died, and how, while it loaded `choice`."""
        record = self._records.setdefault(choice, _Record())
        record.deaths += 1
        record.fault = end.as_detector_fault()
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

    def current(self, now: float) -> dict[Choice, DetectorFault]:
        """Return what is left out now, with the reason."""
        return {choice: each.fault for choice, each in self._records.items() if each.fault and now < each.until_s}
