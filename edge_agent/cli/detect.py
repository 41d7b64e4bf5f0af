"""`edge-agent detect`: faces in image files, as a table or as JSON lines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from edge_agent.domain import Failure, Trigger
from edge_agent.errors import EdgeAgentError, SettingsError
from edge_agent.file_detection import FileOutcome, detect_files, find_images
from edge_agent.wire import Detected, Face

if TYPE_CHECKING:
    from edge_agent.settings.model import Settings

LOWEST_CONFIDENCE: Final = 0.3
"""Detectors report nothing below this."""


class PictureLine(msgspec.Struct, frozen=True):
    """One picture in the JSON output."""

    image: str
    width: int | None
    height: int | None
    faces: tuple[Face, ...]
    error: str | None


def detect_faces(
    settings: Settings, paths: list[Path], *, trigger: Trigger, as_json: bool, save_annotated: Path | None
) -> None:
    """Look at all pictures and print what is in them; raise EdgeAgentError if one could not be looked at."""
    files = find_images(paths)
    _make_folder(save_annotated)
    failed = 0
    table = _table()
    for looked in _with_progress(
        detect_files(files, settings, snapshots=save_annotated is not None, trigger=trigger), len(files)
    ):
        failed += not isinstance(looked.outcome.result, Detected)
        _save(looked, save_annotated)
        if as_json:
            print(msgspec.json.encode(_line(looked)).decode(), flush=True)  # noqa: T201 - output of a command
        else:
            table.add_row(*_row(looked))
    if not as_json:
        Console().print(table)
    if failed:
        message = f"{failed} of {len(files)} pictures could not be looked at"
        raise EdgeAgentError(message)


def _with_progress(looked: Iterable[FileOutcome], total: int) -> Iterator[FileOutcome]:
    """Show how far it is on the error output, where that is a terminal."""
    columns = (TextColumn("looking"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=total == 1) as progress:
        yield from progress.track(looked, total=total)


def _line(looked: FileOutcome) -> PictureLine:
    result = looked.outcome.result
    if isinstance(result, Detected):
        return PictureLine(str(looked.path), result.image.width, result.image.height, result.faces, None)
    return PictureLine(str(looked.path), None, None, (), _why(looked))


def _why(looked: FileOutcome) -> str:
    result = looked.outcome.result
    return result.detail if isinstance(result, Failure) else "it was not looked at"


def _table() -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("picture", overflow="fold")
    table.add_column("size", justify="right")
    table.add_column("faces", justify="right")
    table.add_column("confidence")
    table.add_column("ms", justify="right")
    return table


def _row(looked: FileOutcome) -> tuple[str, ...]:
    result = looked.outcome.result
    if not isinstance(result, Detected):
        return (str(looked.path), "", "[red]-[/]", f"[red]{_why(looked)}[/]", "")
    confidences = " ".join(f"{face.confidence:.2f}" for face in result.faces)
    milliseconds = result.times.decode + result.times.inference
    size = f"{result.image.width}x{result.image.height}"
    return (str(looked.path), size, str(len(result.faces)), confidences, f"{milliseconds:.1f}")


def _make_folder(folder: Path | None) -> None:
    if folder is None:
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        message = f"the folder {folder} cannot be made: {error.strerror}"
        raise SettingsError(message) from error


def _save(looked: FileOutcome, folder: Path | None) -> None:
    if folder is not None and looked.outcome.pictures.snapshot:
        (folder / f"{looked.path.stem}.jpg").write_bytes(looked.outcome.pictures.snapshot)
