"""What is counted since the start. Every frame is in `received` once, and leaves as answered, failed or shed once."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import msgspec

from edge_agent.model import Outcome, PoolView, Shed, Trigger
from edge_agent.results.failures import failure_of, is_published
from edge_agent.results.timings import QuantilesPayload, TimingsView
from edge_agent.wire import Detected


@dataclass(slots=True)
class Counters:
    """Counts by the words of the MQTT interface."""

    received: Counter[str] = field(default_factory=Counter)
    answered: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    shed: Counter[str] = field(default_factory=Counter)
    dropped: Counter[str] = field(default_factory=Counter)
    faces: int = 0
    presses: int = 0
    repeated: int = 0

    def count(self, outcome: Outcome) -> None:
        """Count what became of a frame."""
        if isinstance(outcome.result, Detected):
            self.answered["face" if outcome.result.faces else "no_face"] += 1
            self.faces += len(outcome.result.faces)
            return
        failure = failure_of(outcome)
        if failure is not None and is_published(outcome):
            self.failed[failure.reason.value] += 1
        elif isinstance(outcome.result, Shed):
            self.shed[outcome.result.reason.value] += 1

    def in_flight(self) -> int:
        """Return how many frames wait or are looked at."""
        gone = self.answered.total() + self.failed.total() + self.shed.total()
        return self.received.total() - gone


class MetricsPayload(msgspec.Struct, frozen=True):
    """Counts since the start; `dropped` are messages that were no frame and no press, `repeated` redeliveries."""

    uptime_s: float
    received: dict[str, int]
    answered: dict[str, int]
    failed: dict[str, int]
    shed: dict[str, int]
    dropped: dict[str, int]
    in_flight: int
    faces: int
    presses: int
    repeated: int
    retries: int
    restarts: int
    deaths: dict[str, int]
    promotions: int
    demotions: int
    unsent_dropped: int
    fps: float
    latency_ms: dict[str, QuantilesPayload]
    stage_ms: dict[str, QuantilesPayload]


def metrics(
    counters: Counters, view: PoolView, timings: TimingsView, *, uptime_s: float, unsent_dropped: int
) -> MetricsPayload:
    """Return the counts as they are published; every trigger is there, also at 0."""
    return MetricsPayload(
        uptime_s=round(uptime_s, 1),
        received={trigger.word: counters.received[trigger.word] for trigger in Trigger},
        answered={word: counters.answered[word] for word in ("face", "no_face")},
        failed=dict(counters.failed),
        shed=dict(counters.shed),
        dropped=dict(counters.dropped),
        in_flight=counters.in_flight(),
        faces=counters.faces,
        presses=counters.presses,
        repeated=counters.repeated,
        retries=view.retries,
        restarts=view.restarts,
        deaths=view.deaths,
        promotions=view.promotions,
        demotions=view.demotions,
        unsent_dropped=unsent_dropped,
        fps=timings.fps,
        latency_ms=timings.latency_by_trigger,
        stage_ms=timings.by_stage,
    )
