"""Milliseconds counted in classes, so that quantiles over any time cost no memory to speak of."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

BOUNDS_MS: Final = tuple(step * 10.0**power for power in range(-3, 5) for step in range(10, 100))
"""Upper bounds of the classes: numbers of two digits from 0.01 to 990,000. A value is off by a tenth at the most."""


class QuantilesPayload(msgspec.Struct, frozen=True):
    """Milliseconds, of `n` frames; null where there were none."""

    n: int
    p50: float | None
    p95: float | None
    p99: float | None


class Histogram:
    """How often which time was taken, in milliseconds."""

    __slots__ = ("_counts", "count", "sum_ms")

    def __init__(self) -> None:
        self._counts: Counter[int] = Counter()
        self.count = 0
        self.sum_ms = 0.0

    def record(self, value_ms: float) -> None:
        """Count one value."""
        self._counts[bisect_left(BOUNDS_MS, value_ms)] += 1
        self.count += 1
        self.sum_ms += value_ms

    def add(self, other: Histogram) -> None:
        """Count all that another has counted."""
        self._counts.update(other._counts)
        self.count += other.count
        self.sum_ms += other.sum_ms

    def quantile(self, share: float) -> float | None:
        """Return the time in milliseconds within which that share (0..1) of the values lies; None without values."""
        wanted, below = share * self.count, 0
        for number in sorted(self._counts):
            count = self._counts[number]
            if below + count >= wanted:
                low, high = _edges(number)
                return low + (high - low) * max(0.0, wanted - below) / count
            below += count
        return None

    def quantiles(self) -> QuantilesPayload:
        """Return the quantiles as they are published."""
        return QuantilesPayload(self.count, *(_rounded(self.quantile(share)) for share in (0.5, 0.95, 0.99)))

    def cumulative_counts(self, bounds_ms: Sequence[float]) -> tuple[int, ...]:
        """Return how many values lie at or below each of `bounds_ms`, which rise; exact for numbers of two digits."""
        numbers = [-1, *(bisect_left(BOUNDS_MS, bound) for bound in bounds_ms)]
        below, sums = 0, []
        for before, number in pairwise(numbers):
            below += sum(self._counts[each] for each in range(before + 1, number + 1) if each in self._counts)
            sums.append(below)
        return tuple(sums)


def merged(histograms: Iterable[Histogram]) -> Histogram:
    """Return one histogram of all values."""
    total = Histogram()
    for each in histograms:
        total.add(each)
    return total


def _edges(number: int) -> tuple[float, float]:
    """Return between which times the values of a class lie."""
    last = len(BOUNDS_MS) - 1
    return (BOUNDS_MS[number - 1] if number else 0.0), BOUNDS_MS[min(number, last)]


def _rounded(value_ms: float | None) -> float | None:
    if value_ms is None:
        return None
    return round(value_ms, 1 if value_ms >= 1 else 3)
