"""The commands below `edge-agent models`, and their options."""

from __future__ import annotations

from typing import Annotated

import typer

from edge_agent.cli.flags import Config
from edge_agent.cli.usage import Command, Group
from edge_agent.settings.loading import load_settings

models = typer.Typer(help="List, download and verify model files.", no_args_is_help=True, cls=Group)

ModelName = Annotated[str, typer.Argument(help="A name from `edge-agent models list`.", metavar="MODEL")]


@models.command("list", cls=Command)
def list_(config: Config = None) -> None:
    """List all models with their licence, size and location."""
    from edge_agent.cli.models import list_models  # noqa: PLC0415 - each command loads only what it needs

    list_models(load_settings(config, {}).models)


@models.command(cls=Command)
def pull(
    names: Annotated[list[str], typer.Argument(help="Names from `edge-agent models list`.", metavar="MODEL")],
    config: Config = None,
) -> None:
    """Download models. An interrupted download continues where it stopped."""
    from edge_agent.cli.models import pull_models  # noqa: PLC0415 - each command loads only what it needs

    pull_models(load_settings(config, {}).models, names)


@models.command(cls=Command)
def verify(config: Config = None) -> None:
    """Check every downloaded model against its pinned hash."""
    from edge_agent.cli.models import verify_models  # noqa: PLC0415 - each command loads only what it needs

    verify_models(load_settings(config, {}).models)


@models.command(cls=Command)
def path(name: ModelName, config: Config = None) -> None:
    """Print the path of a model."""
    from edge_agent.cli.models import print_path  # noqa: PLC0415 - each command loads only what it needs

    print_path(load_settings(config, {}).models, name)
