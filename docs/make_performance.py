"""Update the tables and plots of docs/performance.md from the last results of `make bench`, the newest last.

Usage: python docs/make_performance.py bench/results/*.json

Tables show the medians and spreads of all values of all runs; plots show the newest run. The text between
`<!-- name -->` and `<!-- end -->` is replaced; the rest of the page is kept.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from msgspec import structs

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench import plots
from bench.answer import Report, merge, read
from bench.tables import figure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from bench.answer import Answer, Series

PAGE: Final = Path(__file__).with_name("performance.md")
PLOTS: Final = Path(__file__).with_name("performance")
VERDICTS: Final = {"missed": "**missed**"}
BLOCK: Final = re.compile(r"(<!-- (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


class Board(NamedTuple):
    """A board whose core takes `slower` times as long as the core of the measurement, by published figures."""

    name: str
    slower: float
    cores: int


BOARDS: Final = (Board("Raspberry Pi 4", 11.5, 4), Board("Raspberry Pi 5", 5.1, 4))
"""11.5: a Pi 4B over a Core i7-12700K in opencv_zoo's table for SFace, the largest ratio of those on
the page. A Pi 5 does 2.27 times as many events/s in sysbench on one thread (812 and 1,847)."""


RUNS: Final = 5


def main() -> None:
    """Update the page and its plots."""
    runs = [read(Path(each)) for each in sys.argv[1:]][-RUNS:]
    report = merged(runs)
    for plot in plots.draw(runs[-1], PLOTS):
        print(f"wrote {plot}")
    page = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(
        BLOCK.sub(lambda found: found[1] + _block(found[2], report, runs) + found[3], page), encoding="utf-8"
    )
    print(f"wrote {PAGE}")


def merged(runs: Sequence[Report]) -> Report:
    """Return runs as one report: that of the newest, with the values of all."""
    names = runs[-1].answers
    answers = {name: merge([run.answers[name] for run in runs if name in run.answers]) for name in names}
    return structs.replace(runs[-1], seconds=sum(run.seconds for run in runs), answers=answers)


def _block(name: str, report: Report, runs: Sequence[Report]) -> str:
    if name == "host":
        return _host(report, runs)
    if name == "targets":
        return targets(report, runs)
    if name == "projection":
        return _projection(report)
    return _series(report.answers[name]) if name in report.answers else "Not measured in this run.\n"


def _host(report: Report, runs: Sequence[Report]) -> str:
    host = report.host
    versions = ", ".join(f"{name} {number}" for name, number in host.versions.items())
    machine = f"{host.processor}, {host.cores} cores, {host.memory_gb:g} GB, {host.system}, Python {host.python}"
    when = ", ".join(run.measured_at.partition("+")[0].replace("T", " ") for run in runs)
    took = f"{len(runs)} runs of {report.seconds / 60 / len(runs):.0f} minutes (UTC: {when})"
    return f"{machine};\n{versions}; commit {host.commit};\n{took}. Frames: {report.frames}.\n"


def targets(report: Report, runs: Sequence[Report]) -> str:
    """Return the table of targets: the value of each run, their median and the verdict on it."""
    rows = [
        (
            target.name,
            target.required,
            *(_measured(run, question, target.name) for run in runs),
            figure(target.value),
            VERDICTS.get(verdict, verdict),
        )
        for question, answer in report.answers.items()
        for target, verdict in answer.verdicts
    ]
    return _table(("", "target", *(f"run {number}" for number, _ in enumerate(runs, start=1)), "median", ""), rows)


def _measured(run: Report, question: str, name: str) -> str:
    found = run.answers.get(question)
    return next((figure(each.value) for each in found.targets if each.name == name), "-") if found else "-"


def _series(answer: Answer) -> str:
    rows = [
        (
            each.name,
            figure(each.median),
            f"{figure(each.percentile(5))} to {figure(each.percentile(95))}",
            each.unit,
            str(len(each.values)),
        )
        for each in answer.series
    ]
    remarks = "".join(f"\n{remark[:1].upper()}{remark[1:]}.\n" for remark in answer.remarks)
    return _table(("", "median", "5 % to 95 %", "", "n"), rows) + remarks


def _projection(report: Report) -> str:
    latency = _find(report, "latency", "continuous, unloaded").median
    per_core = _find(report, "saturation", "through mosquitto").median / report.host.cores
    start = _find(report, "startup", "pool: to its first answer, all workers ready").median
    memory = max(_find(report, "memory", "the largest worker").values)
    lost = _find(report, "saturation", "pool alone: frames lost").median
    busy = 100 * _find(report, "saturation", "pool alone: utilisation of the workers").median
    rows = [
        _projected("frame, received to published", "< 500 ms", lambda board: latency * board.slower, 500),
        _projected("frames per second, all cores", "> 5", lambda board: per_core * board.cores / board.slower, 5),
        _projected("memory of a worker, at most", "< 200 MB", lambda _board: memory, 200),
        _projected("pool's start to its first answer", "< 5 s", lambda board: start * board.slower, 5),
        _projected("frames lost at full load", "< 1 %", lambda _board: lost),
        _projected("utilisation at full load", "> 80 %", lambda _board: busy),
    ]
    return _table(("projection", "target", *(each.name for each in BOARDS)), rows)


def _projected(name: str, target: str, value: Callable[[Board], float], wanted: float | None = None) -> tuple[str, ...]:
    """Return a row of the projection: a value per board, and how many times better than its target it is."""
    unit = target.split(maxsplit=2)[2] if target.count(" ") > 1 else ""
    cells = []
    for board in BOARDS:
        found = value(board)
        better = None if wanted is None else wanted / found if target.startswith("<") else found / wanted
        margin = "" if better is None else f" ({better:.1f} x)"
        cells.append(f"{figure(found)} {unit}".rstrip() + margin)
    return name, target, *cells


def _find(report: Report, question: str, name: str) -> Series:
    return next(each for each in report.answers[question].series if each.name == name)


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n".replace("|  |", "| |") for line in lines)


if __name__ == "__main__":
    main()
