"""Results as tables on a terminal, and comparisons of two reports."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.console import Console
from rich.table import Table

from bench.answer import BUSY

if TYPE_CHECKING:
    from bench.answer import Answer, Report, Series

BEYOND_NOISE: Final = 0.1
DIGITS: Final = ((100, 0), (10, 1), (0.1, 2))
"""Decimals by size of the figure."""
COLOURS: Final = {"met": "green", "missed": "red", "not judged": "yellow"}


def show(console: Console, answer: Answer) -> None:
    """Print an answer: its figures, its remarks, and which targets it meets."""
    console.print(f"\n[bold]{answer.question.strip()}[/]")
    table = _table("", "n", "median", "p5", "p95", "")
    for each in answer.series:
        table.add_row(
            each.name,
            str(len(each.values)),
            *map(figure, (each.median, each.percentile(5), each.percentile(95))),
            each.unit,
        )
    console.print(table)
    for target, verdict in answer.verdicts:
        console.print(f"  [{COLOURS[verdict]}]{verdict}[/] {target.name}: {figure(target.value)} ({target.required})")
    if answer.others > BUSY:
        console.print(f"  [yellow]other programs used {answer.others:.0%} of the processor time: nothing is judged[/]")
    for remark in answer.remarks:
        console.print(f"  [dim]{remark}[/]")


def compare(one: Report, other: Report) -> None:
    """Print the medians of two reports and the ratio of the second to the first."""
    console = Console()
    for report in (one, other):
        host = report.host
        console.print(
            f"{report.measured_at}  {host.commit}  {host.processor}, {host.cores} cores, load {host.load_at_start}"
        )
    table = _table("", "before", "after", "", "x")
    for name in one.answers.keys() & other.answers.keys():
        after = {each.name: each for each in other.answers[name].series}
        for each in one.answers[name].series:
            if each.name in after:
                table.add_row(*_compared(name, each, after[each.name]))
        table.add_section()
    console.print(table)


def figure(value: float) -> str:
    """Return a figure with significant digits only."""
    if not value:
        return "0"
    digits = next((digits for size, digits in DIGITS if abs(value) >= size), 3)
    return f"{value:.{digits}f}"


def _compared(question: str, before: Series, after: Series) -> tuple[str, ...]:
    ratio = after.median / before.median if before.median else float("nan")
    shown = f"[bold]{ratio:.2f}[/]" if abs(ratio - 1) > BEYOND_NOISE else f"{ratio:.2f}"
    return (f"{question}: {before.name}", figure(before.median), figure(after.median), before.unit, shown)


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for number, name in enumerate(columns):
        table.add_column(name, justify="right" if name else "left", overflow="fold" if number == 0 else "ellipsis")
    return table
