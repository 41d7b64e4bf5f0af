"""What becomes of a frame that a worker could not finish. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from edge_agent.model import Failure
from edge_agent.wire import FailureReason

if TYPE_CHECKING:
    from edge_agent.model import Job
    from edge_agent.reasons import WorkerExit
    from edge_agent.wire import Failed

QUARANTINE_CRASHES: Final = 2
"""A frame on which so many workers died or hung is not given to another."""


def after_refusal(job: Job, message: Failed, max_attempts: int) -> Failure | None:
    """Return the end of a frame that a worker said it cannot do, or None: another try may help."""
    if message.reason is FailureReason.DETECTOR_ERROR and job.attempts - job.excused < max_attempts:
        return None
    return Failure(message.reason, message.detail)


def after_crash(job: Job, end: WorkerExit, max_attempts: int, *, late: bool) -> Failure | None:
    """Return the end of a frame on which a worker died, or None: another try may help.

    `end` is how the last worker ended, `late` whether that was at its time limit.
    """
    if job.crashes >= QUARANTINE_CRASHES:
        detail = f"{job.crashes} workers died or hung on this picture; the last one {end.text}"
        return Failure(FailureReason.QUARANTINED, detail)
    if job.attempts - job.excused >= max_attempts:
        return Failure(FailureReason.TIMEOUT if late else FailureReason.DETECTOR_ERROR, f"the worker {end.text}")
    return None
