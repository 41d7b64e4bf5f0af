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
from edge_agent.model_store import advice_for
from edge_agent.pool import ProbeResult, probe_all
from edge_agent.reasons import UnavailableReason
from edge_agent.wire import DetectorChoice

if TYPE_CHECKING:
    from edge_agent.reasons import DetectorFault
    from edge_agent.settings.model import Settings


class DetectorLine(msgspec.Struct, frozen=True):
    """One detector in the JSON output; milliseconds are null if it is unavailable, and `reason` says why."""

    strategy: str
    model: str
    device: str
    works: bool
    load_ms: float | None
    inference_ms: float | None
    reason: UnavailableReason | None = None
    detail: str = ""
    advice: str = ""


def show_detectors(settings: Settings, *, as_json: bool) -> None:
    """Try every configured detector and print the results in order of preference."""
    logging.getLogger("edge_agent").setLevel(logging.CRITICAL)  # the table has all results
    plan = find_detectors(settings)
    second = (plan.second_stage.choice,) if plan.second_stage else ()
    choices = (*plan.accelerators, *plan.choices, *second)
    results = probe_all(choices, max_pixels(settings), settings.pool.probe_timeout_s)
    tried = track(results, "trying", len(choices), console=Console(stderr=True), transient=True)
    lines = [_unavailable(DetectorChoice(each.strategy, ""), each.fault, each.model) for each in plan.missing]
    lines += [_line(choice, probed) for choice, probed in zip(choices, tried, strict=True)]
    if as_json:
        print("\n".join(msgspec.json.encode(line).decode() for line in lines))  # noqa: T201 - output of a command
    else:
        Console().print(_table(lines))


def _line(choice: DetectorChoice, probed: ProbeResult) -> DetectorLine:
    if probed.fault is not None:
        return _unavailable(choice, probed.fault, choice.model)
    return DetectorLine(
        strategy=choice.strategy,
        model=choice.model,
        device=choice.device,
        works=True,
        load_ms=round(probed.load_ms, 1),
        inference_ms=round(probed.inference_ms, 1),
    )


def _unavailable(choice: DetectorChoice, fault: DetectorFault, model: str) -> DetectorLine:
    return DetectorLine(
        strategy=choice.strategy,
        model=choice.model,
        device=choice.device,
        works=False,
        load_ms=None,
        inference_ms=None,
        reason=fault.reason,
        detail=fault.text,
        advice=advice_for(fault, choice.strategy, model),
    )


def _table(lines: list[DetectorLine]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("strategy", "model", "device"):
        table.add_column(name, no_wrap=True)
    for name in ("load ms", "inference ms"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("", overflow="fold")
    for line in lines:
        how = Text("works", GOOD) if line.works else Text(f"{line.detail}; {line.advice}", WARNING)
        table.add_row(
            line.strategy, line.model, Text(line.device), _figure(line.load_ms), _figure(line.inference_ms), how
        )
    return table


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.0f}"
