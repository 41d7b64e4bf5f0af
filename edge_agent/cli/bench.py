"""`edge-agent bench`: measure the agent's speed on this host, as a table or as JSON."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING

import msgspec
from rich.console import Console
from rich.table import Table

from edge_agent.app import find_detectors
from edge_agent.benchmark.pictures import read_frames
from edge_agent.benchmark.short import Findings, measure, targets
from edge_agent.platform.program_name import command
from edge_agent.settings.loading import load_settings

if TYPE_CHECKING:
    from pathlib import Path


def run_benchmark(config: Path | None, picture: Path | None, *, as_json: bool) -> None:
    """Measure for about a minute with one worker per core, and print the results."""
    logging.getLogger("edge_agent").setLevel(logging.CRITICAL)  # the table has all results
    flags = {"pool": {"workers": len(os.sched_getaffinity(0))}, "detection": {"strategies": "cpu"}}
    settings = load_settings(config, flags)
    with Console(stderr=True).status("drawing an image") as status:
        frames, shown = read_frames(picture, settings.models)
        found = measure(settings, find_detectors(settings), frames, shown, status.update)
    if as_json:
        print(msgspec.json.encode(found).decode())  # noqa: T201 - output of a command
    else:
        _show(found)


def _show(found: Findings) -> None:
    console = Console(highlight=False)
    console.print(
        f"{found.processor}, {found.cores} cores, {found.memory_gb:g} GB, Python {found.python}", markup=False
    )
    how = f"edge-agent {found.version}, {found.detector}, {found.workers} workers; {found.frames}\n"
    console.print(how, markup=False)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("", "target", "measured"):
        table.add_column(name, justify="left" if not name else "right")
    table.add_column("")
    for target in targets(found):
        table.add_row(target.name, target.required, target.value, "[green]met[/]" if target.met else "[red]missed[/]")
    console.print(table)
    console.print(
        f"\nfull load: {found.pool_rate:.1f} frames/s; bare processes reach {found.limit_rate:.1f};"
        f" a press with 100 frames in the queue: {found.press_in_flood_p95_ms:.0f} ms (p95)"
    )
    console.print(
        f"[dim]{command('bench', '--json')} prints all results on one line: attach it to a report about your host.[/]"
    )
