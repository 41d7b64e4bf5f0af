"""The commands of the benchmarks."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

commands = typer.Typer(help="Measure the agent on this host.", no_args_is_help=True, add_completion=False)

SHARED = Path("../shared")
Report = Annotated[Path, typer.Argument(help="A result in JSON.", exists=True, dir_okay=False)]
Pictures = Annotated[
    Path | None, typer.Option(help="Folder of photographs; default: the shared test data, or the simulated door.")
]
Models = Annotated[Path | None, typer.Option(help="Folder of models; default: the shared test data, or downloads.")]


@commands.command()
def run(  # noqa: PLR0913, PLR0917 - the options of a command
    questions: Annotated[list[str] | None, typer.Argument(help="Benchmarks to run; default: all.")] = None,
    pictures: Pictures = None,
    models: Models = None,
    rounds: Annotated[int, typer.Option(min=2, help="Rounds of each contender.")] = 6,
    burst_s: Annotated[float, typer.Option(min=0.2, help="Seconds per round at full load.")] = 1.5,
    output: Annotated[Path | None, typer.Option(help="Output file; default: a file in bench/results.")] = None,
) -> None:
    """Run all or some benchmarks: tables here, JSON and plots in bench/results."""
    from bench.setup import prepare  # noqa: PLC0415 - each command loads only what it needs
    from bench.suite import QUESTIONS, ask_all  # noqa: PLC0415 - likewise

    if unknown := set(questions or ()) - set(QUESTIONS):
        message = f"no such benchmark: {', '.join(sorted(unknown))}; available: {', '.join(QUESTIONS)}"
        raise typer.BadParameter(message)
    pictures = pictures or _shared("data", "dev", "images")
    setup = prepare(pictures, models or _shared("models"), rounds=rounds, burst_s=burst_s)
    ask_all(setup, questions or QUESTIONS, output)


@commands.command()
def compare(before: Report, after: Report) -> None:
    """Compare two results."""
    from bench.answer import read  # noqa: PLC0415 - each command loads only what it needs
    from bench.tables import compare as compare_reports  # noqa: PLC0415 - likewise

    compare_reports(read(before), read(after))


@commands.command()
def accuracy(
    folder: Annotated[Path, typer.Argument(help="Labelled pictures.", exists=True, file_okay=False)],
    only: Annotated[str, typer.Option(help="Only variants, or views, whose name contains this.")] = "",
    by_stratum: Annotated[  # noqa: FBT002 - typer makes an on/off option of it
        bool, typer.Option("--by-stratum", help="Also print a line for each stratum.")
    ] = False,
    calibration: Annotated[  # noqa: FBT002 - likewise
        bool, typer.Option("--calibration", help="Show whether confidences are right, and fit their tables.")
    ] = False,
    hard_cases: Annotated[  # noqa: FBT002 - likewise
        bool, typer.Option("--hard-cases", help="Show difficult views of the pictures, and false alarms.")
    ] = False,
) -> None:
    """Show precision, recall, time and memory on labelled pictures, by detector."""
    from bench import accuracy as figures  # noqa: PLC0415 - each command loads only what it needs
    from bench import calibration as confidences  # noqa: PLC0415 - likewise
    from bench import hard_cases as views  # noqa: PLC0415 - likewise

    if not (folder / "score.py").is_file() or not (folder / "dev" / "gt.jsonl").is_file():
        message = f"{folder} must hold score.py and dev/gt.jsonl"
        raise typer.BadParameter(message)
    if hard_cases:
        views.measure(folder, only=only)
    elif calibration:
        confidences.measure(folder, only=only)
    else:
        figures.measure(folder, only=only, by_stratum=by_stratum)


@commands.command()
def clips(
    folder: Annotated[Path, typer.Argument(help="Labelled pictures.", exists=True, file_okay=False)],
) -> None:
    """Show how many presses detect the visitor, by pictures per press."""
    from bench.clips import measure  # noqa: PLC0415 - each command loads only what it needs

    measure(folder)


@commands.command()
def mix(
    folder: Annotated[Path, typer.Argument(help="Labelled pictures.", exists=True, file_okay=False)],
) -> None:
    """Choose how the scores of both stages are mixed at a press."""
    from bench.mix import measure  # noqa: PLC0415 - each command loads only what it needs

    measure(folder)


@commands.command()
def telemetry(seconds: Annotated[float, typer.Option(min=20)] = 60) -> None:
    """Show the cost of telemetry at 30 frames/s, in percent of one core."""
    from bench.telemetry import measure  # noqa: PLC0415 - each command loads only what it needs

    measure(seconds)


@commands.command()
def soak(
    picture: Annotated[Path, typer.Argument(help="A photograph with a face.", exists=True, dir_okay=False)],
    minutes: Annotated[float, typer.Option(min=1)] = 30,
) -> None:
    """Show whether memory, descriptors and threads stay flat at full load, while workers are recycled."""
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


@commands.command()
def history(visits: Annotated[int, typer.Option(min=500, help="Visits of two years.")] = 10_000) -> None:
    """Show how long the pages and lists of a large history take, and what it costs."""
    from bench.history import measure  # noqa: PLC0415 - each command loads only what it needs

    measure(visits)


def _shared(*parts: str) -> Path | None:
    path = SHARED.joinpath(*parts)
    return path.resolve() if path.is_dir() else None


@commands.command()
def scale(
    frames_per_s: Annotated[float, typer.Option(help="Mean of one doorbell.", min=0.001)] = 0.1,
    frame_kb: Annotated[float, typer.Option(help="Size of a picture.", min=1)] = 100,
    inference_ms: Annotated[float, typer.Option(help="CPU time of one detection.", min=0.1)] = 17,
    doorbells_per_agent: Annotated[int, typer.Option(help="doorbells.max_doorbells.", min=1)] = 64,
) -> None:
    """Estimate the brokers and agents for 10, 1,000 and 100,000 doorbells."""
    from bench.scale import Load, show  # noqa: PLC0415 - each command loads only what it needs

    show(
        Load(
            frames_per_s=frames_per_s,
            frame_bytes=round(frame_kb * 1000),
            inference_ms=inference_ms,
            doorbells_per_agent=doorbells_per_agent,
        )
    )
