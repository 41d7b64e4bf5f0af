"""The curves of a report as PNGs."""

from __future__ import annotations

from collections import defaultdict
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path

    from bench.answer import Curve, Report

SIZE: Final = (6.4, 3.6)
DPI: Final = 110
COLOURS: Final = ("#c0392b", "#2471a3", "#7d8c8d")


class Axes(NamedTuple):
    """The labels of a plot's axes."""

    across: str
    up: str
    log: bool = False


AXES: Final = {
    "latency distribution": Axes("milliseconds from received to published", "% of the frames", log=True),
    "throughput against offered load": Axes("frames/s offered", "frames/s processed"),
    "queue under flood": Axes("seconds since the first frame", "frames without an answer"),
    "memory over time": Axes("seconds at full load", "MB"),
    "cost of dispatch": Axes("kB a frame", "ms", log=True),
    "fairness": Axes("doorbells, one of them noisy", "the worst share of its due", log=True),
    "growth by workers": Axes("workers", "frames/s"),
    "growth by picture": Axes("megapixels", "frames/s"),
    "memory by doorbells": Axes("doorbells, a frame in ten seconds each", "MB of the agent's own process", log=True),
}


def is_available() -> bool:
    """Return whether matplotlib is installed; `make bench` installs it, the other commands do not."""
    return find_spec("matplotlib") is not None


def draw(report: Report, folder: Path) -> list[Path]:
    """Draw every plot of a report into a folder; return the files."""
    import matplotlib as mpl  # noqa: PLC0415 - `make bench` alone needs it

    mpl.use("agg")
    plots: defaultdict[str, list[Curve]] = defaultdict(list)
    for answer in report.answers.values():
        for curve in answer.curves:
            plots[curve.plot].append(curve)
    folder.mkdir(parents=True, exist_ok=True)
    return [_draw(name, curves, folder) for name, curves in plots.items()]


def _draw(name: str, curves: list[Curve], folder: Path) -> Path:
    from cycler import cycler  # noqa: PLC0415 - part of matplotlib
    from matplotlib.figure import Figure  # noqa: PLC0415 - after its backend is set

    axes, figure = AXES[name], Figure(figsize=SIZE, dpi=DPI, layout="constrained")
    plot = figure.add_subplot(title=name, xlabel=axes.across, ylabel=axes.up)
    if len(curves) > len(COLOURS):  # three of each kind: one colour each, and one line style per kind
        plot.set_prop_cycle(cycler(linestyle=["-", "--", ":"]) * cycler(color=COLOURS))
    for curve in curves:
        marker = "o" if len(curve.points) <= 12 else None  # noqa: PLR2004 - so many can be told apart
        plot.plot(*zip(*curve.points, strict=True), label=curve.name, marker=marker, markersize=4, linewidth=1.6)
    if axes.log:
        plot.set_xscale("log")
    plot.set_ylim(bottom=0)
    plot.grid(visible=True, alpha=0.25)
    plot.spines[["top", "right"]].set_visible(False)
    if any(curve.name for curve in curves):
        plot.legend(fontsize=7, frameon=False)
    path = folder / f"{name.replace(' ', '-')}.png"
    figure.savefig(path)
    return path
