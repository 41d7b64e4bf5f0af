"""What the pool's core asks its supervisor to do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from edge_agent.model import Outcome, Shed

if TYPE_CHECKING:
    from edge_agent.model import Job, ShedReason


@dataclass(frozen=True, slots=True)
class StartWorker:
    """Start a process for the slot that leaves some detectors (strategy, model) out."""

    slot: int
    without: frozenset[tuple[str, str]] = frozenset()


@dataclass(frozen=True, slots=True)
class StopWorker:
    """Ask the slot's idle process to exit."""

    slot: int


@dataclass(frozen=True, slots=True)
class KillWorker:
    """End the slot's process now."""

    slot: int
    reason: str


@dataclass(frozen=True, slots=True)
class Assign:
    """Give the job to the slot's process."""

    slot: int
    job_id: int
    job: Job


@dataclass(frozen=True, slots=True)
class Report:
    """Tell the owner of the pool what became of a frame."""

    outcome: Outcome


Action = StartWorker | StopWorker | KillWorker | Assign | Report


def shed(job: Job, reason: ShedReason) -> Report:
    """Return the report of a frame that nobody looks at."""
    return Report(Outcome(job.frame, Shed(reason), job.attempts))
