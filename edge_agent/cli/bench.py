"""`edge-agent bench`: how fast the agent is on this machine, as a table or as JSON to send."""

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
    """Measure for about a minute with a worker for each core, and print what came of it."""
    logging.getLogger("edge_agent").setLevel(logging.CRITICAL)  # the table says it all
    flags = {"pool": {"workers": len(os.sched_getaffinity(0))}, "detection": {"strategies": "cpu"}}
    settings = load_settings(config, flags)
    with Console(stderr=True).status("drawing a picture") as status:
        frames, shown = read_frames(picture, settings.models)
        found = measure(settings, find_detectors(settings), frames, shown, status.update)
    if as_json:
        print(msgspec.json.encode(found).decode())  # noqa: T201 - output of a command
    else:
        _show(found)


def _show(found: Findings) -> None:
    console = Console(highlight=False)
    console.print(f"{found.processor}, {found.cores} cores, {found.memory_gb:g} GB, Python {found.python}")
    console.print(f"edge-agent {found.version}, {found.detector}, {found.workers} workers; {found.frames}\n")
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("", "target", "measured"):
        table.add_column(name, justify="left" if not name else "right")
    table.add_column("")
    for target in targets(found):
        table.add_row(target.name, target.wanted, target.value, "[green]met[/]" if target.met else "[red]missed[/]")
    console.print(table)
    console.print(
        f"\nfull load: {found.pool_rate:.1f} frames/s, where bare processes do {found.limit_rate:.1f};"
        f" a press behind 100 frames: {found.press_in_flood_p95_ms:.0f} ms (p95)"
    )
    console.print(
        f"[dim]{command('bench', '--json')} prints all of it on one line, to send with a report of your machine.[/]"
    )
