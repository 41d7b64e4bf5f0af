"""`edge-agent detect`: detect faces in image files, and print a table or JSON lines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec
from rich.console import Console, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from edge_agent.cli.annotated_files import AnnotatedFiles
from edge_agent.domain import Failure, Trigger
from edge_agent.errors import EdgeAgentError
from edge_agent.file_detection import FileOutcome, detect_files
from edge_agent.ingest.image_files import as_text, find_images, printable
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
    annotated = AnnotatedFiles(save_annotated) if save_annotated else None
    failed = 0
    table = _table()
    for file in _with_progress(
        detect_files(files, settings, snapshots=save_annotated is not None, trigger=trigger), len(files)
    ):
        failed += not isinstance(file.outcome.result, Detected)
        if annotated is not None:
            annotated.save(file)
        if as_json:
            print(msgspec.json.encode(_line(file)).decode(), flush=True)  # noqa: T201 - output of a command
        else:
            table.add_row(*_row(file))
    if not as_json:
        Console().print(table)
    if failed:
        message = f"detection failed in {failed} of {len(files)} images"
        raise EdgeAgentError(message)
    if annotated is not None and annotated.unsaved:
        message = f"{annotated.unsaved} of {len(files)} annotated images could not be saved"
        raise EdgeAgentError(message)


def _with_progress(files: Iterable[FileOutcome], total: int) -> Iterator[FileOutcome]:
    """Show progress on standard error if it is a terminal."""
    columns = (TextColumn("detecting"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=total == 1) as progress:
        yield from progress.track(files, total=total)


def _line(file: FileOutcome) -> PictureLine:
    result = file.outcome.result
    if isinstance(result, Detected):
        return PictureLine(as_text(file.path), result.image.width, result.image.height, result.faces, None)
    return PictureLine(as_text(file.path), None, None, (), _why(file))


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


def _row(file: FileOutcome) -> tuple[RenderableType, ...]:
    """Return the cells; a name or reason may hold what looks like rich's markup."""
    result, name = file.outcome.result, Text(printable(file.path))
    if not isinstance(result, Detected):
        return (name, "", Text("-", "red"), Text(_why(file), "red"), "")
    confidences = " ".join(f"{face.confidence:.2f}" for face in result.faces)
    milliseconds = result.times.decode + result.times.inference
    size = f"{result.image.width}x{result.image.height}"
    return (name, size, str(len(result.faces)), confidences, f"{milliseconds:.1f}")
