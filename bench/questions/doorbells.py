"""What does a doorbell cost the agent, from 1 to 256 doorbells that send a frame in ten seconds each?"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final, NamedTuple

from bench.answer import Answer, Curve, Series, at_most
from bench.through_broker import ThroughBroker
from edge_agent.benchmark.processes import cpu_seconds, memory_mb, own_cpu_seconds

if TYPE_CHECKING:
    from bench.setup import Setup

COUNTS: Final = (1, 16, 64, 256)
PERIOD_S: Final = 10.0
PERIODS: Final = 2
PICTURES: Final = 3
"""No divisor of the numbers of doorbells: each of them gets another picture in the next period."""
LAST_ANSWER_S: Final = 2.0


class Cost(NamedTuple):
    """The agent's own process, its processor time for all processes together, and its latencies."""

    memory_mb: float
    parent_percent: float
    all_percent: float
    latency_ms: tuple[float, ...]


def measure(setup: Setup) -> Answer:
    """Start an agent for each number of doorbells; the first frames announce them and are not measured."""
    costs: dict[int, Cost] = {}
    for count in COUNTS:
        with ThroughBroker(setup.frames[:PICTURES], setup.workers, DOORBELLS__MAX_DOORBELLS=str(max(COUNTS))) as agent:
            _send_round(agent, count)
            costs[count] = _cost(agent, count)
    few, many = COUNTS[-2:]
    targets = (
        at_most(f"memory per doorbell, {many} over {few}", _memory_each(costs, many) / _memory_each(costs, few), 1.2),
        at_most(
            f"the parent's time per doorbell, {many} over {few}",
            costs[many].parent_percent / many / (costs[few].parent_percent / few),
            1.2,
        ),
    )
    curve = Curve("memory by doorbells", "", tuple((float(count), each.memory_mb) for count, each in costs.items()))
    return Answer(__doc__ or "", tuple(_series(costs)), (curve,), targets)


def _memory_each(costs: dict[int, Cost], count: int) -> float:
    """Return the memory of a doorbell beyond the first, in MB."""
    return (costs[count].memory_mb - costs[1].memory_mb) / (count - 1)


def _series(costs: dict[int, Cost]) -> list[Series]:
    series = []
    for count, cost in costs.items():
        series += [
            Series(f"{count} doorbells: the agent's own process", "MB", (cost.memory_mb,)),
            Series(f"{count} doorbells: its time", "% of a core", (cost.parent_percent,)),
            Series(f"{count} doorbells: all processes' time", "% of a core", (cost.all_percent,)),
            Series(f"{count} doorbells: frame to event", "ms", cost.latency_ms),
        ]
    return series


def _cost(agent: ThroughBroker, count: int) -> Cost:
    parent = agent.processes()[0]
    began_s, all_s, parent_s = time.monotonic(), cpu_seconds(agent.agent.pid), own_cpu_seconds(parent)
    latency_ms = [each for _ in range(PERIODS) for each in _send_round(agent, count)]
    wall_s = time.monotonic() - began_s
    return Cost(
        memory_mb(parent.pid),
        100 * (own_cpu_seconds(parent) - parent_s) / wall_s,
        100 * (cpu_seconds(agent.agent.pid) - all_s) / wall_s,
        tuple(latency_ms),
    )


def _send_round(agent: ThroughBroker, count: int) -> list[float]:
    """Send a frame of each doorbell, evenly spread over the period; return the milliseconds until their events."""
    began_s, sent_s = time.monotonic(), {}
    for number in range(count):
        time.sleep(max(0.0, began_s + PERIOD_S * number / count - time.monotonic()))
        frame_id = agent.send(f"house-{number}", trigger="motion")
        sent_s[frame_id] = time.monotonic()
    received = agent.client.received_until(max(began_s + PERIOD_S, time.monotonic() + LAST_ANSWER_S))
    events = ((each.json["frame_id"], each.at_s) for each in received if each.topic.endswith("/faces"))
    return [1000 * (at_s - sent_s[frame_id]) for frame_id, at_s in events if frame_id in sent_s]
