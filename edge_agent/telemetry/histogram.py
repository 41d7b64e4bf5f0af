"""A histogram of milliseconds, so that quantiles over any time need little memory."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

BOUNDS_MS: Final = tuple(step * 10.0**power for power in range(-3, 5) for step in range(10, 100))
"""Upper bounds of the buckets: numbers of two digits from 0.01 to 990,000. The error is at most a tenth."""


class QuantilesPayload(msgspec.Struct, frozen=True):
    """Quantiles in milliseconds, over `n` frames; null without frames."""

    n: int
    p50: float | None
    p95: float | None
    p99: float | None


class Histogram:
    """A histogram of times in milliseconds."""

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
        """Add all counts of another histogram."""
        self._counts.update(other._counts)
        self.count += other.count
        self.sum_ms += other.sum_ms

    def quantile(self, share: float) -> float | None:
        """Return the quantile (0..1) in milliseconds, or None without values."""
        wanted, below = share * self.count, 0
        for number in sorted(self._counts):
            count = self._counts[number]
            if below + count >= wanted:
                low, high = _edges(number)
                return low + (high - low) * max(0.0, wanted - below) / count
            below += count
        return None

    def quantiles(self) -> QuantilesPayload:
        """Return the quantiles for the message."""
        return QuantilesPayload(self.count, *(_rounded(self.quantile(share)) for share in (0.5, 0.95, 0.99)))

    def cumulative_counts(self, bounds_ms: Sequence[float]) -> tuple[int, ...]:
        """Return the number of values up to each of the ascending `bounds_ms`; exact for numbers of two digits."""
        numbers = [-1, *(bisect_left(BOUNDS_MS, bound) for bound in bounds_ms)]
        below, sums = 0, []
        for before, number in pairwise(numbers):
            below += sum(self._counts[each] for each in range(before + 1, number + 1) if each in self._counts)
            sums.append(below)
        return tuple(sums)


def merged(histograms: Iterable[Histogram]) -> Histogram:
    """Return one histogram with all values."""
    total = Histogram()
    for each in histograms:
        total.add(each)
    return total


def _edges(number: int) -> tuple[float, float]:
    """Return the bounds of a bucket."""
    last = len(BOUNDS_MS) - 1
    return (BOUNDS_MS[number - 1] if number else 0.0), BOUNDS_MS[min(number, last)]


def _rounded(value_ms: float | None) -> float | None:
    if value_ms is None:
        return None
    return round(value_ms, 1 if value_ms >= 1 else 3)
