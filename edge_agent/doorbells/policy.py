"""The detection policy of a doorbell: its own settings override the general ones. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from edge_agent.domain import Job, ShedReason, Trigger
from edge_agent.doorbells.presses import PressTimes
from edge_agent.settings.model import DoorbellOptions
from edge_agent.wire import FaceRules, Privacy

if TYPE_CHECKING:
    from edge_agent.domain import Frame
    from edge_agent.settings.model import DoorbellSettings, PressSettings
    from edge_agent.settings.pool import QueueSettings
    from edge_agent.wire import SnapshotMode


@dataclass(frozen=True, slots=True)
class DetectionPolicy:
    """How the frames of a doorbell are processed."""

    rules: FaceRules
    privacy: Privacy
    press_only: bool
    detecting: bool = True
    rotation: int = 0
    """Degrees clockwise that turn the picture upright."""

    @property
    def gives_pictures(self) -> bool:
        """Return whether a snapshot of its frames can be published."""
        return self.detecting and self.privacy is not Privacy.EVENTS_ONLY


def policy_for(doorbell: str, settings: DoorbellSettings, min_confidence: float) -> DetectionPolicy:
    """Return the detection policy of `doorbell`; `min_confidence` is the general value."""
    own = settings.each.get(doorbell)
    if own is None:
        rules = FaceRules(min_confidence, settings.min_face_height)
        return DetectionPolicy(rules, Privacy(settings.privacy), settings.press_only)
    rules = FaceRules(
        min_confidence if own.min_confidence is None else own.min_confidence,
        settings.min_face_height if own.min_face_height is None else own.min_face_height,
        own.zones,
        own.masks,
    )
    press_only = settings.press_only if own.press_only is None else own.press_only
    return DetectionPolicy(rules, Privacy(own.privacy or settings.privacy), press_only, rotation=own.rotation)


def press_times(doorbell: str, press: PressSettings, doorbells: DoorbellSettings) -> PressTimes:
    """Return how long a press of `doorbell` lasts, its answer's deadline, and its debounce time."""
    own = doorbells.each.get(doorbell, DoorbellOptions())
    debounce_s = press.debounce_s if own.press_debounce_s is None else own.press_debounce_s
    return PressTimes(own.press_window_s or press.window_s, own.press_deadline_s or press.deadline_s, debounce_s)


def reason_to_skip(frame: Frame, policy: DetectionPolicy, stale_after_s: float, now: float) -> ShedReason | None:
    """Return why a frame skips detection, or None. A limit of 0 seconds accepts every age."""
    if not policy.detecting:
        return ShedReason.DETECTION_OFF
    if frame.trigger is Trigger.PRESS:
        return None
    if policy.press_only:
        return ShedReason.PRESS_ONLY
    if stale_after_s and frame.captured_at and now - frame.taken_s > stale_after_s:
        return ShedReason.STALE
    return None


def job_for(frame: Frame, policy: DetectionPolicy, limits: QueueSettings, snapshot: SnapshotMode) -> Job:
    """Return the detection job of a frame; its time limit in the queue depends on its trigger."""
    expiry_s = {
        Trigger.PRESS: limits.press_expiry_s,
        Trigger.MOTION: limits.motion_expiry_s,
        Trigger.CONTINUOUS: limits.continuous_expiry_s,
    }[frame.trigger]
    taken_at = (frame.captured_at or frame.received_at).astimezone()
    return Job(
        frame,
        policy.rules,
        expires_s=frame.received_s + expiry_s,
        snapshot=snapshot,
        privacy=policy.privacy,
        rotation=policy.rotation,
        label=f"{frame.doorbell}  {taken_at:%Y-%m-%d %H:%M:%S}",
    )
