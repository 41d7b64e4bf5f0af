"""Runs all benchmarks, one after the other, and writes their results."""

from __future__ import annotations

import importlib
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from msgspec import structs
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from bench import plots
from bench.answer import BUSY, Report, merge, write
from bench.host import read_host
from bench.others import used_share, wait_until_quiet
from bench.tables import show

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bench.answer import Answer
    from bench.setup import Setup

QUESTIONS: Final = (
    "saturation",
    "steps",
    "latency",
    "press",
    "ring",
    "recovery",
    "startup",
    "memory",
    "dispatch",
    "decoding",
    "extras",
    "fairness",
    "growth",
    "doorbells",
    "idle",
)
RESULTS: Final = Path(__file__).with_name("results")
SETTLE_S: Final = 1.0
"""Our own processes end within that time."""
MOST_TIMES: Final = 3
"""A benchmark with a value close to its target is repeated up to this often."""


def ask_all(setup: Setup, names: Sequence[str], output: Path | None) -> Report:
    """Run the benchmarks, print a table for each, and write JSON and plots."""
    began_s, host = time.monotonic(), read_host()
    now = datetime.now(UTC)
    answers: dict[str, Answer] = {}
    console = Console()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("", total=len(names))
        for name in names:
            progress.update(task, description=f"{name:10}")
            answers[name] = ask(importlib.import_module(f"bench.questions.{name}").measure, setup)
            progress.advance(task)
            show(console, answers[name])
    report = Report(
        now.isoformat(timespec="seconds"), round(time.monotonic() - began_s, 1), setup.described, host, answers
    )
    path = output or RESULTS / f"{now:%Y%m%d-%H%M%S}-{host.commit or 'unknown'}.json"
    write(report, path)
    console.print(f"written: {path}{_draw_plots(report, path.with_suffix(''))}")
    return report


def ask(measure: Callable[[Setup], Answer], setup: Setup) -> Answer:
    """Run a benchmark on a quiet machine, and again while a value is close to its target; return all as one answer."""
    answers = [_watched(measure, setup)]
    while len(answers) < MOST_TIMES and any(each.is_close for each in merge(answers).targets):
        if answers[-1].others > BUSY:
            break
        answers.append(_watched(measure, setup))
    return merge(answers)


def _watched(measure: Callable[[Setup], Answer], setup: Setup) -> Answer:
    """Wait until other programs are quiet, for a while; return the answer with their share before and after it."""
    before = wait_until_quiet()
    answer = measure(setup)
    time.sleep(SETTLE_S)
    return structs.replace(answer, others=max(before, used_share()))


def _draw_plots(report: Report, folder: Path) -> str:
    """Draw the plots where they can be drawn; return what to say about them."""
    if not plots.is_available():
        return "; no plots, since matplotlib is not installed (`make bench` installs it)"
    return f" and {len(plots.draw(report, folder))} plots in {folder}"
