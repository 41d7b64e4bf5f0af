"""Which frames without a result are told of, and in which words."""

from __future__ import annotations

from typing import Final

from edge_agent.model import Failure, Outcome, Shed, ShedReason, Trigger
from edge_agent.wire import FailureReason

_ANSWERED_SHEDS: Final = {
    ShedReason.EXPIRED: Failure(FailureReason.EXPIRED, "no worker was free before the frame expired"),
    ShedReason.OVERLOAD: Failure(FailureReason.OVERLOAD, "too many frames were waiting"),
    ShedReason.SUPERSEDED: Failure(FailureReason.OVERLOAD, "a newer frame of this doorbell took its place"),
    ShedReason.STALE: Failure(FailureReason.EXPIRED, "the picture was taken too long ago"),
    ShedReason.DETECTION_OFF: Failure(FailureReason.OVERLOAD, "detection is switched off"),
}


def failure_of(outcome: Outcome) -> Failure | None:
    """Return why a frame has no result, or None: it has one, or nobody is told."""
    if isinstance(outcome.result, Shed):
        return _ANSWERED_SHEDS.get(outcome.result.reason)
    return outcome.result if isinstance(outcome.result, Failure) else None


def is_published(outcome: Outcome) -> bool:
    """Return whether the result of a frame is an event: an ordinary frame that made room for another is none."""
    if isinstance(outcome.result, Shed):
        return outcome.frame.trigger is Trigger.PRESS and outcome.result.reason is not ShedReason.STOPPING
    return True
