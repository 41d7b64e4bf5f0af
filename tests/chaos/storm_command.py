"""The command that plays a storm and prints its results: `make chaos`.

Exits with 1 if a push is lost or rings twice, a frame is not accounted for, an exit takes too long or something leaked.
"""

from __future__ import annotations

import secrets
import statistics
import sys
from pathlib import Path  # noqa: TC003 - typer reads the annotation
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from tests.chaos.storm import Storm, leaks

if TYPE_CHECKING:
    from tests.chaos.door_client import DoorClient


def report(storm: Storm, client: DoorClient) -> Table:
    """Return the results as a table."""
    table = Table(box=None, show_header=False)
    before, after = storm.before, storm.after
    ids = [event_id for ids in client.answers.values() for event_id in ids]
    press_answers = sum(count for word, count in client.received.items() if word != "ordinary")
    rows: list[tuple[str, object]] = [
        ("presses sent", len(client.presses)),
        ("presses answered", len(client.presses) - len(client.unanswered())),
        ("answers by outcome", dict(client.received)),
        ("distinct event ids", len(set(ids))),
        ("repetitions of known ids", press_answers - len(set(ids))),
        *sorted(storm.sent.items()),
        *sorted(storm.done.items()),
        *storm.visitors.rows(),
        *((f"{name}: times, longest s until it works", _times(found)) for name, found in storm.recoveries().items()),
        ("not tried here", ", ".join(storm.foreign.not_tried) or "-"),
        ("no time for", ", ".join(storm.foreign.no_time_for) or "-"),
        *sorted(storm.restarts.exit_codes.items()),
        ("longest exit, s", f"{storm.restarts.longest_s:.1f}"),
        ("problems at the end", ", ".join(sorted(storm.last_problems)) or "-"),
        ("since the agent's last start", ""),
        *((f"  {key}", client.metrics.get(key)) for key in ("received", "answered", "failed", "shed", "dropped")),
        *((f"  {key}", client.metrics.get(key)) for key in ("retries", "restarts", "deaths", "in_flight")),
        ("metrics that add up", f"{client.metrics_received - len(client.wrong_sums)} of {client.metrics_received}"),
        ("in flight when all was quiet", storm.lost),
        *((f"{key} before, after", f"{before[key]}, {after[key]}") for key in before),
    ]
    if client.latency_ms:
        p50, p99 = statistics.median(client.latency_ms), statistics.quantiles(client.latency_ms, n=100)[-1]
        rows.append(("press to answer, ms", f"median {p50:.0f}, p99 {p99:.0f}, max {max(client.latency_ms):.0f}"))
    for name, value in rows:
        table.add_row(name, str(value))
    return table


def _times(recoveries: list[float | None]) -> str:
    known = [each for each in recoveries if each is not None]
    return f"{len(recoveries)}, {max(known, default=0.0):.1f}"


def main(
    seconds: Annotated[float, typer.Option(min=10)] = 600,
    seed: Annotated[int | None, typer.Option(help="The same seed gives the same harms.")] = None,
    rate: Annotated[float, typer.Option(help="Frames per second.")] = 60,
    logs: Annotated[Path | None, typer.Option(help="Folder for the logs of agent and broker.")] = None,
) -> None:
    """Kill workers, agent, broker and connection at random under load, amid foreign faults, and print the results."""
    chosen = secrets.randbelow(10**6) if seed is None else seed
    console = Console()
    console.print(f"storm of {seconds:g} s at {rate:g} frames/s, seed {chosen}")
    storm = Storm(seconds, chosen, rate, logs=logs)
    client = storm.run()
    console.print(report(storm, client))
    unanswered, grown = client.unanswered(), leaks(storm.before, storm.after)
    ambiguous = [frame_id for frame_id, ids in client.answers.items() if len(ids) != 1]
    if faults := storm.faults():
        console.print(*faults, sep="\n", style="red", markup=False)
    if unanswered or grown or ambiguous or client.wrong_sums or storm.lost or faults:
        console.print(f"[red]unanswered: {unanswered}; grown: {grown}; more than one event id: {ambiguous}")
        console.print(f"[red]lost: {storm.lost}; metrics that do not add up: {client.wrong_sums[:1]}")
        sys.exit(1)
    console.print("[green]each push rang once and was answered once, every frame is accounted for, and nothing leaked")


if __name__ == "__main__":
    typer.run(main)
