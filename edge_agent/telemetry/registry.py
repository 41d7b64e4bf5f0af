"""The registry: health, metrics and what they rest on. It is in the parent alone. Time is an argument."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from edge_agent.telemetry.counters import Counters, MetricsPayload, Readings, metrics
from edge_agent.telemetry.health import HealthPayload, Run, health, memory_mb
from edge_agent.telemetry.problems import DEATHS_WINDOW_S, BrokerView, Problem, Snapshot, find_problems
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
NO_WORKERS: Final = "no_workers"


@dataclass(frozen=True, slots=True)
class Unsent:
    """Messages that the broker does not have yet, and how many grew too old for it."""

    waiting: int
    dropped: int


class Telemetry:
    """What is known of the agent. `faults` are sentences of other parts by code, '' where all is well."""

    def __init__(self, run: Run, boot_id: str, now: float) -> None:
        self.counters = Counters()
        self.timings = Timings(now)
        self.faults: dict[str, str] = {}
        self.cameras: tuple[CameraView, ...] = ()
        self.broker = BrokerView(connected=False, since_at=run.started_at)
        self._run = run
        self._boot_id = boot_id
        self._started_s = now
        self._busy = Utilization(now)
        self._status = Status(run.started_at)
        self._restarts = 0
        self._deaths: deque[float] = deque(maxlen=1000)
        self._health_due_s = now
        self._metrics_due_s = now + METRICS_INTERVAL_S

    def mark_health_due(self, now: float) -> None:
        """Have the health told at once."""
        self._health_due_s = now

    def is_health_due(self, now: float) -> bool:
        """Return whether it is time to tell the health."""
        status_due_s = self._status.next_due_s()
        return now >= self._health_due_s or (status_due_s is not None and now >= status_due_s)

    def is_metrics_due(self, now: float) -> bool:
        """Return whether it is time to tell the metrics."""
        return now >= self._metrics_due_s

    def next_due_s(self) -> float:
        """Return when the next of both is due."""
        due = (self._health_due_s, self._metrics_due_s, self._status.next_due_s())
        return min(due_s for due_s in due if due_s is not None)

    def no_worker_since_s(self) -> float | None:
        """Return since when no worker can be kept alive, or None: one can."""
        return self._status.since_s(NO_WORKERS)

    def assess(
        self, view: PoolView, host: HostView, now: float, now_at: datetime
    ) -> tuple[HealthPayload, list[Problem]]:
        """Return the health as of now, and which problems are new in it."""
        self._health_due_s = now + HEALTH_INTERVAL_S
        timings = self.timings.view(now)
        snapshot = Snapshot(
            view, self.broker, host, timings.recent, now_at, self._recent_deaths(view, now), dict(self.faults),
            self.cameras,
        )  # fmt: skip
        new = self._status.update(find_problems(snapshot, self._status.codes()), now, now_at)
        run = replace(self._run, uptime_s=now - self._started_s)
        payload = health(snapshot, self._status.verdict(), run, timings, self._busy.record(view, now))
        return payload, list(new)

    def metrics(self, view: PoolView, host: HostView, unsent: Unsent, now: float) -> MetricsPayload:
        """Return the counts as of now."""
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

    def _recent_deaths(self, view: PoolView, now: float) -> int:
        """Return how many workers have died lately."""
        self._deaths.extend([now] * (view.restarts - self._restarts))
        self._restarts = view.restarts
        while self._deaths and self._deaths[0] <= now - DEATHS_WINDOW_S:
            self._deaths.popleft()
        return len(self._deaths)
