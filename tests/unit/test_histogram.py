"""Histograms: the error of their quantiles, and that merging loses nothing."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.domain import Trigger
from edge_agent.telemetry.histogram import BOUNDS_MS, Histogram, merged
from edge_agent.telemetry.timings import SLICE_S, SLICES, Timings
from edge_agent.wire import FailureReason
from testing.values import detected, failure, outcome, shed

TIMES_MS = st.lists(st.floats(0.02, 900_000), min_size=1, max_size=200)


def filled(values: list[float]) -> Histogram:
    histogram = Histogram()
    for value in values:
        histogram.record(value)
    return histogram


@given(TIMES_MS, st.floats(0.01, 1.0))
def test_a_quantile_is_off_by_a_tenth_at_the_most(values: list[float], share: float) -> None:
    exact = sorted(values)[math.ceil(share * len(values)) - 1]
    found = filled(values).quantile(share)
    assert found is not None
    assert exact / 1.11 <= found <= exact * 1.11


@given(TIMES_MS, TIMES_MS)
def test_merged_histograms_equal_one_of_all_values(first: list[float], second: list[float]) -> None:
    joined, both = merged([filled(first), filled(second)]), filled(first + second)
    assert joined.quantiles() == both.quantiles()
    assert joined.count == len(first) + len(second)
    assert joined.sum_ms == pytest.approx(sum(first) + sum(second))


@given(st.lists(st.integers(1, 99), min_size=1))
def test_counts_up_to_a_number_of_two_digits_are_exact(values: list[int]) -> None:
    bounds = (5.0, 10.0, 25.0, 50.0)
    expected = tuple(sum(value <= bound for value in values) for bound in bounds)
    assert filled([float(value) for value in values]).cumulative_counts(bounds) == expected


def test_every_magnitude_has_a_bucket() -> None:
    assert list(BOUNDS_MS) == sorted(BOUNDS_MS)
    assert Histogram().quantile(0.5) is None
    for value in (0.0, 1e-9, 1e9):
        assert filled([value]).quantile(0.5) is not None
    assert filled([2.0] * 99 + [500.0]).quantiles().p99 == pytest.approx(2.0, abs=0.2)


def test_the_last_minute_is_separate_from_the_totals() -> None:
    timings = Timings(100.0)
    for number in range(10):
        frame = outcome(detected(), Trigger.MOTION, received_s=100.0 + number - 0.05)
        timings.record(frame, 100.0 + number)
    view = timings.view(110.0)
    assert view.fps == 1.0
    assert view.window.latency_ms["motion"].n == view.window.trigger_stage_ms["motion"]["inference"].n == 10
    assert view.window.latency_ms["motion"].p95 == pytest.approx(50, rel=0.1)
    assert view.window.stage_ms["decode"].p50 == pytest.approx(5, rel=0.1)
    assert view.window.latency_ms["press"].p50 is None
    later = timings.view(110.0 + SLICE_S * SLICES)
    assert (later.window.latency_ms["motion"].n, later.fps) == (0, 0.0)
    assert later.since_start == view.since_start
    counts, count, sum_ms = timings.cumulative_counts((25.0, 60.0))[Trigger.MOTION, "total"]
    assert (counts, count, round(sum_ms)) == ((0, 10), 10, 500)


def test_recent_outcomes_are_counted_by_reason() -> None:
    timings = Timings(0.0)
    for result in (detected(), failure(FailureReason.BAD_IMAGE), shed()):
        timings.record(outcome(result, Trigger.CONTINUOUS), 1.0)
    view = timings.view(2.0)
    assert (view.recent.detected, view.recent.failed, view.recent.shed) == (1, {"bad_image": 1}, {"overload": 1})
    assert view.dropped_percent == 66.7
    later = timings.view(20.0).recent
    assert (later.detected, later.failed, later.shed) == (0, {}, {})


def test_one_frame_after_a_long_silence_is_not_overload() -> None:
    timings = Timings(0.0)
    timings.record(outcome(), 1000.0)
    assert timings.view(1000.5).fps < 0.1
