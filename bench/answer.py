"""A benchmark's result: series of figures, curves to draw, and remarks; as JSON in a file."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from pathlib import Path


class Series(msgspec.Struct, frozen=True):
    """Measurements of one quantity, in order of time."""

    name: str
    unit: str
    values: tuple[float, ...]

    @property
    def median(self) -> float:
        """The median."""
        return statistics.median(self.values)

    def percentile(self, percent: int) -> float:
        """Return that percentile."""
        if len(self.values) == 1:
            return self.values[0]
        return statistics.quantiles(self.values, n=100, method="inclusive")[percent - 1]


class Curve(msgspec.Struct, frozen=True):
    """Points (x, y) of one line in the plot `plot`."""

    plot: str
    name: str
    points: tuple[tuple[float, float], ...]


class Target(msgspec.Struct, frozen=True):
    """A target's requirement, the measured value, and whether it is met."""

    name: str
    required: str
    value: float
    met: bool


class Answer(msgspec.Struct, frozen=True):
    """The result of one benchmark."""

    question: str
    series: tuple[Series, ...] = ()
    curves: tuple[Curve, ...] = ()
    targets: tuple[Target, ...] = ()
    remarks: tuple[str, ...] = ()


class Host(msgspec.Struct, frozen=True):
    """The host and the software of a measurement."""

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


def at_least(name: str, value: float, required: float, unit: str = "") -> Target:
    """Return the target that `value` is `required` or more."""
    return Target(name, f">= {required:g}{unit}", value, value >= required)


def at_most(name: str, value: float, required: float, unit: str = "") -> Target:
    """Return the target that `value` is `required` or less."""
    return Target(name, f"<= {required:g}{unit}", value, value <= required)


def ratios(name: str, ours: Series, theirs: Series) -> Series:
    """Return one series divided by another, round by round: a disturbance affects both."""
    return Series(name, "x", tuple(a / b for a, b in zip(ours.values, theirs.values, strict=True)))


def write(report: Report, path: Path) -> None:
    """Write a report as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=1))


def read(path: Path) -> Report:
    """Read a report."""
    return msgspec.json.decode(path.read_bytes(), type=Report)
