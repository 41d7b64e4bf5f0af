"""Telemetry: the data behind health and metrics. Parent process only. Time is an argument."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from edge_agent.telemetry.counters import Counters, MetricsPayload, Readings, metrics
from edge_agent.telemetry.health import HealthPayload, Run, health, memory_mb
from edge_agent.telemetry.problem_codes import ProblemCode
from edge_agent.telemetry.problems import WINDOW_S, BrokerView, Problem, Snapshot, find_problems
from edge_agent.telemetry.status import Status
from edge_agent.telemetry.timings import Timings
from edge_agent.telemetry.utilization import Utilization

if TYPE_CHECKING:
    from datetime import datetime

    from edge_agent.capture.views import CameraView
    from edge_agent.platform.host_metrics import HostView
    from edge_agent.pool.views import PoolView

METRICS_INTERVAL_S: Final = 10.0
HEALTH_INTERVAL_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class Unsent:
    """The unsent messages, and the number of expired ones."""

    waiting: int
    dropped: int


class Telemetry:
    """The state of the agent. `faults` are sentences of other rooms, by code; '' means no fault."""

    def __init__(self, run: Run, boot_id: str, now: float) -> None:
        self.counters = Counters()
        self.timings = Timings(now)
        self.faults: dict[ProblemCode, str] = {}
        self.cameras: tuple[CameraView, ...] = ()
        self.broker = BrokerView(connected=False, since_at=run.started_at)
        self._run = run
        self._boot_id = boot_id
        self._started_s = now
        self._busy = Utilization(now)
        self._status = Status(run.started_at)
        self._restarts = 0
        self._deaths: deque[float] = deque(maxlen=1000)
        self._losses: deque[float] = deque(maxlen=1000)
        self._health_due_s = now
        self._metrics_due_s = now + METRICS_INTERVAL_S

    def mark_health_due(self, now: float) -> None:
        """Make the health message due now."""
        self._health_due_s = now

    def on_broker_change(self, now: float, *, connected: bool) -> None:
        """Record that the connection to the broker came up or was lost."""
        if not connected:
            self._losses.append(now)
        self.mark_health_due(now)

    def is_health_due(self, now: float) -> bool:
        """Return whether the health message is due."""
        status_due_s = self._status.next_due_s()
        return now >= self._health_due_s or (status_due_s is not None and now >= status_due_s)

    def is_metrics_due(self, now: float) -> bool:
        """Return whether the metrics message is due."""
        return now >= self._metrics_due_s

    def next_due_s(self) -> float:
        """Return when the next of the two is due."""
        due = (self._health_due_s, self._metrics_due_s, self._status.next_due_s())
        return min(due_s for due_s in due if due_s is not None)

    def no_worker_since_s(self) -> float | None:
        """Return since when no worker stays alive, or None."""
        return self._status.since_s(ProblemCode.NO_WORKERS)

    def assess(
        self, view: PoolView, host: HostView, now: float, now_at: datetime
    ) -> tuple[HealthPayload, list[Problem]]:
        """Return the health message, and the problems that are new in it."""
        self._health_due_s = now + HEALTH_INTERVAL_S
        timings = self.timings.view(now)
        broker = replace(self.broker, losses=_count_recent(self._losses, now))
        self._deaths.extend([now] * (view.restarts - self._restarts))
        self._restarts = view.restarts
        deaths = _count_recent(self._deaths, now)
        snapshot = Snapshot(view, broker, host, timings.recent, now_at, deaths, dict(self.faults), self.cameras)
        new = self._status.update(find_problems(snapshot, self._status.codes()), now, now_at)
        run = replace(self._run, uptime_s=now - self._started_s)
        payload = health(snapshot, self._status.verdict(), run, timings, self._busy.record(view, now))
        return payload, list(new)

    def metrics(self, view: PoolView, host: HostView, unsent: Unsent, now: float) -> MetricsPayload:
        """Return the metrics message."""
        self._metrics_due_s = now + METRICS_INTERVAL_S
        readings = Readings(
            boot_id=self._boot_id,
            uptime_s=now - self._started_s,
            connections=self.broker.connections,
            unsent=unsent.waiting,
            unsent_dropped=unsent.dropped,
            memory_mb=memory_mb(view, host),
            utilization_percent=self._busy.record(view, now),
        )
        return metrics(self.counters, view, self.timings.view(now), readings)


def _count_recent(times: deque[float], now: float) -> int:
    """Remove the times before the window, and return the number of the others."""
    while times and times[0] <= now - WINDOW_S:
        times.popleft()
    return len(times)
