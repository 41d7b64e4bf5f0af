"""The actions that the core asks the supervisor to carry out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from edge_agent.domain import Outcome, Shed

if TYPE_CHECKING:
    from edge_agent.domain import Job, ShedReason
    from edge_agent.reasons import WorkerExit


@dataclass(frozen=True, slots=True)
class StartWorker:
    """Start a process for the slot: for that accelerator, or with all detectors except some (strategy, model)."""

    slot: int
    without: frozenset[tuple[str, str]] = frozenset()
    accelerator: int | None = None


@dataclass(frozen=True, slots=True)
class StopWorker:
    """Ask the slot's idle process to exit."""

    slot: int


@dataclass(frozen=True, slots=True)
class KillWorker:
    """Kill the slot's process; `reason` is logged."""

    slot: int
    end: WorkerExit


@dataclass(frozen=True, slots=True)
class Assign:
    """Send the job to the slot's process, with its time limit, and `more` jobs (id, job) of the same batch."""

    slot: int
    job_id: int
    job: Job
    limit_s: float
    more: tuple[tuple[int, Job], ...] = ()


@dataclass(frozen=True, slots=True)
class StartProbe:
    """Test an accelerator in a process of its own."""

    accelerator: int


@dataclass(frozen=True, slots=True)
class EndProbe:
    """Kill the probe of an accelerator."""

    accelerator: int


@dataclass(frozen=True, slots=True)
class Report:
    """Report the outcome of a frame."""

    outcome: Outcome


Action = StartWorker | StopWorker | KillWorker | Assign | StartProbe | EndProbe | Report


def shed(job: Job, reason: ShedReason) -> Report:
    """Return the report of a frame that was shed."""
    return Report(Outcome(job.frame, Shed(reason), job.attempts))
