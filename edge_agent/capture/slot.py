"""One camera in the parent: its process, and when it is started, ended and started again. Pure: time is an argument."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from edge_agent.capture.camera import CaptureReason
from edge_agent.capture.reports import CameraState, Counts, Report
from edge_agent.capture.views import CameraView
from edge_agent.pool.restart_policy import Restart, RestartLimits, decide

if TYPE_CHECKING:
    from edge_agent.capture.camera import CameraSpec

LIMITS: Final = RestartLimits(intensity=10, period_s=120.0, first_delay_s=0.5, longest_delay_s=30.0)
SILENT_S: Final = 20.0
"""A process that reports nothing in this time hangs; it reports every 2 s."""
GONE_S: Final = 10.0
"""A camera that is away for this time counts as offline; many come back sooner."""


@dataclass(slots=True)
class CameraSlot:
    """The decisions about one camera."""

    spec: CameraSpec
    report: Report = field(default_factory=Report)
    earlier: Counts = field(default_factory=Counts)
    """What the processes before this one counted, and their ends."""
    pid: int | None = None
    restarts: int = 0
    start_due_s: float = 0.0
    last_report_s: float = 0.0
    away_since_s: float = 0.0
    ending: CaptureReason | None = None
    """Why the process is being ended, if it is."""
    exits: list[float] = field(default_factory=list)

    def is_start_due(self, now: float) -> bool:
        """Return whether a process should be started."""
        return self.pid is None and now >= self.start_due_s

    def on_started(self, pid: int, now: float) -> None:
        """Note a new process."""
        self.pid, self.last_report_s, self.ending = pid, now, None

    def on_report(self, report: Report, now: float) -> None:
        """Note what the process says."""
        self.last_report_s = now
        self._set(report, now)

    def reason_to_kill(self, now: float) -> CaptureReason | None:
        """Return why the process must be ended, None if it need not."""
        if self.pid is None or self.ending is not None:
            return None
        if now - self.last_report_s > SILENT_S:
            return CaptureReason.HUNG
        return CaptureReason.MEMORY if self.report.memory_bytes > self.spec.memory_limit_bytes else None

    def on_exit(self, now: float, detail: str, *, reason: CaptureReason = CaptureReason.EXITED) -> None:
        """Note the end of the process, or that it could not be started; decide when the next one starts."""
        self.exits = [each for each in self.exits if now - each < LIMITS.period_s] + [now]
        decision = decide(self.exits, now, LIMITS)
        self.start_due_s = now + (decision.delay_s if isinstance(decision, Restart) else decision.open_s)
        self.restarts += 1
        self.pid = None
        reason = self.ending or reason
        detail = "" if self.ending else detail
        self.earlier = self._counts().plus(Counts(faults={reason: 1}))
        away = replace(self.report, state=CameraState.AWAY, reason=reason, detail=detail)
        self._set(replace(away, memory_bytes=0, counts=Counts()), now)

    def view(self, now: float) -> CameraView:
        """Return what others see."""
        is_away = self.report.state is CameraState.AWAY
        return CameraView(
            self.spec.doorbell, self.spec.kind, self.spec.shown, self.report, self._counts(), self.pid, self.restarts,
            is_gone=is_away and now - self.away_since_s >= GONE_S,
        )  # fmt: skip

    def _set(self, report: Report, now: float) -> None:
        if report.state is CameraState.AWAY and self.report.state is CameraState.LIVE:
            self.away_since_s = now
        self.report = replace(report, last_frame_at=report.last_frame_at or self.report.last_frame_at)

    def _counts(self) -> Counts:
        return self.earlier.plus(self.report.counts)
