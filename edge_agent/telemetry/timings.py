"""Latency and outcome of frames, over the last minute and since the start. Time is an argument."""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import msgspec

from edge_agent.domain import Shed, Trigger
from edge_agent.telemetry.histogram import Histogram, QuantilesPayload, merged
from edge_agent.wire import Detected

if TYPE_CHECKING:
    from collections.abc import Iterable

    from edge_agent.domain import Outcome

SLICE_S: Final = 5.0
SLICES: Final = 12
"""The window is the last minute, minus the elapsed part of its first slice."""
RECENT_SLICES: Final = 3
"""The window for problems."""
STAGES: Final = ("queue", "decode", "inference", "render", "publish")
TOTAL: Final = "total"
"""From the arrival of a frame to the publication of its result."""

Key = tuple[Trigger, str]
"""A trigger and a stage."""
LATENCY_BOUNDS_MS: Final = (
    5.0,
    10.0,
    20.0,
    30.0,
    50.0,
    75.0,
    100.0,
    150.0,
    200.0,
    300.0,
    500.0,
    1000.0,
    2000.0,
    5000.0,
)
"""Bucket bounds: around the deadline of a press, and finer around the times of detectors."""

LatencyCounts = Mapping[tuple[Trigger, str], tuple[tuple[int, ...], int, float]]
"""By trigger and stage, since the start: frames up to each bound, frames in all, sum in ms."""


class LatencyPayload(msgspec.Struct, frozen=True):
    """Quantiles by trigger, by stage, and by both."""

    latency_ms: dict[str, QuantilesPayload]
    stage_ms: dict[str, QuantilesPayload]
    trigger_stage_ms: dict[str, dict[str, QuantilesPayload]]


@dataclass(slots=True)
class _Slice:
    """The frames of a few seconds: processed ones, and the others by reason."""

    number: int
    times: defaultdict[Key, Histogram] = field(default_factory=lambda: defaultdict(Histogram))
    detected: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    shed: Counter[str] = field(default_factory=Counter)

    def record(self, outcome: Outcome, times_ms: Mapping[Key, float]) -> None:
        if isinstance(outcome.result, Detected):
            self.detected += 1
            _record_all(self.times, times_ms)
        elif isinstance(outcome.result, Shed):
            self.shed[outcome.result.reason.value] += 1
        else:
            self.failed[outcome.result.reason.value] += 1


@dataclass(frozen=True, slots=True)
class RecentView:
    """The outcomes of the last seconds; shed press frames are included."""

    detected: int
    failed: Mapping[str, int]
    shed: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class TimingsView:
    """Frames of the last minute: processed per second, dropped in percent, and latency."""

    fps: float
    dropped_percent: float
    latency: QuantilesPayload
    window: LatencyPayload
    since_start: LatencyPayload
    recent: RecentView


class Timings:
    """The frames of the last minute, and since the start."""

    def __init__(self, now: float) -> None:
        self._started_s = now
        self._slices: deque[_Slice] = deque(maxlen=SLICES)
        self._since_start: defaultdict[Key, Histogram] = defaultdict(Histogram)

    def record(self, outcome: Outcome, now: float) -> None:
        """Record the outcome of a frame right after its publication."""
        times_ms = _times(outcome, now)
        self._current(now).record(outcome, times_ms)
        _record_all(self._since_start, times_ms)

    def view(self, now: float) -> TimingsView:
        """Return the outcomes of the last seconds."""
        newest = self._current(now).number
        window = _joined(each.times for each in self._slices)
        looked = sum(each.detected for each in self._slices)
        dropped = sum(each.failed.total() + each.shed.total() for each in self._slices)
        window_s = now - self._started_s - max(0, newest - SLICES + 1) * SLICE_S
        return TimingsView(
            fps=round(looked / max(1.0, window_s), 2),
            dropped_percent=round(100 * dropped / (looked + dropped), 1) if dropped else 0.0,
            latency=merged(each for (_, stage), each in window.items() if stage == TOTAL).quantiles(),
            window=_payload(window),
            since_start=_payload(self._since_start),
            recent=self._recent(newest),
        )

    def cumulative_counts(self, bounds_ms: tuple[float, ...]) -> dict[Key, tuple[tuple[int, ...], int, float]]:
        """Return histograms since the start, by trigger and stage: counts up to each bound, count, sum in ms."""
        return {
            key: (each.cumulative_counts(bounds_ms), each.count, each.sum_ms)
            for key, each in sorted(self._since_start.items())
        }

    def _current(self, now: float) -> _Slice:
        """Return the slice of `now`, and remove old slices."""
        number = int((now - self._started_s) // SLICE_S)
        if not self._slices or self._slices[-1].number != number:
            self._slices.append(_Slice(number))
        while self._slices[0].number <= number - SLICES:
            self._slices.popleft()
        return self._slices[-1]

    def _recent(self, newest: int) -> RecentView:
        slices = [each for each in self._slices if each.number > newest - RECENT_SLICES]
        failed, shed = Counter[str](), Counter[str]()
        for each in slices:
            failed.update(each.failed)
            shed.update(each.shed)
        return RecentView(sum(each.detected for each in slices), failed, shed)


def _times(outcome: Outcome, now: float) -> dict[Key, float]:
    """Return the time of each stage of a frame in milliseconds; empty if the frame was not processed."""
    if not isinstance(outcome.result, Detected):
        return {}
    trigger, spent = outcome.frame.trigger, outcome.result.times
    publish_ms = (now - outcome.answered_s) * 1000 if outcome.answered_s else 0.0
    stages = zip(STAGES, (outcome.queue_ms, spent.decode, spent.inference, spent.render, publish_ms), strict=True)
    return {
        (trigger, TOTAL): (now - outcome.frame.received_s) * 1000,
        **{(trigger, stage): spent_ms for stage, spent_ms in stages},
    }


def _record_all(histograms: defaultdict[Key, Histogram], times_ms: Mapping[Key, float]) -> None:
    for key, time_ms in times_ms.items():
        histograms[key].record(time_ms)


def _joined(parts: Iterable[Mapping[Key, Histogram]]) -> dict[Key, Histogram]:
    joined: defaultdict[Key, Histogram] = defaultdict(Histogram)
    for part in parts:
        for key, histogram in part.items():
            joined[key].add(histogram)
    return joined


def _payload(times: Mapping[Key, Histogram]) -> LatencyPayload:
    """Return the quantiles; every trigger and every stage is present, also without frames."""
    nothing = Histogram()
    return LatencyPayload(
        latency_ms={each.code: times.get((each, TOTAL), nothing).quantiles() for each in Trigger},
        stage_ms={
            stage: merged(times[each, stage] for each in Trigger if (each, stage) in times).quantiles()
            for stage in STAGES
        },
        trigger_stage_ms={
            each.code: {stage: times.get((each, stage), nothing).quantiles() for stage in STAGES} for each in Trigger
        },
    )
