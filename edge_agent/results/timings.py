"""How long frames took, over the last minute. Pure; time is an argument."""

from __future__ import annotations

import statistics
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import msgspec

from edge_agent.model import Trigger
from edge_agent.wire import Detected

if TYPE_CHECKING:
    from collections.abc import Iterable

    from edge_agent.model import Outcome

WINDOW_S: Final = 60.0
MOST_SAMPLES: Final = 5000
"""As many frames are remembered at the most: quantiles of more cost time and say nothing new."""
STAGES: Final = ("queue", "decode", "inference", "render")


class QuantilesPayload(msgspec.Struct, frozen=True):
    """Milliseconds, of `n` frames; null where there were none."""

    n: int
    p50: float | None
    p95: float | None
    p99: float | None


@dataclass(frozen=True, slots=True)
class _Sample:
    at_s: float
    trigger: Trigger
    total_ms: float
    stages_ms: tuple[float, ...] | None


@dataclass(frozen=True, slots=True)
class TimingsView:
    """Frames of the last minute: looked at per second, not looked at in percent, and how long they took."""

    fps: float
    dropped_percent: float
    latency: QuantilesPayload
    latency_by_trigger: dict[str, QuantilesPayload]
    by_stage: dict[str, QuantilesPayload]


class Timings:
    """The frames of the last minute."""

    def __init__(self, now: float) -> None:
        self._started_s = now
        self._samples: deque[_Sample] = deque(maxlen=MOST_SAMPLES)

    def note(self, outcome: Outcome, now: float) -> None:
        """Note what became of a frame."""
        total_ms = (now - outcome.frame.received_s) * 1000
        self._samples.append(_Sample(now, outcome.frame.trigger, total_ms, _stages(outcome)))

    def view(self, now: float) -> TimingsView:
        """Return how things are; the time of a frame is that from its arrival to its result."""
        while self._samples and self._samples[0].at_s < now - WINDOW_S:
            self._samples.popleft()
        looked = [each for each in self._samples if each.stages_ms is not None]
        dropped = len(self._samples) - len(looked)
        columns = list(zip(*(each.stages_ms for each in looked if each.stages_ms), strict=True))
        return TimingsView(
            fps=round(len(looked) / min(WINDOW_S, max(1.0, now - self._started_s)), 2),
            dropped_percent=round(100 * dropped / len(self._samples), 1) if self._samples else 0.0,
            latency=quantiles(each.total_ms for each in looked),
            latency_by_trigger={
                trigger.word: quantiles(each.total_ms for each in looked if each.trigger is trigger)
                for trigger in Trigger
            },
            by_stage={stage: quantiles(columns[index] if columns else ()) for index, stage in enumerate(STAGES)},
        )


def _stages(outcome: Outcome) -> tuple[float, ...] | None:
    if not isinstance(outcome.result, Detected):
        return None
    times = outcome.result.times
    return (outcome.queue_ms, times.decode, times.inference, times.render)


def quantiles(values: Iterable[float]) -> QuantilesPayload:
    """Return the quantiles of milliseconds."""
    known = list(values)
    if not known:
        return QuantilesPayload(0, None, None, None)
    cuts = statistics.quantiles(known, n=100, method="inclusive") if len(known) > 1 else known * 99
    return QuantilesPayload(len(known), *(round(cuts[percent - 1], 1) for percent in (50, 95, 99)))
