"""`edge-agent history`: list, show, export and delete what was kept of visits and presses."""

from __future__ import annotations

import sqlite3
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from rich.console import Console
from rich.table import Table

from edge_agent.cli.palette import QUIET
from edge_agent.doorbells.options_file import default_folder
from edge_agent.errors import EdgeAgentError, SettingsError, reason_of
from edge_agent.history.entries import Entry, EntryKind, PictureKind
from edge_agent.history.export import export_all
from edge_agent.history.faults import HistoryError, fault_of
from edge_agent.history.reader import HistoryReader, day_span
from edge_agent.history.store import DATABASE, PICTURES, Store, folder_of

if TYPE_CHECKING:
    from edge_agent.settings.model import Settings


def list_entries(settings: Settings, *, day: str, doorbell: str, limit: int, as_json: bool) -> None:
    """Print the entries, the newest first; `day` is '' for all days."""
    first, last = day_span(_day(day)) if day else (None, None)
    found = _reader(settings).between(first, last, limit=-1 if doorbell else limit)
    entries = [each for each in found if doorbell in {"", each.doorbell}][:limit]
    if as_json:
        _print("\n".join(map(_json, entries)))
    elif entries:
        Console().print(_table(entries))
    else:
        Console().print("no entries", style=QUIET)


def show_entry(settings: Settings, entry_id: str, *, as_json: bool) -> None:
    """Print an entry, and where its pictures are; raise EdgeAgentError if there is none."""
    reader = _reader(settings)
    entry = reader.entry(entry_id)
    if entry is None:
        message = f"there is no entry {entry_id}; edge-agent history list shows them"
        raise EdgeAgentError(message)
    if as_json:
        _print(_json(entry))
        return
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in msgspec.to_builtins(entry, builtin_types=(datetime,)).items():
        table.add_row(name, _plain(value))
    for kind in PictureKind:
        if entry.has(kind):
            table.add_row(kind, str(reader.folder / PICTURES / f"{entry_id}-{kind}.jpg"))
    Console().print(table)


def export_entries(settings: Settings, path: Path) -> None:
    """Write everything into a ZIP file, also while the agent runs; raise EdgeAgentError if that fails."""
    if path.exists():
        message = f"{path} exists already; name a new file"
        raise EdgeAgentError(message)
    try:
        count = export_all(_reader(settings), path)
    except OSError as error:
        message = f"{path} cannot be written: {reason_of(error)}"
        raise EdgeAgentError(message) from error
    _print(f"{path}: {count} entries, {path.stat().st_size / 1e6:.1f} MB")


def purge_entries(settings: Settings, *, before: str, everything: bool) -> None:
    """Delete the entries before a day, or all; raise EdgeAgentError if that fails."""
    if bool(before) == everything:
        message = "say what to delete: --before YYYY-MM-DD, or --all"
        raise SettingsError(message)
    last = day_span(_day(before))[0] if before else None
    reader = _reader(settings)
    entry_ids = [each.entry_id for each in reader.between(None, last)]
    try:
        with Store(reader.folder) as store:
            store.delete(entry_ids)
            if everything:
                store.remove_pictures()
    except (OSError, sqlite3.Error) as error:
        raise HistoryError(fault_of(error, reader.folder)) from error
    _print(f"deleted {len(entry_ids)} entries")


def _reader(settings: Settings) -> HistoryReader:
    """Return the reader; raise EdgeAgentError if there is no history."""
    folder = folder_of(settings.state.dir or default_folder(), settings.agent_id)
    if not (folder / DATABASE).exists():
        message = (
            f"there is no history in {folder}; set history.enabled, and state.dir and agent_id as the agent has them"
        )
        raise EdgeAgentError(message)
    return HistoryReader(folder)


def _day(text: str) -> date:
    if text == "today":
        return datetime.now(UTC).astimezone().date()
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        message = f"{text!r} is not a day: use YYYY-MM-DD"
        raise SettingsError(message) from error


def _table(entries: list[Entry]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("time", "doorbell", "kind", "id"):
        table.add_column(name, no_wrap=True)
    for name in ("people", "s", "confidence"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("answer", no_wrap=True)
    table.add_column("pictures", no_wrap=True)
    for each in entries:
        pictures = " ".join(kind for kind in PictureKind if each.has(kind))
        table.add_row(
            f"{each.started_at.astimezone():%Y-%m-%d %H:%M:%S}",
            _plain(each.doorbell),
            each.kind,
            each.entry_id,
            str(each.people),
            f"{each.duration_s:.0f}" if each.kind is EntryKind.VISIT else "",
            "" if each.confidence is None else f"{each.confidence:.2f}",
            _plain(each.reason or each.answer or ""),
            pictures,
        )
    return table


def _plain(value: object) -> str:
    """Return a value without control characters: a terminal would act on them."""
    if isinstance(value, datetime):
        return f"{value.astimezone():%Y-%m-%d %H:%M:%S}"
    said = ", ".join(f"{key} {count}" for key, count in value.items()) if isinstance(value, dict) else str(value)
    return "" if value is None else "".join(each if each.isprintable() else "\ufffd" for each in said)


def _json(entry: Entry) -> str:
    return msgspec.json.encode(entry).decode()


def _print(line: str) -> None:
    if line:
        print(line)  # noqa: T201 - output of a command
