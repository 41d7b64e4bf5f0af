"""Counters since the start. Each frame counts once in `received`, and once in `answered`, `failed` or `shed`."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from edge_agent.domain import Shed, Trigger
from edge_agent.doorbells.failures import failure_of, is_published
from edge_agent.telemetry.histogram import QuantilesPayload
from edge_agent.telemetry.timings import LatencyPayload
from edge_agent.wire import Detected

if TYPE_CHECKING:
    from edge_agent.domain import Frame, Outcome
    from edge_agent.pool.views import PoolView
    from edge_agent.telemetry.timings import TimingsView


@dataclass(slots=True)
class Counters:
    """Counters by the codes of the MQTT interface."""

    received: Counter[str] = field(default_factory=Counter)
    unfinished: Counter[str] = field(default_factory=Counter)
    answered: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    shed: Counter[str] = field(default_factory=Counter)
    dropped: Counter[str] = field(default_factory=Counter)
    rejected: Counter[str] = field(default_factory=Counter)
    faces: int = 0
    presses: int = 0
    presses_dropped: Counter[str] = field(default_factory=Counter)
    unreadable_keys: Counter[str] = field(default_factory=Counter)
    repeated: int = 0
    history_dropped: int = 0

    def receive(self, frame: Frame) -> None:
        """Count an accepted frame; a copy of a frame in progress counts too."""
        self.received[frame.trigger.code] += 1
        self.unfinished[frame.event_id] += 1

    def count(self, outcome: Outcome) -> None:
        """Count the outcome of a frame."""
        self._finish(outcome.frame.event_id)
        if isinstance(outcome.result, Detected):
            self.answered["face" if outcome.result.faces else "no_face"] += 1
            self.faces += len(outcome.result.faces)
            self.rejected.update(each.reason.value for each in outcome.result.rejected)
            return
        failure = failure_of(outcome)
        if failure is not None and is_published(outcome):
            self.failed[failure.reason.value] += 1
        elif isinstance(outcome.result, Shed):
            self.shed[outcome.result.reason.value] += 1

    def in_flight(self) -> int:
        """Return the number of queued frames and frames in progress."""
        return self.unfinished.total()

    def _finish(self, event_id: str) -> None:
        """Remove a frame in progress; one that is not in progress shows as a sum that does not add up."""
        if self.unfinished[event_id] > 1:
            self.unfinished[event_id] -= 1
        else:
            del self.unfinished[event_id]


class MetricsPayload(msgspec.Struct, frozen=True):
    """Counters since the start; `dropped` are messages that are neither frame nor press, `repeated` redeliveries.

    `presses_dropped` did not ring; `unreadable_keys` are keys of frames, beside the picture.

    The last fields cover the last minute, except `since_start`.
    """

    uptime_s: float
    boot_id: str
    received: dict[str, int]
    answered: dict[str, int]
    failed: dict[str, int]
    shed: dict[str, int]
    dropped: dict[str, int]
    in_flight: int
    faces: int
    rejected: dict[str, int]
    presses: int
    presses_dropped: dict[str, int]
    unreadable_keys: dict[str, int]
    repeated: int
    history_dropped: int
    retries: int
    restarts: int
    deaths: dict[str, int]
    accelerator_assignments: int
    accelerator_releases: int
    connections: int
    unsent: int
    unsent_dropped: int
    memory_mb: float
    fps: float
    utilization_percent: dict[str, float]
    latency_ms: dict[str, QuantilesPayload]
    stage_ms: dict[str, QuantilesPayload]
    trigger_stage_ms: dict[str, dict[str, QuantilesPayload]]
    since_start: LatencyPayload


@dataclass(frozen=True, slots=True)
class Readings:
    """Values from elsewhere: the run, the unsent and expired messages, and the workers."""

    boot_id: str
    uptime_s: float
    connections: int
    unsent: int
    unsent_dropped: int
    memory_mb: float
    utilization_percent: dict[int, float]


def metrics(counters: Counters, view: PoolView, timings: TimingsView, readings: Readings) -> MetricsPayload:
    """Return the metrics message; every trigger is present, also with 0."""
    return MetricsPayload(
        uptime_s=round(readings.uptime_s, 1),
        boot_id=readings.boot_id,
        received={trigger.code: counters.received[trigger.code] for trigger in Trigger},
        answered={word: counters.answered[word] for word in ("face", "no_face")},
        failed=dict(counters.failed),
        shed=dict(counters.shed),
        dropped=dict(counters.dropped),
        in_flight=counters.in_flight(),
        faces=counters.faces,
        rejected=dict(counters.rejected),
        presses=counters.presses,
        presses_dropped=dict(counters.presses_dropped),
        unreadable_keys=dict(counters.unreadable_keys),
        repeated=counters.repeated,
        history_dropped=counters.history_dropped,
        retries=view.retries,
        restarts=view.restarts,
        deaths={reason.value: count for reason, count in view.deaths.items()},
        accelerator_assignments=view.accelerator_assignments,
        accelerator_releases=view.accelerator_releases,
        connections=readings.connections,
        unsent=readings.unsent,
        unsent_dropped=readings.unsent_dropped,
        memory_mb=readings.memory_mb,
        fps=timings.fps,
        utilization_percent={str(slot): percent for slot, percent in readings.utilization_percent.items()},
        latency_ms=timings.window.latency_ms,
        stage_ms=timings.window.stage_ms,
        trigger_stage_ms=timings.window.trigger_stage_ms,
        since_start=timings.since_start,
    )
