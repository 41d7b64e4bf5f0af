"""`edge-agent detect`: detect faces in image files, and print a table or JSON lines."""

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
"""Detectors report nothing below it."""


class PictureLine(msgspec.Struct, frozen=True):
    """One image in the JSON output."""

    image: str
    width: int | None
    height: int | None
    faces: tuple[Face, ...]
    error: str | None


def detect_faces(
    settings: Settings, paths: list[Path], *, trigger: Trigger, as_json: bool, save_annotated: Path | None
) -> None:
    """Detect faces in all images and print the results; raise EdgeAgentError if detection failed in one."""
    files = find_images(paths)
    _make_folder(save_annotated)
    failed = 0
    table = _table()
    for file in _with_progress(
        detect_files(files, settings, snapshots=save_annotated is not None, trigger=trigger), len(files)
    ):
        failed += not isinstance(file.outcome.result, Detected)
        _save(file, save_annotated)
        if as_json:
            print(msgspec.json.encode(_line(file)).decode(), flush=True)  # noqa: T201 - output of a command
        else:
            table.add_row(*_row(file))
    if not as_json:
        Console().print(table)
    if failed:
        message = f"detection failed in {failed} of {len(files)} images"
        raise EdgeAgentError(message)


def _with_progress(files: Iterable[FileOutcome], total: int) -> Iterator[FileOutcome]:
    """Show progress on standard error if it is a terminal."""
    columns = (TextColumn("detecting"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=total == 1) as progress:
        yield from progress.track(files, total=total)


def _line(file: FileOutcome) -> PictureLine:
    result = file.outcome.result
    if isinstance(result, Detected):
        return PictureLine(str(file.path), result.image.width, result.image.height, result.faces, None)
    return PictureLine(str(file.path), None, None, (), _why(file))


def _why(file: FileOutcome) -> str:
    result = file.outcome.result
    return result.detail if isinstance(result, Failure) else "it was dropped before detection"


def _table() -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("image", overflow="fold")
    table.add_column("size", justify="right")
    table.add_column("faces", justify="right")
    table.add_column("confidence")
    table.add_column("ms", justify="right")
    return table


def _row(file: FileOutcome) -> tuple[str, ...]:
    result = file.outcome.result
    if not isinstance(result, Detected):
        return (str(file.path), "", "[red]-[/]", f"[red]{_why(file)}[/]", "")
    confidences = " ".join(f"{face.confidence:.2f}" for face in result.faces)
    milliseconds = result.times.decode + result.times.inference
    size = f"{result.image.width}x{result.image.height}"
    return (str(file.path), size, str(len(result.faces)), confidences, f"{milliseconds:.1f}")


def _make_folder(folder: Path | None) -> None:
    if folder is None:
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        message = f"cannot create the folder {folder}: {error.strerror}"
        raise SettingsError(message) from error


def _save(file: FileOutcome, folder: Path | None) -> None:
    if folder is not None and file.outcome.pictures.snapshot:
        (folder / f"{file.path.stem}.jpg").write_bytes(file.outcome.pictures.snapshot)
