"""What so many doorbells ask of brokers and agents: on paper, from what was measured."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from rich.console import Console
from rich.table import Table

SIZES: Final = (10, 1_000, 100_000)
SECONDS_A_DAY: Final = 86_400
EVENT_BYTES: Final = 1_500
"""A `faces` event, with its topic and headers."""


@dataclass(frozen=True, slots=True)
class Load:
    """What one doorbell sends, and what a frame costs.

    `frames_per_s` is the mean, presses included; `peak` is how many times more presses than in the mean there are in
    the worst hour. `inference_ms` is the processor time of one core for a frame, `broker_ms` that of the broker for
    a frame in and out again.
    """

    frames_per_s: float = 0.1
    frame_bytes: int = 100_000
    presses_per_day: float = 20
    frames_per_press: int = 5
    peak: float = 10
    inference_ms: float = 17.0
    broker_ms: float = 0.18
    busy: float = 0.6
    workers: int = 2
    doorbells_per_agent: int = 64
    away_s: float = 60.0


@dataclass(frozen=True, slots=True)
class Need:
    """What that takes: of the broker, of agents, of storage for the presses of agents that are away."""

    frames_per_s: float
    broker_mbit_per_s: float
    broker_cores: float
    agent_cores: float
    agents: int
    session_mb: float


def need(doorbells: int, load: Load) -> Need:
    """Return what so many doorbells need."""
    frames_per_s = doorbells * load.frames_per_s
    agent_cores = frames_per_s * load.inference_ms / 1000 / load.busy
    presses_per_s = doorbells * load.presses_per_day / SECONDS_A_DAY * load.peak
    return Need(
        frames_per_s=frames_per_s,
        broker_mbit_per_s=8e-6 * frames_per_s * (2 * load.frame_bytes + 2 * EVENT_BYTES),
        broker_cores=frames_per_s * load.broker_ms / 1000 / load.busy,
        agent_cores=agent_cores,
        agents=max(math.ceil(agent_cores / load.workers), math.ceil(doorbells / load.doorbells_per_agent)),
        session_mb=1e-6 * presses_per_s * load.frames_per_press * load.frame_bytes * load.away_s,
    )


def show(load: Load) -> None:
    """Print the table."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    names = ("doorbells", "frames/s", "broker Mbit/s, in + out", "broker cores", "agent cores", "agents", "kept MB")
    for name in names:
        table.add_column(name, justify="right")
    for doorbells in SIZES:
        found = need(doorbells, load)
        table.add_row(
            f"{doorbells:,}",
            f"{found.frames_per_s:,.0f}",
            f"{found.broker_mbit_per_s:,.1f}",
            f"{found.broker_cores:,.3g}",
            f"{found.agent_cores:,.3g}",
            f"{found.agents:,}",
            f"{found.session_mb:,.3g}",
        )
    Console().print(table)
