"""The pinned files on this host, mainly models: found, or downloaded once, and verified each time."""

from __future__ import annotations

import functools
import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from edge_agent.errors import ModelUnavailableError, reason_of
from edge_agent.model_store.fetchers import SOURCES, Source
from edge_agent.model_store.folders import (
    SHIPPED,
    default_cache_dir,
    expanded,
    is_own,
    make_own,
    spare_dir,
    unfinished,
    workspace,
)
from edge_agent.model_store.manifest import MODELS, PinnedFile
from edge_agent.platform.regular_file import digest, read_regular
from edge_agent.wire import ModelFile

if TYPE_CHECKING:
    import tempfile
    from collections.abc import Callable, Mapping, Sequence

log = logging.getLogger(__name__)


MOST_BYTES: Final = 200_000_000
"""More than any model has."""


def find_fault(model: PinnedFile, path: Path, *, follow: bool = False) -> str:
    """Return why the file at `path` is not this version, as words that follow its name, or ''."""
    try:
        found = digest(read_regular(path, MOST_BYTES, follow=follow), model.hashed)
    except FileNotFoundError:
        return "does not exist"
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    if found == model.digest:
        return ""
    return f"is damaged or another version (its {model.hashed} is {found}, not {model.digest})"


class FileStore:
    """Returns the path of a pinned file: from the user's `folder`, from the cache, or from the first source.

    Several processes may use one cache at the same time: a file appears in it atomically, complete and verified.
    """

    def __init__(
        self,
        files: Mapping[str, PinnedFile],
        folder: Path | None = None,
        cache_dir: Path | None = None,
        *,
        sources: Sequence[Source] = SOURCES,
        progress: Callable[[PinnedFile, int], None] = lambda _file, _bytes: None,
    ) -> None:
        self._folder = expanded(folder) if folder else None
        self._cache_dir = expanded(cache_dir) if cache_dir else default_cache_dir()
        self._files = files
        self._sources = sources
        self._progress = progress

    def find(self, name: str) -> Path | None:
        """Return the verified file of that name if it is here already; raise ModelUnavailableError for a wrong name."""
        return self._find(self._file(name), [])

    def file_at(self, name: str, path: Path) -> ModelFile:
        """Return a file with what it is verified by when it is loaded."""
        file = self._file(name)
        return ModelFile(str(path), file.hashed, file.digest)

    def faults(self, name: str) -> list[str]:
        """Return why the copies of a file on this host cannot be used."""
        file = self._file(name)
        copies = [(folder, path) for folder in self._folders() if os.path.lexists(path := folder / file.filename)]
        return [f"{path} {fault}" for folder, path in copies if (fault := self._find_fault(file, folder))]

    def resolve(self, name: str, *, quietly: bool = False) -> Path:
        """Return the verified file of that name; raise ModelUnavailableError with the reason of every source.

        A download is logged, unless `quietly`: nobody asked for it.
        """
        file = self._file(name)
        refusals: list[str] = []
        path = self._find(file, refusals) or self._fetch(file, refusals, logging.DEBUG if quietly else logging.INFO)
        if path is None:
            raise ModelUnavailableError(self._advice(file, refusals))
        return path

    def _file(self, name: str) -> PinnedFile:
        file = self._files.get(name)
        if file is None:
            message = f"there is no model {name!r}; there are {', '.join(self._files)}"
            raise ModelUnavailableError(message)
        return file

    def _find(self, file: PinnedFile, refusals: list[str]) -> Path | None:
        for folder in self._folders():
            path = folder / file.filename
            fault = self._find_fault(file, folder)
            if not fault:
                return path
            refusals.append(f"{path} {fault}")
            if os.path.lexists(path):
                log.warning("%s %s", path, fault)
        return None

    def _find_fault(self, file: PinnedFile, folder: Path) -> str:
        """Look at a copy of a file; links are for folders that only the user or the installation fills."""
        return find_fault(file, folder / file.filename, follow=folder in {self._folder, SHIPPED})

    def _folders(self) -> list[Path]:
        given = [self._folder] if self._folder else []
        shipped = [SHIPPED] if SHIPPED.is_dir() else []
        spare = [spare_dir()] if is_own(spare_dir()) else []
        return [*given, *shipped, self._cache_dir, *spare]

    def _fetch(self, file: PinnedFile, refusals: list[str], level: int) -> Path | None:
        log.log(level, "fetching the %s %s", file.kind, file.name)
        for source in self._sources:
            try:
                return self._keep(file, source)
            except ModelUnavailableError as error:
                refusals.append(f"{source.name}: {error}")
            except OSError as error:
                refusals.append(f"{source.name}: {reason_of(error)}")
        return None

    def _keep(self, file: PinnedFile, source: Source) -> Path:
        with self._workspace() as folder, unfinished(Path(folder), file.filename, file.size_bytes):
            fetched = source.fetch(file, Path(folder), functools.partial(self._progress, file))
            if fault := find_fault(file, fetched):
                message = f"the file that came {fault}"
                raise ModelUnavailableError(message)
            return fetched.replace(Path(folder).parent / file.filename)

    def _workspace(self) -> tempfile.TemporaryDirectory[str]:
        try:
            self._cache_dir.mkdir(parents=True, exist_ok=True)
            return workspace(self._cache_dir)
        except OSError as error:
            log.warning("files are kept in %s for now: the cache is not writable (%s)", spare_dir(), reason_of(error))
            make_own(spare_dir())
            return workspace(spare_dir())

    def _advice(self, file: PinnedFile, refusals: Sequence[str]) -> str:
        return (
            f"the {file.kind} {file.name} is not available: {'; '.join(refusals)}. Put {file.filename} ({file.origin})"
            f" into {self._folder or self._cache_dir}, or set EDGE_AGENT_MODELS__DIR to a folder that holds it"
        )


class ModelStore(FileStore):
    """The store of the models' files."""

    def __init__(
        self,
        folder: Path | None = None,
        cache_dir: Path | None = None,
        *,
        models: Mapping[str, PinnedFile] = MODELS,
        sources: Sequence[Source] = SOURCES,
        progress: Callable[[PinnedFile, int], None] = lambda _file, _bytes: None,
    ) -> None:
        super().__init__(models, folder, cache_dir, sources=sources, progress=progress)
