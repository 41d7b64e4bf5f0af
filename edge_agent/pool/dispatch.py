"""Which idle worker gets a frame. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

SMOOTHING: Final = 0.1
"""Weight of the newest measurement in the running service time of a strategy."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """An idle worker: its usual service time (None: not measured yet), since when it is idle, and its detector."""

    slot: int
    service_ms: float | None
    idle_since_s: float
    accelerated: bool = False


def choose(candidates: Sequence[Candidate]) -> int:
    """Return the slot with the shortest service time; among equals the one that has been idle longest.

    Service times are per strategy, not per worker, so workers of one kind are equals. Unmeasured ones come first, an
    accelerator before the CPU.
    """
    return min(candidates, key=lambda each: (each.service_ms or 0.0, not each.accelerated, each.idle_since_s)).slot


def smoothed(previous_ms: float | None, newest_ms: float) -> float:
    """Return the running service time after another measurement."""
    return newest_ms if previous_ms is None else previous_ms + SMOOTHING * (newest_ms - previous_ms)
