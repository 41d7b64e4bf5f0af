"""The commands of the measurements."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

commands = typer.Typer(help="Measure the agent on this machine.", no_args_is_help=True, add_completion=False)

SHARED = Path("../shared")
Report = Annotated[Path, typer.Argument(help="A result in JSON.", exists=True, dir_okay=False)]
Pictures = Annotated[
    Path | None, typer.Option(help="Folder of photographs; else the shared test data, else the simulated door.")
]
Models = Annotated[Path | None, typer.Option(help="Folder of models; else the shared test data, else fetched.")]


@commands.command()
def run(  # noqa: PLR0913, PLR0917 - the options of a command
    questions: Annotated[list[str] | None, typer.Argument(help="Which; else all.")] = None,
    pictures: Pictures = None,
    models: Models = None,
    rounds: Annotated[int, typer.Option(min=2, help="How often contenders take turns.")] = 6,
    burst_s: Annotated[float, typer.Option(min=0.2, help="Seconds of each turn at full load.")] = 1.5,
    output: Annotated[Path | None, typer.Option(help="Where the JSON goes; else bench/results.")] = None,
) -> None:
    """Answer all questions, or some: tables here, JSON and plots in bench/results."""
    from bench.setup import prepare  # noqa: PLC0415 - each command loads only what it needs
    from bench.suite import QUESTIONS, ask_all  # noqa: PLC0415 - likewise

    if unknown := set(questions or ()) - set(QUESTIONS):
        message = f"no such question: {', '.join(sorted(unknown))}; there are {', '.join(QUESTIONS)}"
        raise typer.BadParameter(message)
    pictures = pictures or _shared("data", "dev", "images")
    setup = prepare(pictures, models or _shared("models"), rounds=rounds, burst_s=burst_s)
    ask_all(setup, questions or QUESTIONS, output)


@commands.command()
def compare(before: Report, after: Report) -> None:
    """Show two results beside each other."""
    from bench.answer import read  # noqa: PLC0415 - each command loads only what it needs
    from bench.tables import compare as compare_reports  # noqa: PLC0415 - likewise

    compare_reports(read(before), read(after))


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

    if not (folder / "score.py").is_file() or not (folder / "dev" / "gt.jsonl").is_file():
        message = f"{folder} must hold score.py and dev/gt.jsonl"
        raise typer.BadParameter(message)
    measure(folder, only=only, by_stratum=by_stratum)


@commands.command()
def clips(
    folder: Annotated[Path, typer.Argument(help="Labelled pictures.", exists=True, file_okay=False)],
) -> None:
    """Show how many presses find the visitor, by how many pictures a press brings."""
    from bench.clips import measure  # noqa: PLC0415 - each command loads only what it needs

    measure(folder)


@commands.command()
def telemetry(seconds: Annotated[float, typer.Option(min=20)] = 60) -> None:
    """Show what it costs, of one core, to say how the agent is at 30 frames/s."""
    from bench.telemetry import measure  # noqa: PLC0415 - each command loads only what it needs

    measure(seconds)


@commands.command()
def soak(
    picture: Annotated[Path, typer.Argument(help="A photograph with a face.", exists=True, dir_okay=False)],
    minutes: Annotated[float, typer.Option(min=1)] = 30,
) -> None:
    """Show whether memory, descriptors and threads stay flat at full load, with workers being recycled."""
    from bench.soak import measure  # noqa: PLC0415 - each command loads only what it needs

    measure(picture, minutes)


@commands.command()
def doorbells(
    count: Annotated[int, typer.Option(min=1, max=64)] = 64,
    minutes: Annotated[float, typer.Option(min=0.5)] = 10,
    pictures: Pictures = None,
    models: Models = None,
) -> None:
    """Show whether counters add up and memory stays flat with many doorbells at one frame a second."""
    from bench.doorbells import measure  # noqa: PLC0415 - each command loads only what it needs
    from bench.setup import prepare  # noqa: PLC0415 - likewise

    setup = prepare(pictures or _shared("data", "dev", "images"), models or _shared("models"), rounds=2, burst_s=1.0)
    measure(setup, count, minutes)


def _shared(*parts: str) -> Path | None:
    path = SHARED.joinpath(*parts)
    return path.resolve() if path.is_dir() else None


@commands.command()
def scale(
    frames_per_s: Annotated[float, typer.Option(help="Of one doorbell, the mean.", min=0.001)] = 0.1,
    frame_kb: Annotated[float, typer.Option(help="Size of a picture.", min=1)] = 100,
    inference_ms: Annotated[float, typer.Option(help="Processor time of a look.", min=0.1)] = 17,
    doorbells_per_agent: Annotated[int, typer.Option(help="doorbells.max_doorbells.", min=1)] = 64,
) -> None:
    """Show, on paper, what 10, 1,000 and 100,000 doorbells ask of brokers and agents."""
    from bench.scale import Load, show  # noqa: PLC0415 - each command loads only what it needs

    show(
        Load(
            frames_per_s=frames_per_s,
            frame_bytes=round(frame_kb * 1000),
            inference_ms=inference_ms,
            doorbells_per_agent=doorbells_per_agent,
        )
    )
