"""`edge-agent detectors`: try each detector in its own process."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import msgspec
from rich.console import Console
from rich.progress import track
from rich.table import Table
from rich.text import Text

from edge_agent.app import find_detectors, max_pixels
from edge_agent.cli.palette import GOOD, WARNING
from edge_agent.pool import ProbeResult, probe_all

if TYPE_CHECKING:
    from edge_agent.settings.model import Settings
    from edge_agent.wire import DetectorChoice


class DetectorLine(msgspec.Struct, frozen=True):
    """One detector in the JSON output; milliseconds are null if it is unavailable."""

    strategy: str
    model: str
    device: str
    works: bool
    load_ms: float | None
    inference_ms: float | None
    reason: str


def show_detectors(settings: Settings, *, as_json: bool) -> None:
    """Try every configured detector and print the results in order of preference."""
    logging.getLogger("edge_agent").setLevel(logging.CRITICAL)  # the table has all results
    plan = find_detectors(settings)
    second = (plan.second_stage.choice,) if plan.second_stage else ()
    choices = (*plan.accelerators, *plan.choices, *second)
    results = probe_all(choices, max_pixels(settings), settings.pool.probe_timeout_s)
    tried = track(results, "trying", len(choices), console=Console(stderr=True), transient=True)
    lines = [DetectorLine(each.strategy, "", "", works=False, load_ms=None, inference_ms=None, reason=each.reason)
             for each in plan.missing]  # fmt: skip
    lines += [_line(choice, probed) for choice, probed in zip(choices, tried, strict=True)]
    if as_json:
        print("\n".join(msgspec.json.encode(line).decode() for line in lines))  # noqa: T201 - output of a command
    else:
        Console().print(_table(lines))


def _line(choice: DetectorChoice, probed: ProbeResult) -> DetectorLine:
    return DetectorLine(
        strategy=choice.strategy,
        model=choice.model,
        device=choice.device,
        works=probed.works,
        load_ms=round(probed.load_ms, 1) if probed.works else None,
        inference_ms=round(probed.inference_ms, 1) if probed.works else None,
        reason=probed.reason,
    )


def _table(lines: list[DetectorLine]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("strategy", "model", "device"):
        table.add_column(name, no_wrap=True)
    for name in ("load ms", "inference ms"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("", overflow="fold")
    for line in lines:
        how = Text("works", GOOD) if line.works else Text(line.reason, WARNING)
        table.add_row(
            line.strategy, line.model, Text(line.device), _figure(line.load_ms), _figure(line.inference_ms), how
        )
    return table


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.0f}"
