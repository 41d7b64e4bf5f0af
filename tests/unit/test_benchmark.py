"""Benchmark results: targets met and missed, ratios and percentiles of series, comparisons."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, cast

import pytest

from bench import suite
from bench.answer import Answer, Host, Report, Series, at_least, at_most, merge, ratios, read, write
from bench.plots import AXES
from bench.suite import MOST_TIMES, QUESTIONS, ask
from bench.tables import figure
from docs import make_performance
from docs.make_performance import BLOCK, PAGE, merged
from edge_agent.benchmark.short import Findings, targets

HOST = Host("p", "x86_64", 2, 8.0, "Linux", "3.11", {"numpy": "2"}, "abc", 0.5)
FINDINGS: dict[str, Any] = {
    "version": "1",
    "processor": "a processor",
    "machine": "aarch64",
    "cores": 4,
    "memory_gb": 4.0,
    "python": "3.13",
    "detector": "cpu yunet_n",
    "frames": "a visitor",
    "workers": 4,
    "limit_rate": 10.0,
    "pool_rate": 9.8,
    "pool_over_limit": 0.98,
    "utilisation": 0.97,
    "latency_ms": 120.0,
    "latency_p95_ms": 140.0,
    "press_in_flood_p95_ms": 250.0,
    "press_over_unloaded": 2.0,
    "start_s": 3.0,
    "worker_mb": 120.0,
    "frames_offered": 1000,
    "frames_lost": 0,
}


def test_a_fast_host_meets_every_target() -> None:
    assert all(target.met for target in targets(Findings(**FINDINGS)))


@pytest.mark.parametrize(
    "change",
    [
        {"latency_ms": 500.0},
        {"pool_rate": 5.0},
        {"worker_mb": 200.0},
        {"start_s": 5.0},
        {"frames_lost": 10},
        {"utilisation": 0.8},
        {"pool_over_limit": 0.96},
        {"press_over_unloaded": 2.3},
    ],
)
def test_each_figure_misses_its_own_target_alone(change: dict[str, float]) -> None:
    found = Findings(**{**FINDINGS, **change})
    assert sum(not target.met for target in targets(found)) == 1


def test_a_ratio_is_taken_round_by_round() -> None:
    ours, theirs = Series("ours", "frames/s", (90.0, 45.0)), Series("theirs", "frames/s", (100.0, 50.0))
    assert ratios("ratio", ours, theirs).values == (0.9, 0.9)


def test_a_single_figure_is_its_own_median_and_percentile() -> None:
    series = Series("one", "ms", (3.0,))
    assert (series.median, series.percentile(95)) == (3.0, 3.0)


def test_targets_show_the_required_value() -> None:
    assert at_least("rate", 3.0, 3.0).met
    assert not at_most("time", 2.5, 2.2).met
    assert at_most("time", 1.0, 2.0, " ms").required == "<= 2 ms"


@pytest.mark.parametrize(
    ("value", "shown"), [(1234.5, "1234"), (12.34, "12.3"), (1.234, "1.23"), (0.0123, "0.012"), (-4.5, "-4.50")]
)
def test_figures_have_significant_digits_only(value: float, shown: str) -> None:
    assert figure(value) == shown


def test_a_target_has_a_verdict_only_on_a_quiet_machine() -> None:
    goals = (at_least("rate", 1.0, 3.0), at_most("time", 1.0, 3.0))
    assert [verdict for _, verdict in Answer("?", targets=goals, others=0.02).verdicts] == ["missed", "met"]
    assert [verdict for _, verdict in Answer("?", targets=goals, others=0.5).verdicts] == ["not judged"] * 2


def test_merged_answers_have_all_values_and_the_median_of_each_target() -> None:
    answers = [
        Answer("?", (Series("rate", "", (value,)),), targets=(at_least("rate", value, 2.0),), others=value / 100)
        for value in (1.0, 3.0, 4.0)
    ]
    together = merge(answers)
    assert together.series == (Series("rate", "", (1.0, 3.0, 4.0)),)
    assert [(target.value, verdict) for target, verdict in together.verdicts] == [(3.0, "met")]
    assert together.others == 0.04


@pytest.mark.parametrize(
    ("values", "others", "times"),
    [([1.0], 0.0, 1), ([0.58, 0.9, 0.9], 0.0, 2), ([0.59] * 9, 0.0, MOST_TIMES), ([0.59] * 9, 0.5, 1), ([0.6], 0.0, 1)],
)
def test_a_benchmark_close_to_its_target_is_repeated(
    values: list[float], others: float, times: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(suite, "SETTLE_S", 0.0)
    monkeypatch.setattr(suite, "wait_until_quiet", lambda: 0.0)
    monkeypatch.setattr(suite, "used_share", lambda: others)
    measured = iter(values)
    made: list[float] = []

    def measure(_setup: Any) -> Answer:
        made.append(next(measured))
        return Answer("?", (Series("cost", "", (made[-1],)),), targets=(at_most("cost", made[-1], 0.6),))

    answer = ask(measure, cast("Any", None))
    assert len(answer.series[0].values) == len(made) == times


def test_the_table_of_targets_shows_each_run_and_judges_the_median() -> None:
    runs = [
        Report("2026-01-02T12:00:00+00:00", 60.0, "frames", HOST, {"press": Answer("?", targets=(goal,))})
        for goal in (at_most("time", 1.0, 2.0), at_most("time", 3.0, 2.0), at_most("time", 2.5, 2.0))
    ]
    together = merged(runs)
    assert together.seconds == 180
    assert make_performance.targets(together, runs).splitlines() == [
        "| | target | run 1 | run 2 | run 3 | median | |",
        "| --- | --- | --- | --- | --- | --- | --- |",
        "| time | <= 2 | 1.00 | 3.00 | 2.50 | 2.50 | **missed** |",
    ]


def test_a_report_is_read_as_it_was_written(tmp_path: Path) -> None:
    answer = Answer("A question?", (Series("one", "ms", (1.0, 2.0)),))
    report = Report("2026-01-02T12:00:00+00:00", 1.0, "frames", HOST, {"ring": answer})
    write(report, tmp_path / "result.json")
    assert read(tmp_path / "result.json") == report


def test_every_plot_has_axes() -> None:
    questions = Path(suite.__file__).with_name("questions")
    source = "".join(file.read_text(encoding="utf-8") for file in sorted(questions.glob("*.py")))
    plots = set(re.findall(r'Curve\(\s*"([^"]+)"|^PLOT: Final = "([^"]+)"', source, re.MULTILINE))
    assert {first or second for first, second in plots} == set(AXES)


def test_the_page_includes_every_answer() -> None:
    places = {found[2] for found in BLOCK.finditer(PAGE.read_text(encoding="utf-8"))}
    assert places == {"host", "targets", "projection", *QUESTIONS}
