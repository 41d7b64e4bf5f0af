"""Health and metrics: when they are due, and what they say. Time is an argument."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from edge_agent import topics
from edge_agent.host import read_host
from edge_agent.model import Publication
from edge_agent.results.counters import Counters, metrics
from edge_agent.results.health import Load, Run, assess, health
from edge_agent.results.payloads import encode
from edge_agent.results.timings import Timings

if TYPE_CHECKING:
    from datetime import datetime

    from edge_agent.model import PoolView

METRICS_INTERVAL_S: Final = 10.0
HEALTH_INTERVAL_S: Final = 10.0


class Telemetry:
    """Tells how the agent is. `complaint` is what is wrong besides the pool, in a sentence, or ''."""

    def __init__(self, agent_id: str, run: Run, now: float) -> None:
        self.complaint = ""
        self.timings = Timings(now)
        self._agent_id = agent_id
        self._run = run
        self._started_s = now
        self._status, self._since = "", run.started_at
        self._failed_since_s = math.inf
        self._health_due_s = now
        self._metrics_due_s = now + METRICS_INTERVAL_S

    def hasten(self, now: float) -> None:
        """Have the health told at once."""
        self._health_due_s = now

    def is_health_due(self, now: float) -> bool:
        """Return whether it is time to tell the health."""
        return now >= self._health_due_s

    def is_metrics_due(self, now: float) -> bool:
        """Return whether it is time to tell the metrics."""
        return now >= self._metrics_due_s

    def next_due_s(self) -> float:
        """Return when the next of both is due."""
        return min(self._health_due_s, self._metrics_due_s)

    def failed_since_s(self) -> float:
        """Return since when no worker can be kept alive; infinity: one can."""
        return self._failed_since_s

    def health(self, view: PoolView, now: float, now_at: datetime, complaint: str = "") -> Publication:
        """Return the health as of now, retained; `complaint` is one more thing that is wrong, or ''."""
        self._health_due_s = now + HEALTH_INTERVAL_S
        verdict = assess(view, (self.complaint, complaint), now_at)
        if verdict.status != self._status:
            self._status, self._since = verdict.status, now_at
            self._failed_since_s = now if verdict.status == "failed" else math.inf
        payload = health(view, verdict, self._run, self._load(view, now), since=self._since, now_at=now_at)
        return Publication(topics.health(self._agent_id), encode(payload), qos=1, retain=True)

    def _load(self, view: PoolView, now: float) -> Load:
        host, timings = read_host(), self.timings.view(now)
        workers_bytes = sum(worker.memory_bytes for worker in view.workers)
        memory_mb = round((host.memory_bytes + workers_bytes) / 1e6, 1)
        return Load(timings, memory_mb, host.cpu_temperature_c)

    def metrics(self, counters: Counters, view: PoolView, now: float, *, unsent_dropped: int) -> Publication:
        """Return the counts as of now."""
        self._metrics_due_s = now + METRICS_INTERVAL_S
        uptime_s, timings = now - self._started_s, self.timings.view(now)
        payload = metrics(counters, view, timings, uptime_s=uptime_s, unsent_dropped=unsent_dropped)
        return Publication(topics.metrics(self._agent_id), encode(payload))
