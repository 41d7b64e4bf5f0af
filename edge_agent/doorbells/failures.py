"""Frames without a result: which of them are published, and with which sentence."""

from __future__ import annotations

from typing import Final

from edge_agent.domain import Failure, Outcome, Shed, ShedReason, Trigger
from edge_agent.wire import FailureReason

SHEDS: Final = {
    ShedReason.EXPIRED: "no worker was free before the frame expired",
    ShedReason.OVERLOAD: "too many frames were waiting",
    ShedReason.SUPERSEDED: "a newer frame of this doorbell took its place",
    ShedReason.STALE: "the picture is too old",
    ShedReason.DETECTION_OFF: "detection is switched off",
    ShedReason.PRESS_ONLY: "detection runs only for presses of this doorbell",
    ShedReason.DUPLICATE: "the picture is identical to the doorbell's last one",
    ShedReason.UNCHANGED: "the picture matches an earlier one without a face",
    ShedReason.KNOWN_PICTURE: "it is the picture of an earlier press, sent again",
    ShedReason.STOPPING: "the agent is stopping",
}
"""What is said of a frame that was dropped unseen."""


def failure_of(outcome: Outcome) -> Failure | None:
    """Return why a frame has no result, or None if it has one."""
    if isinstance(outcome.result, Shed):
        reason = outcome.result.reason
        return Failure(FailureReason(reason.value), SHEDS[reason])
    return outcome.result if isinstance(outcome.result, Failure) else None


def is_error(failure: Failure) -> bool:
    """Return whether a failure is an error, rather than a setting's effect."""
    return failure.reason is not FailureReason.DETECTION_OFF


def is_published(outcome: Outcome) -> bool:
    """Return whether the result of a frame is published.

    Shed ordinary frames are not, nor are press frames that the broker delivers again to the next run.
    """
    if isinstance(outcome.result, Shed):
        return outcome.frame.trigger is Trigger.PRESS and outcome.result.reason is not ShedReason.STOPPING
    return True
