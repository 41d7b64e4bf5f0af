"""What the pool's core asks its supervisor to do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from edge_agent.model import Outcome, Shed

if TYPE_CHECKING:
    from edge_agent.model import Job, ShedReason
    from edge_agent.reasons import WorkerExit


@dataclass(frozen=True, slots=True)
class StartWorker:
    """Start a process for the slot: for that accelerator, or with all detectors but some (strategy, model)."""

    slot: int
    without: frozenset[tuple[str, str]] = frozenset()
    accelerator: int | None = None


@dataclass(frozen=True, slots=True)
class StopWorker:
    """Ask the slot's idle process to exit."""

    slot: int


@dataclass(frozen=True, slots=True)
class KillWorker:
    """End the slot's process now, and why."""

    slot: int
    end: WorkerExit


@dataclass(frozen=True, slots=True)
class Assign:
    """Give the job to the slot's process, which has so long for it; and `more` (id, job) with it, all at once."""

    slot: int
    job_id: int
    job: Job
    limit_s: float
    more: tuple[tuple[int, Job], ...] = ()


@dataclass(frozen=True, slots=True)
class StartProbe:
    """Find out in a process of its own whether an accelerator works."""

    accelerator: int


@dataclass(frozen=True, slots=True)
class EndProbe:
    """End the probe of an accelerator now."""

    accelerator: int


@dataclass(frozen=True, slots=True)
class Report:
    """Tell the owner of the pool what became of a frame."""

    outcome: Outcome


Action = StartWorker | StopWorker | KillWorker | Assign | StartProbe | EndProbe | Report


def shed(job: Job, reason: ShedReason) -> Report:
    """Return the report of a frame that nobody looks at."""
    return Report(Outcome(job.frame, Shed(reason), job.attempts))
