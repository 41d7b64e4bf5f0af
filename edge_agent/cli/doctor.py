"""`edge-agent doctor`: what is wrong, and how to mend it."""

from __future__ import annotations

import logging
from collections import Counter
from typing import TYPE_CHECKING, Final

import msgspec
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from edge_agent.cli.palette import BAD, GOOD, WARNING
from edge_agent.doctor import Finding, Level, run_checks

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from edge_agent.settings.model import Settings

MARKS: Final = {Level.OK: ("✓", GOOD), Level.WARNING: ("!", WARNING), Level.ERROR: ("✗", BAD)}


def run_doctor(settings: Settings, *, as_json: bool) -> int:
    """Examine everything and print what was found; return 1 where the agent cannot work, else 0."""
    logging.getLogger("edge_agent").setLevel(logging.CRITICAL)  # the table says it all
    if as_json:
        findings = list(_print_lines(run_checks(settings)))
    else:
        findings = list(_with_status(run_checks(settings)))
        Console(highlight=False).print(_report(findings))
    return int(any(each.level is Level.ERROR for each in findings))


def _print_lines(findings: Iterable[Finding]) -> Iterator[Finding]:
    for each in findings:
        print(msgspec.json.encode(each).decode(), flush=True)  # noqa: T201 - output of a command
        yield each


def _with_status(findings: Iterable[Finding]) -> Iterator[Finding]:
    """Show on the error output how far it is."""
    with Console(stderr=True).status("examining the broker, the detectors and this machine ...") as status:
        for each in findings:
            status.update(f"examining: {each.check} done")
            yield each


def _report(findings: list[Finding]) -> RenderableType:
    table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 1, 0, 0))
    table.add_column(width=1)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for each in findings:
        mark, colour = MARKS[each.level]
        text = Text(each.text, "" if each.level is Level.OK else colour)
        if each.fix:
            text = Text.assemble(text, "\n", ("→ ", "bold"), each.fix)
        table.add_row(Text(mark, f"bold {colour}"), each.check, text)
    return Group(table, "", _summary(findings))


def _summary(findings: list[Finding]) -> Text:
    counts = Counter(each.level for each in findings)
    errors, warnings = counts[Level.ERROR], counts[Level.WARNING]
    if errors:
        return Text(f"{_many(errors, 'error')} and {_many(warnings, 'warning')}: the agent cannot work so", "bold red")
    if warnings:
        return Text(f"{_many(warnings, 'warning')}: the agent works, and could work better", f"bold {WARNING}")
    return Text("all is well", "bold green")


def _many(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
