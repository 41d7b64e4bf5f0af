"""A benchmark's result: series of figures, curves to draw, and remarks; as JSON in a file."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

CLOSE: Final = 0.05
"""A value within this part of its limit is measured again."""
BUSY: Final = 0.1
"""With more of the processor time used by other programs, no target is judged."""


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
    """A target's limit, a minimum or a maximum, and the measured value."""

    name: str
    limit: float
    value: float
    is_minimum: bool
    unit: str = ""

    @property
    def required(self) -> str:
        """The requirement in words."""
        return f"{'>=' if self.is_minimum else '<='} {self.limit:g}{self.unit}"

    @property
    def met(self) -> bool:
        """Whether the value meets the limit."""
        return self.value >= self.limit if self.is_minimum else self.value <= self.limit

    @property
    def is_close(self) -> bool:
        """Whether another measurement may change the verdict."""
        return abs(self.value - self.limit) <= CLOSE * abs(self.limit) and self.value != self.limit


class Answer(msgspec.Struct, frozen=True):
    """The result of one benchmark."""

    question: str
    series: tuple[Series, ...] = ()
    curves: tuple[Curve, ...] = ()
    targets: tuple[Target, ...] = ()
    remarks: tuple[str, ...] = ()
    others: float = 0.0
    """The part of the processor time that other programs used before or after it."""

    @property
    def verdicts(self) -> tuple[tuple[Target, str], ...]:
        """Each target with "met" or "missed"; on a busy machine none is judged."""
        return tuple((each, _verdict(each, busy=self.others > BUSY)) for each in self.targets)


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
    return Target(name, required, value, is_minimum=True, unit=unit)


def at_most(name: str, value: float, required: float, unit: str = "") -> Target:
    """Return the target that `value` is `required` or less."""
    return Target(name, required, value, is_minimum=False, unit=unit)


def ratios(name: str, ours: Series, theirs: Series) -> Series:
    """Return one series divided by another, round by round: a disturbance affects both."""
    return Series(name, "x", tuple(a / b for a, b in zip(ours.values, theirs.values, strict=True)))


def merge(answers: Sequence[Answer]) -> Answer:
    """Return several measurements of one benchmark as one: all values of a series, the median value of a target."""
    last = answers[-1]
    values: dict[str, tuple[float, ...]] = {}
    measured: dict[str, list[float]] = {}
    for answer in answers:
        for series in answer.series:
            values[series.name] = values.get(series.name, ()) + series.values
        for target in answer.targets:
            measured.setdefault(target.name, []).append(target.value)
    return msgspec.structs.replace(
        last,
        series=tuple(Series(each.name, each.unit, values[each.name]) for each in last.series),
        targets=tuple(
            msgspec.structs.replace(each, value=statistics.median(measured[each.name])) for each in last.targets
        ),
        others=max(each.others for each in answers),
    )


def _verdict(target: Target, *, busy: bool) -> str:
    if busy:
        return "not judged"
    return "met" if target.met else "missed"


def write(report: Report, path: Path) -> None:
    """Write a report as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=1))


def read(path: Path) -> Report:
    """Read a report."""
    return msgspec.json.decode(path.read_bytes(), type=Report)
