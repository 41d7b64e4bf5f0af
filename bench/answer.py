"""What a benchmark found: series of figures, curves to draw, and remarks; as JSON in a file."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from pathlib import Path


class Series(msgspec.Struct, frozen=True):
    """Measurements of one thing, in the order in which they were taken."""

    name: str
    unit: str
    values: tuple[float, ...]

    @property
    def median(self) -> float:
        """The value in the middle."""
        return statistics.median(self.values)

    def percentile(self, percent: int) -> float:
        """Return the value that so many percent do not exceed."""
        if len(self.values) == 1:
            return self.values[0]
        return statistics.quantiles(self.values, n=100, method="inclusive")[percent - 1]


class Curve(msgspec.Struct, frozen=True):
    """Points (x, y) of one line in the plot `plot`."""

    plot: str
    name: str
    points: tuple[tuple[float, float], ...]


class Target(msgspec.Struct, frozen=True):
    """What was to be reached, the figure that was, and whether it is enough."""

    name: str
    required: str
    value: float
    met: bool


class Answer(msgspec.Struct, frozen=True):
    """What one benchmark found."""

    question: str
    series: tuple[Series, ...] = ()
    curves: tuple[Curve, ...] = ()
    targets: tuple[Target, ...] = ()
    remarks: tuple[str, ...] = ()


class Host(msgspec.Struct, frozen=True):
    """Where and with what was measured."""

    processor: str
    machine: str
    cores: int
    memory_gb: float
    system: str
    python: str
    versions: dict[str, str]
    commit: str
    load_at_start: float


class Report(msgspec.Struct, frozen=True):
    """All answers of one run."""

    measured_at: str
    seconds: float
    frames: str
    host: Host
    answers: dict[str, Answer]


def at_least(name: str, value: float, wanted: float, unit: str = "") -> Target:
    """Return the target that `value` is `wanted` or more."""
    return Target(name, f">= {wanted:g}{unit}", value, value >= wanted)


def at_most(name: str, value: float, wanted: float, unit: str = "") -> Target:
    """Return the target that `value` is `wanted` or less."""
    return Target(name, f"<= {wanted:g}{unit}", value, value <= wanted)


def ratios(name: str, ours: Series, theirs: Series) -> Series:
    """Return one series over another, round by round: what disturbs a round disturbs both."""
    return Series(name, "x", tuple(a / b for a, b in zip(ours.values, theirs.values, strict=True)))


def write(report: Report, path: Path) -> None:
    """Write a report as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=1))


def read(path: Path) -> Report:
    """Read a report."""
    return msgspec.json.decode(path.read_bytes(), type=Report)
