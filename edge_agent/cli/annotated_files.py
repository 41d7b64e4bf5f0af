"""The annotated images of `edge-agent detect`: nothing that exists is ever written over."""

from __future__ import annotations

import itertools
import os
from typing import TYPE_CHECKING, Final

from rich.console import Console
from rich.text import Text

from edge_agent.errors import SettingsError, reason_of
from edge_agent.ingest.image_files import printable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from edge_agent.file_detection import FileOutcome

NEW_FILE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
MODE: Final = 0o666
"""Less what the user's umask takes away."""


class AnnotatedFiles:
    """The folder that gets them; `unsaved` counts those that could not be written."""

    def __init__(self, folder: Path) -> None:
        self.unsaved = 0
        self._folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            message = f"cannot create the folder {printable(folder)}: {error.strerror}"
            raise SettingsError(message) from error

    def save(self, file: FileOutcome) -> None:
        """Save the annotated image of a file, if there is one, under a name that nothing has; report a failure."""
        if not file.outcome.pictures.snapshot:
            return
        try:
            self._write(file.path, file.outcome.pictures.snapshot)
        except OSError as error:
            self.unsaved += 1
            text = f"{printable(file.path)}: the annotated image could not be saved: {reason_of(error)}"
            Console(stderr=True, highlight=False, soft_wrap=True).print(Text(text, "red"))

    def _write(self, source: Path, content: bytes) -> None:
        for path in self._candidates(source):
            try:
                descriptor = os.open(path, NEW_FILE, MODE)
            except FileExistsError:
                continue
            try:
                with os.fdopen(descriptor, "wb") as target:
                    target.write(content)
            except OSError:
                path.unlink(missing_ok=True)
                raise
            return

    def _candidates(self, source: Path) -> Iterator[Path]:
        """Yield visitor.jpg, visitor-2.jpg, visitor-3.jpg and so on."""
        yield self._folder / f"{source.stem}.jpg"
        for number in itertools.count(2):
            yield self._folder / f"{source.stem}-{number}.jpg"
