"""`edge-agent sources`: find the topics that carry pictures or presses, and add them to agent.yaml."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
import yaml
from rich.console import Console
from rich.table import Table
from rich.text import Text

from edge_agent.cli.palette import QUIET
from edge_agent.errors import EdgeAgentError, SettingsError, reason_of
from edge_agent.ingest.recognizer import source_entries
from edge_agent.mqtt.source_search import search_sources
from edge_agent.settings.loading import config_path, load_settings, read_text
from edge_agent.settings.source_lines import source_lines, with_sources
from edge_agent.web.source_page import HEADS, source_cells

if TYPE_CHECKING:
    from edge_agent.ingest.recognizer import ObservedTopic
    from edge_agent.settings.broker import MqttSettings


@dataclass(frozen=True, slots=True)
class Search:
    """How long to listen, and whether to add what is found to the settings file, with or without a question."""

    seconds: float
    write: bool = False
    yes: bool = False


def find_sources(mqtt: MqttSettings, config: Path | None, search: Search) -> None:
    """Listen, show what was found, and add it to the settings file if asked to."""
    if not mqtt.host:
        message = "no broker is configured: use --host, or set EDGE_AGENT_MQTT__HOST"
        raise SettingsError(message)
    path = _writable(config) if search.write else None
    with Console(stderr=True).status(f"listening for {search.seconds:g} s; press the button now ..."):
        observed = search_sources(mqtt, search.seconds)
    console = Console(highlight=False, soft_wrap=True)
    if not observed:
        console.print(
            f"no pictures and no presses within {search.seconds:g} s. Press the button, and check that this user may"
            " read all topics (`topic read #` in mosquitto's access list)"
        )
        return
    console.print(_table(observed, search.seconds))
    known = _known(path or config_path(config))
    entries = [entry for entry in source_entries(observed) if entry not in known]
    if not entries:
        console.print("\nagent.yaml has all of them")
        return
    console.print(f"\nLines for agent.yaml:\n\nsources:\n{source_lines(entries)}", markup=False)
    if path is not None:
        _write(path, entries, console, ask=not search.yes)


def _table(observed: list[ObservedTopic], seconds: float) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in HEADS:
        table.add_column(name, header_style=QUIET, overflow="fold")
    for each in observed:
        table.add_row(*(Text(cell) for cell in source_cells(each, seconds)))
    return table


def _known(path: Path | None) -> list[dict[str, Any]]:
    """Return the sources of the settings file."""
    content = yaml.safe_load(read_text(path)) if path is not None and path.exists() else None
    known = content.get("sources") if isinstance(content, dict) else None
    return known if isinstance(known, list) else []


def _writable(config: Path | None) -> Path:
    path = config_path(config, must_exist=False)
    if path is None:
        message = "there is no settings file: name one with --config"
        raise SettingsError(message)
    return path


def _write(path: Path, entries: list[dict[str, Any]], console: Console, *, ask: bool) -> None:
    """Add the entries to the file, after a look: a file that would be invalid is not written."""
    if ask and not sys.stdin.isatty():
        message = f"nothing was written: confirm on a terminal, or use --yes to add the lines to {path}"
        raise EdgeAgentError(message)
    if ask and not typer.confirm(f"Add these lines to {path}?"):
        return
    text = with_sources(read_text(path) if path.exists() else "", entries)
    try:
        _replace(path, f"{text.rstrip()}\n")
    except OSError as error:
        message = f"{path} cannot be written ({reason_of(error)}): add the lines yourself"
        raise EdgeAgentError(message) from error
    console.print(f"added to {path}; restart the agent to use them")


def _replace(path: Path, text: str) -> None:
    """Replace a file by one that was loaded before, with the same rights."""
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}-", suffix=".yaml", dir=path.parent)
    new = Path(name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        load_settings(new, {})
        new.chmod(path.stat().st_mode & 0o777 if path.exists() else 0o644)
        if path.exists() and os.geteuid() == 0:
            shutil.chown(new, path.stat().st_uid, path.stat().st_gid)
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)
