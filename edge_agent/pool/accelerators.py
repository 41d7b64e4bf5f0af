"""Which accelerators work, which worker has one, and when one that failed is tried again. Pure.

A probe, a process of its own, tests an accelerator before a worker gets it. After a failure it is unavailable for a
time that grows; one that failed in use must pass more than one probe before it is assigned again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from edge_agent.backoff import backoff_s
from edge_agent.domain import AUTO
from edge_agent.pool.views import AcceleratorState, AcceleratorView
from edge_agent.reasons import DetectorFault, UnavailableReason

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edge_agent.wire import DetectorChoice


@dataclass(frozen=True, slots=True)
class ProbeLimits:
    """The time limit of a probe, the backoff of a failed accelerator, and when its failures are forgotten.

    The backoff doubles with each failure up to its maximum; `steady_s` in use resets it.
    An accelerator that failed in use returns after `probes_to_return` successful probes in a row.
    """

    timeout_s: float = 10.0
    first_rest_s: float = 5.0
    longest_rest_s: float = 600.0
    steady_s: float = 60.0
    probes_to_return: int = 2


@dataclass(slots=True)
class _Record:
    """`due_s`: when an unavailable accelerator is probed again, or when its probe times out."""

    choice: DetectorChoice
    state: AcceleratorState = AcceleratorState.UNAVAILABLE
    due_s: float = 0.0
    held_since_s: float = 0.0
    failures: int = 0
    good_probes: int = 0
    probes_needed: int = 1
    fault: DetectorFault | None = None
    lost_since_s: float | None = None


class Accelerators:
    """The accelerators, by number, in order of preference."""

    def __init__(self, choices: Sequence[DetectorChoice], limits: ProbeLimits) -> None:
        self._records = [_Record(choice) for choice in choices]
        self._limits = limits
        self._allowed = AUTO
        self.accelerator_assignments = 0
        self.accelerator_releases = 0

    def allow_strategy(self, strategy: str) -> None:
        """Allow the accelerators of one strategy, or all of them (AUTO)."""
        self._allowed = strategy

    def is_allowed(self, number: int) -> bool:
        """Return whether an accelerator may be used."""
        return self._allowed in {AUTO, self._records[number].choice.strategy}

    def start_due(self, now: float) -> list[int]:
        """Return the accelerators to probe now, and mark them as being probed."""
        due = [
            number
            for number, record in enumerate(self._records)
            if record.state is AcceleratorState.UNAVAILABLE and record.due_s <= now and self.is_allowed(number)
        ]
        for number in due:
            self._records[number].state = AcceleratorState.PROBING
            self._records[number].due_s = now + self._limits.timeout_s
        return due

    def overdue(self, now: float) -> list[int]:
        """Return the accelerators whose probe timed out, and record the failure."""
        overdue = [
            number
            for number, record in enumerate(self._records)
            if record.state is AcceleratorState.PROBING and record.due_s <= now
        ]
        late = DetectorFault(UnavailableReason.TIMED_OUT, f"within {self._limits.timeout_s:g} s")
        for number in overdue:
            self._fail(self._records[number], late, now)
        return overdue

    def on_probe_result(self, number: int, fault: DetectorFault | None, now: float) -> None:
        """Record the result of a probe; `fault` says why the accelerator is unavailable, or is None."""
        record = self._records[number]
        if record.state is not AcceleratorState.PROBING:
            return
        if fault is not None:
            self._fail(record, fault, now)
            return
        record.good_probes += 1
        if record.good_probes >= record.probes_needed:
            record.state = AcceleratorState.AVAILABLE
        else:
            record.state, record.due_s = AcceleratorState.UNAVAILABLE, now + self._limits.first_rest_s

    def assign(self) -> int | None:
        """Assign the best available one to a worker; return its number, or None."""
        for number, record in enumerate(self._records):
            if record.state is AcceleratorState.AVAILABLE and self.is_allowed(number):
                record.state, record.held_since_s = AcceleratorState.IN_USE, 0.0
                return number
        return None

    def on_loaded(self, number: int, now: float) -> None:
        """Record that a worker is ready with it."""
        record = self._records[number]
        record.held_since_s = now
        record.fault = None
        record.lost_since_s = None
        self.accelerator_assignments += 1

    def release(self, number: int) -> None:
        """Release it from a worker that used it without a failure."""
        self._records[number].state = AcceleratorState.AVAILABLE

    def on_failure(self, number: int, fault: DetectorFault, now: float) -> None:
        """Release it from a worker on which it failed."""
        record = self._records[number]
        if record.held_since_s and now - record.held_since_s >= self._limits.steady_s:
            record.failures = 0
        record.probes_needed = self._limits.probes_to_return
        record.lost_since_s = now if record.lost_since_s is None else record.lost_since_s
        self.accelerator_releases += 1
        self._fail(record, fault, now)

    def next_due_s(self) -> float | None:
        """Return when `start_due` or `overdue` has something to do, or None."""
        waiting = {AcceleratorState.UNAVAILABLE, AcceleratorState.PROBING}
        due = (
            record.due_s
            for number, record in enumerate(self._records)
            if record.state in waiting and (record.state is AcceleratorState.PROBING or self.is_allowed(number))
        )
        return min(due, default=None)

    def view(self, now: float) -> tuple[AcceleratorView, ...]:
        """Return the state as a view."""
        return tuple(
            AcceleratorView(
                strategy=record.choice.strategy,
                model=record.choice.model,
                device=record.choice.device,
                state=self._shown(record) if self.is_allowed(number) else AcceleratorState.OFF,
                fault=record.fault,
                lost_for_s=None if record.lost_since_s is None else now - record.lost_since_s,
            )
            for number, record in enumerate(self._records)
        )

    @staticmethod
    def _shown(record: _Record) -> AcceleratorState:
        """Return the state for the view: an accelerator that a worker is still loading is not in use yet."""
        loading = record.state is AcceleratorState.IN_USE and not record.held_since_s
        return AcceleratorState.AVAILABLE if loading else record.state

    def _fail(self, record: _Record, fault: DetectorFault, now: float) -> None:
        record.failures += 1
        record.good_probes = 0
        record.held_since_s = 0.0
        record.fault = fault
        record.state = AcceleratorState.UNAVAILABLE
        record.due_s = now + backoff_s(record.failures, self._limits.first_rest_s, self._limits.longest_rest_s)
