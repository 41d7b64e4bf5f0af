"""What the rest of the agent sees of a camera."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from edge_agent.capture.camera import CaptureReason, sentence
from edge_agent.capture.reports import CameraState

if TYPE_CHECKING:
    from edge_agent.capture.camera import Kind
    from edge_agent.capture.reports import Counts, Report


@dataclass(frozen=True, slots=True)
class CameraView:
    """A camera; `counts` are since the start of the agent.

    `is_gone` is whether it has been away long enough to count as offline.
    """

    doorbell: str
    kind: Kind
    address: str
    report: Report
    counts: Counts
    pid: int | None
    restarts: int
    is_gone: bool

    @property
    def fault(self) -> str:
        """Why it is away, as a sentence, or ''."""
        if self.report.state is CameraState.LIVE:
            return ""
        return sentence(self.report.reason or CaptureReason.STARTING, self.report.detail)

    @property
    def essence(self) -> tuple[object, ...]:
        """What others must know at once."""
        return self.report.state, self.report.reason, self.report.detail, self.restarts, self.is_gone, self.pid


@dataclass(frozen=True, slots=True)
class CamerasChanged:
    """The state of all cameras."""

    views: tuple[CameraView, ...]
