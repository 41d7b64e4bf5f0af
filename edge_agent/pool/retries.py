"""Which frames are retried, and when. Pure; time is an argument."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from edge_agent.backoff import backoff_s
from edge_agent.domain import Failure
from edge_agent.wire import FailureReason

if TYPE_CHECKING:
    from collections.abc import Callable

    from edge_agent.domain import Job
    from edge_agent.reasons import WorkerExit
    from edge_agent.wire import Failed

LONGEST_DELAY_S: Final = 2.0
QUARANTINE_CRASHES: Final = 2
"""Workers that may die or hang on a frame; then it is quarantined."""


class Retries:
    """Jobs that wait for their next attempt; the delay doubles with the number of attempts."""

    def __init__(self, first_delay_s: float) -> None:
        self._first_delay_s = first_delay_s
        self._waiting: list[tuple[float, Job]] = []
        self.total = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, job: Job, now: float) -> None:
        """Add a job."""
        self.total += 1
        self._waiting.append((now + backoff_s(job.attempts, self._first_delay_s, LONGEST_DELAY_S), job))

    def take_due(self, now: float) -> list[Job]:
        """Remove and return the jobs that are due."""
        due = [job for due_s, job in self._waiting if due_s <= now]
        self._waiting = [entry for entry in self._waiting if entry[0] > now]
        return due

    def update(self, doorbell: str, change: Callable[[Job], Job]) -> None:
        """Change the jobs of a doorbell."""
        self._waiting = [
            (due_s, change(job) if job.frame.doorbell == doorbell else job) for due_s, job in self._waiting
        ]

    def next_due_s(self) -> float | None:
        """Return when the next job is due, or None."""
        return min((due_s for due_s, _ in self._waiting), default=None)

    def clear(self) -> list[Job]:
        """Remove and return all."""
        jobs = [job for _, job in self._waiting]
        self._waiting.clear()
        return jobs


def after_failure(job: Job, message: Failed, max_attempts: int) -> Failure | None:
    """Return the final failure of a frame that a worker reported as failed, or None if it is to be retried."""
    if message.reason is FailureReason.DETECTOR_ERROR and job.attempts - job.excused < max_attempts:
        return None
    return Failure(message.reason, message.detail)


def after_crash(job: Job, end: WorkerExit, max_attempts: int, *, late: bool) -> Failure | None:
    """Return the final failure of a frame on which a worker died, or None if it is to be retried.

    `end` is how the last worker ended, `late` whether it had reached its time limit.
    """
    if job.crashes >= QUARANTINE_CRASHES:
        detail = f"{job.crashes} workers died or hung on this picture; the last one {end.text}"
        return Failure(FailureReason.QUARANTINED, detail)
    if job.attempts - job.excused >= max_attempts:
        return Failure(FailureReason.TIMEOUT if late else FailureReason.DETECTOR_ERROR, f"the worker {end.text}")
    return None
