"""Which frames without a result are told of, and in which words."""

from __future__ import annotations

from typing import Final

from edge_agent.model import Failure, Outcome, Shed, ShedReason, Trigger
from edge_agent.wire import FailureReason

SHEDS: Final = {
    ShedReason.EXPIRED: "no worker was free before the frame expired",
    ShedReason.OVERLOAD: "too many frames were waiting",
    ShedReason.SUPERSEDED: "a newer frame of this doorbell took its place",
    ShedReason.STALE: "the picture was taken too long ago",
    ShedReason.DETECTION_OFF: "detection is switched off",
    ShedReason.PRESS_ONLY: "only pictures of a press are looked at",
    ShedReason.DUPLICATE: "the picture is byte for byte the doorbell's last one",
    ShedReason.UNCHANGED: "the picture shows what one without a face showed",
    ShedReason.STOPPING: "the agent is stopping",
}
"""What is said of a frame that was dropped unseen."""


def failure_of(outcome: Outcome) -> Failure | None:
    """Return why a frame has no result, or None: it has one."""
    if isinstance(outcome.result, Shed):
        reason = outcome.result.reason
        return Failure(FailureReason(reason.value), SHEDS[reason])
    return outcome.result if isinstance(outcome.result, Failure) else None


def is_error(failure: Failure) -> bool:
    """Return whether a failure is one that nobody chose."""
    return failure.reason is not FailureReason.DETECTION_OFF


def is_published(outcome: Outcome) -> bool:
    """Return whether the result of a frame is an event.

    An ordinary frame that was dropped unseen is none, and no press frame that the next run gets again.
    """
    if isinstance(outcome.result, Shed):
        return outcome.frame.trigger is Trigger.PRESS and outcome.result.reason is not ShedReason.STOPPING
    return True
