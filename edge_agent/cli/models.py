"""`edge-agent models`: the model files: which there are, which are here, and fetching them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn
from rich.table import Table
from rich.text import Text

from edge_agent.errors import ModelUnavailableError
from edge_agent.model_store import MODELS, ModelStore, PinnedFile

if TYPE_CHECKING:
    from edge_agent.settings.model import ModelSettings


def list_models(settings: ModelSettings) -> None:
    """Print every model: its size and licence, and where it is or comes from."""
    store = ModelStore(settings.dir, settings.cache_dir)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("model", "licence"):
        table.add_column(name, no_wrap=True)
    table.add_column("MB", justify="right", no_wrap=True)
    table.add_column("where", overflow="fold")
    for model in MODELS.values():
        path = store.find(model.name)
        size = f"{model.size_bytes / 1e6:.1f}" if model.size_bytes else "?"
        where = Text(str(path), "green") if path else Text(f"not here; comes from {model.publisher}", "dim")
        table.add_row(model.name, model.licence, size, where)
    Console().print(table)


def pull_models(settings: ModelSettings, names: list[str]) -> None:
    """Fetch models that are not here, with their progress; raise ModelUnavailableError for one that cannot be had."""
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        tasks = {name: progress.add_task(name, total=None, start=False) for name in names}

        def show(model: PinnedFile, size: int) -> None:
            progress.start_task(tasks[model.name])
            progress.update(tasks[model.name], completed=size, total=model.size_bytes or None)

        store = ModelStore(settings.dir, settings.cache_dir, progress=show)
        paths = [store.resolve(name) for name in names]
    for name, path in zip(names, paths, strict=True):
        print(f"{name}: {path}")  # noqa: T201 - output of a command


def verify_models(settings: ModelSettings) -> None:
    """Check the hash of every model that is here; raise ModelUnavailableError if one is not what it should be."""
    store = ModelStore(settings.dir, settings.cache_dir)
    faults = [fault for model in MODELS.values() for fault in store.faults(model.name)]
    good = [name for name in MODELS if store.find(name)]
    print(f"{len(good)} good: {', '.join(good) or 'none'}")  # noqa: T201 - output of a command
    if faults:
        message = "; ".join(faults)
        raise ModelUnavailableError(message)


def print_path(settings: ModelSettings, name: str) -> None:
    """Print where a model is; raise ModelUnavailableError where it is not."""
    path = ModelStore(settings.dir, settings.cache_dir, sources=()).resolve(name)
    print(path)  # noqa: T201 - output of a command
