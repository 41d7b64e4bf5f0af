"""The commands of the history."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edge_agent.cli.flags import DOORBELL, AgentId, Config
from edge_agent.cli.usage import FILE, Command, Group
from edge_agent.settings.loading import load_settings
from edge_agent.settings.model import Settings

history = typer.Typer(help="List, show, export and delete recorded visits.", no_args_is_help=True, cls=Group)

AsJson = Annotated[bool, typer.Option("--json", help="Print one line of JSON per entry.")]


@history.command("list", cls=Command)
def list_(  # noqa: PLR0913, PLR0917 - the options of a command
    day: Annotated[str, typer.Option(help="Only this day: YYYY-MM-DD, or today.", metavar="DAY")] = "",
    doorbell: Annotated[str, typer.Option("--doorbell", "-d", help="Only this doorbell.", metavar=DOORBELL)] = "",
    limit: Annotated[int, typer.Option(help="Maximum number of entries.", metavar="NUMBER", min=1)] = 50,
    json: AsJson = False,
    config: Config = None,
    agent_id: AgentId = None,
) -> None:
    """List visits and presses, the newest first."""
    from edge_agent.cli.history import list_entries  # noqa: PLC0415 - each command loads only what it needs

    list_entries(_settings(config, agent_id), day=day, doorbell=doorbell, limit=limit, as_json=json)


@history.command(cls=Command)
def show(
    entry_id: Annotated[str, typer.Argument(help="An id from `edge-agent history list`.", metavar="ID")],
    json: AsJson = False,
    config: Config = None,
    agent_id: AgentId = None,
) -> None:
    """Show a visit or a press, and where its pictures are."""
    from edge_agent.cli.history import show_entry  # noqa: PLC0415 - each command loads only what it needs

    show_entry(_settings(config, agent_id), entry_id, as_json=json)


@history.command(cls=Command)
def export(
    path: Annotated[Path, typer.Argument(help="The ZIP file to write.", metavar=FILE, dir_okay=False)],
    config: Config = None,
    agent_id: AgentId = None,
) -> None:
    """Write everything into a ZIP file. The agent may run meanwhile."""
    from edge_agent.cli.history import export_entries  # noqa: PLC0415 - each command loads only what it needs

    export_entries(_settings(config, agent_id), path)


@history.command(cls=Command)
def purge(
    before: Annotated[str, typer.Option(help="Delete what began before this day.", metavar="DAY")] = "",
    everything: Annotated[bool, typer.Option("--all", help="Delete everything.")] = False,
    config: Config = None,
    agent_id: AgentId = None,
) -> None:
    """Delete visits and presses with their pictures. The agent may run meanwhile."""
    from edge_agent.cli.history import purge_entries  # noqa: PLC0415 - each command loads only what it needs

    purge_entries(_settings(config, agent_id), before=before, everything=everything)


def _settings(config: Path | None, agent_id: str | None) -> Settings:
    return load_settings(config, {"agent_id": agent_id})
