"""When a worker that died is started again. Pure: the deaths and the time are arguments."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from edge_agent.backoff import backoff_s

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class RestartLimits:
    """How often a worker may die, and how long the pool waits.

    `threshold` deaths within `window_s` open its circuit for `longest_delay_s`; until then the delay doubles from
    `first_delay_s`.
    """

    intensity: int
    period_s: float
    first_delay_s: float
    longest_delay_s: float


@dataclass(frozen=True, slots=True)
class Restart:
    """Start the worker again after `delay_s`."""

    delay_s: float


@dataclass(frozen=True, slots=True)
class OpenCircuit:
    """Open the circuit: start no worker for `rest_s`."""

    open_s: float


def recent(deaths: Sequence[float], now: float, limits: RestartLimits) -> list[float]:
    """Return the deaths within the window."""
    return [death for death in deaths if now - death < limits.period_s]


def decide(deaths: Sequence[float], now: float, limits: RestartLimits) -> Restart | OpenCircuit:
    """Return what to do after a death; `deaths` are their times, including the newest.

    After the first death in a window the worker is restarted at once.
    """
    count = len(recent(deaths, now, limits))
    if count >= limits.intensity:
        return OpenCircuit(limits.longest_delay_s)
    if count <= 1:
        return Restart(0.0)
    return Restart(backoff_s(count - 1, limits.first_delay_s, limits.longest_delay_s))
