"""Which accelerators work, which are given to a worker, and when one that failed is tried again. Pure.

An accelerator is proven by a probe, a process of its own, before a worker gets it. One that fails rests, longer each
time; one that failed in use must prove itself more than once before it is given again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from edge_agent.backoff import backoff_s
from edge_agent.model import AUTO, AcceleratorState, AcceleratorView
from edge_agent.reasons import DetectorFault, UnavailableReason

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edge_agent.wire import DetectorChoice


@dataclass(frozen=True, slots=True)
class ProbeLimits:
    """How long a probe may take, how long a failed accelerator rests, and how long one that serves well is steady.

    The first rest doubles with each failure up to the longest; `steady_s` in use wipes the failures out.
    `probes_to_return` good probes in a row, the first rest apart, bring one back that failed in use.
    """

    timeout_s: float = 10.0
    first_rest_s: float = 5.0
    longest_rest_s: float = 600.0
    steady_s: float = 60.0
    probes_to_return: int = 2


@dataclass(slots=True)
class _Record:
    """`due_s` is when a resting accelerator is probed, or when a probe has had its time."""

    choice: DetectorChoice
    state: AcceleratorState = AcceleratorState.RESTING
    due_s: float = 0.0
    held_since_s: float = 0.0
    failures: int = 0
    good_probes: int = 0
    probes_needed: int = 1
    fault: DetectorFault | None = None
    lost_since_s: float | None = None


class Accelerators:
    """The accelerators by their number, in order of preference."""

    def __init__(self, choices: Sequence[DetectorChoice], limits: ProbeLimits) -> None:
        self._records = [_Record(choice) for choice in choices]
        self._limits = limits
        self._allowed = AUTO
        self.promotions = 0
        self.demotions = 0

    def allow(self, strategy: str) -> None:
        """Use accelerators of this strategy alone, or of all of them (AUTO)."""
        self._allowed = strategy

    def is_allowed(self, number: int) -> bool:
        """Return whether an accelerator may be used."""
        return self._allowed in {AUTO, self._records[number].choice.strategy}

    def start_due(self, now: float) -> list[int]:
        """Return which are to be probed now, and count them as being probed."""
        due = [
            number
            for number, record in enumerate(self._records)
            if record.state is AcceleratorState.RESTING and record.due_s <= now and self.is_allowed(number)
        ]
        for number in due:
            self._records[number].state = AcceleratorState.PROBING
            self._records[number].due_s = now + self._limits.timeout_s
        return due

    def overdue(self, now: float) -> list[int]:
        """Return whose probe has taken too long, and count that as its failure."""
        overdue = [
            number
            for number, record in enumerate(self._records)
            if record.state is AcceleratorState.PROBING and record.due_s <= now
        ]
        late = DetectorFault(UnavailableReason.TIMED_OUT, f"within {self._limits.timeout_s:g} s")
        for number in overdue:
            self._fail(self._records[number], late, now)
        return overdue

    def probed(self, number: int, fault: DetectorFault | None, now: float) -> None:
        """Use the end of a probe; `fault` is why the accelerator is unavailable, or None."""
        record = self._records[number]
        if record.state is not AcceleratorState.PROBING:
            return
        if fault is not None:
            self._fail(record, fault, now)
            return
        record.good_probes += 1
        if record.good_probes >= record.probes_needed:
            record.state = AcceleratorState.PROVEN
        else:
            record.state, record.due_s = AcceleratorState.RESTING, now + self._limits.first_rest_s

    def take(self) -> int | None:
        """Give the best one that works to a worker, or None."""
        for number, record in enumerate(self._records):
            if record.state is AcceleratorState.PROVEN and self.is_allowed(number):
                record.state, record.held_since_s = AcceleratorState.HELD, 0.0
                return number
        return None

    def loaded(self, number: int, now: float) -> None:
        """Note that a worker looks at frames with it."""
        record = self._records[number]
        record.held_since_s = now
        record.fault = None
        record.lost_since_s = None
        self.promotions += 1

    def release(self, number: int) -> None:
        """Take it back from a worker that did well with it."""
        self._records[number].state = AcceleratorState.PROVEN

    def failed(self, number: int, fault: DetectorFault, now: float) -> None:
        """Take it from a worker on which it failed."""
        record = self._records[number]
        if record.held_since_s and now - record.held_since_s >= self._limits.steady_s:
            record.failures = 0
        record.probes_needed = self._limits.probes_to_return
        record.lost_since_s = now if record.lost_since_s is None else record.lost_since_s
        self.demotions += 1
        self._fail(record, fault, now)

    def next_due_s(self) -> float | None:
        """Return when `start_due` or `overdue` has something to do, or None."""
        waiting = {AcceleratorState.RESTING, AcceleratorState.PROBING}
        due = (
            record.due_s
            for number, record in enumerate(self._records)
            if record.state in waiting and (record.state is AcceleratorState.PROBING or self.is_allowed(number))
        )
        return min(due, default=None)

    def view(self, now: float) -> tuple[AcceleratorView, ...]:
        """Return what others may know."""
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
        """Return the state as others see it: what a worker still loads is not in use yet."""
        loading = record.state is AcceleratorState.HELD and not record.held_since_s
        return AcceleratorState.PROVEN if loading else record.state

    def _fail(self, record: _Record, fault: DetectorFault, now: float) -> None:
        record.failures += 1
        record.good_probes = 0
        record.held_since_s = 0.0
        record.fault = fault
        record.state = AcceleratorState.RESTING
        record.due_s = now + backoff_s(record.failures, self._limits.first_rest_s, self._limits.longest_rest_s)
