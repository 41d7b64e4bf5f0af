"""Which detectors are excluded for a while, because workers died while they loaded them. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from edge_agent.backoff import backoff_s

if TYPE_CHECKING:
    from edge_agent.reasons import DetectorFault, WorkerExit

FAILURE_THRESHOLD: Final = 2
"""Deaths during loads after which a detector is excluded: one may be chance, and two workers load at the same time."""
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
    fault: DetectorFault | None = None


class CircuitBreaker:
    """Deaths during loads, by detector. The exclusion doubles each time the detector kills workers again."""

    def __init__(self) -> None:
        self._records: dict[Choice, _Record] = {}

    def record_failure(self, choice: Choice, end: WorkerExit, now: float) -> None:
        """Record that a worker died while it loaded `choice`, and how."""
        record = self._records.setdefault(choice, _Record())
        record.deaths += 1
        record.fault = end.as_detector_fault()
        if record.deaths >= FAILURE_THRESHOLD:
            record.deaths = 0
            record.trips += 1
            record.open_until_s = now + backoff_s(record.trips, FIRST_REST_S, LONGEST_REST_S)
            record.is_open = True

    def record_success(self, choice: Choice) -> None:
        """Record that `choice` was loaded."""
        self._records.pop(choice, None)

    def have_closed(self, now: float) -> bool:
        """Return whether an exclusion has ended since the last call."""
        over = [record for record in self._records.values() if record.is_open and now >= record.open_until_s]
        for record in over:
            record.is_open = False
        return bool(over)

    def next_close_s(self) -> float | None:
        """Return when the next exclusion ends, or None."""
        return min((record.open_until_s for record in self._records.values() if record.is_open), default=None)

    def open_circuits(self, now: float) -> dict[Choice, DetectorFault]:
        """Return the excluded detectors, with the reason."""
        return {choice: each.fault for choice, each in self._records.items() if each.fault and now < each.open_until_s}
