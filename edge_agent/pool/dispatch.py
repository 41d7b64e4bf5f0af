"""Which idle worker takes a frame. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

SMOOTHING: Final = 0.1
"""Weight of the newest measurement in a strategy's service time."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """An idle worker: how long it usually takes (None: not measured yet), idle since when, and with what."""

    slot: int
    service_ms: float | None
    idle_since_s: float
    accelerated: bool = False


def choose(candidates: Sequence[Candidate]) -> int:
    """Return the slot that answers soonest; among equals the one that has rested longest, so that none starves.

    Service times are per strategy, not per worker, so that workers of one kind are equals. One that was not
    measured yet is tried first, an accelerator before the processor.
    """
    return min(candidates, key=lambda each: (each.service_ms or 0.0, not each.accelerated, each.idle_since_s)).slot


def smoothed(previous_ms: float | None, newest_ms: float) -> float:
    """Return the running service time after one more measurement."""
    return newest_ms if previous_ms is None else previous_ms + SMOOTHING * (newest_ms - previous_ms)
