"""The commands of the measurements."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated

import typer

commands = typer.Typer(help="Measure the agent on this machine.", no_args_is_help=True, add_completion=False)

Picture = Annotated[Path, typer.Argument(help="A photograph with a face.", exists=True, dir_okay=False)]


@commands.command()
def accuracy(
    folder: Annotated[Path, typer.Argument(help="Labelled pictures.", exists=True, file_okay=False)],
    only: Annotated[str, typer.Option(help="The ways of looking whose name contains this.")] = "",
    by_stratum: Annotated[  # noqa: FBT002 - typer makes an on/off option of it
        bool, typer.Option("--by-stratum", help="A line for each kind of picture, too.")
    ] = False,
) -> None:
    """Show precision, recall, time and memory on labelled pictures, by detector."""
    from bench.accuracy import measure  # noqa: PLC0415 - each command loads only what it needs

    measure(folder, only=only, by_stratum=by_stratum)


@commands.command()
def clips(
    folder: Annotated[Path, typer.Argument(help="Labelled pictures.", exists=True, file_okay=False)],
) -> None:
    """Show how many presses find the visitor, by how many pictures a press brings."""
    from bench.clips import measure  # noqa: PLC0415 - each command loads only what it needs

    measure(folder)


@commands.command()
def overhead(picture: Picture, frames: Annotated[int, typer.Option(min=10)] = 200) -> None:
    """Show what the agent adds to decoding and inference, from message received to event published."""
    from bench.overhead import measure  # noqa: PLC0415 - each command loads only what it needs

    measure(picture, frames)


@commands.command()
def pool(picture: Picture, runs: Annotated[int, typer.Option(min=1)] = 5) -> None:
    """Show how long a pool takes from its start to its first answer, and what its workers hold in memory."""
    from bench.pool_start import measure  # noqa: PLC0415 - each command loads only what it needs

    measure(picture, runs)


@commands.command()
def recovery(rounds: Annotated[int, typer.Option(min=1)] = 10) -> None:
    """Show how long it takes from a fault to the next good answer, beside the standard library's pool."""
    from bench.recovery import measure  # noqa: PLC0415 - each command loads only what it needs

    measure(rounds)


@commands.command()
def throughput(picture: Picture, rounds: Annotated[int, typer.Option(min=1)] = 5) -> None:
    """Show frames per second at full load, beside the standard library's pool."""
    from bench.throughput import measure  # noqa: PLC0415 - each command loads only what it needs

    measure(picture, rounds)


@commands.command()
def soak(picture: Picture, minutes: Annotated[float, typer.Option(min=1)] = 30) -> None:
    """Show whether memory, descriptors and threads stay flat at full load, with workers being recycled."""
    from bench.soak import measure  # noqa: PLC0415 - each command loads only what it needs

    measure(picture, minutes)


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)  # what is broken on purpose is no news
    commands()
