"""How long from a frame's arrival to its event, by trigger, unloaded and at every load?"""

from __future__ import annotations

import time
from collections import defaultdict
from typing import TYPE_CHECKING, Final

from bench.answer import Answer, Curve, Series
from bench.through_broker import ThroughBroker

if TYPE_CHECKING:
    from bench.setup import Setup

TRIGGERS: Final = ("press", "motion", "continuous")
SHARES: Final = (0.25, 0.5, 0.75, 0.9, 1.0, 1.25, 1.5, 2.0)
"""Offered load over what the agent can look at."""
DOORS: Final = 8
TYPICAL: Final = 0.5
FLOOD: Final = 1.5


def measure(setup: Setup) -> Answer:
    """Ask one frame at a time, then offer frames at several rates."""
    with ThroughBroker(setup.frames, setup.workers) as agent:
        unloaded = _unloaded(agent, 8 * setup.rounds)
        capacity = agent.run(2 * setup.burst_s).rate
        answered: list[tuple[float, float]] = []
        loaded: dict[float, dict[str, list[float]]] = {}
        for share in SHARES:
            rate, loaded[share] = _offer(agent, share * capacity, 3 * setup.burst_s)
            answered.append((share * capacity, rate))
    series = [Series(f"{trigger}, unloaded", "ms", tuple(values)) for trigger, values in unloaded.items()]
    for name, share in (("half load", TYPICAL), ("flood", FLOOD)):
        series += [
            Series(f"{trigger}, {name}", "ms", tuple(values)) for trigger, values in loaded[share].items() if values
        ]
    offered = tuple((rate, min(rate, capacity)) for rate, _ in answered)
    return Answer(
        __doc__ or "",
        tuple(series),
        (
            Curve("throughput against offered load", "answered", tuple(answered)),
            Curve("throughput against offered load", "offered, at most a closed loop's full load", offered),
            *(Curve("latency distribution", each.name, _distribution(each.values)) for each in series),
        ),
        remarks=("flood: 1.5 times as many frames as can be looked at; of ordinary ones the newest are looked at",),
    )


def _unloaded(agent: ThroughBroker, count: int) -> dict[str, list[float]]:
    """Ask frame by frame, the triggers by turns."""
    found: defaultdict[str, list[float]] = defaultdict(list)
    for _ in range(count):
        for trigger in TRIGGERS:
            event = agent.ask(f"door-{trigger}", trigger=trigger).json
            found[trigger].append(float(event["timing_ms"]["total"]))
    return dict(found)


def _offer(agent: ThroughBroker, rate: float, seconds: float) -> tuple[float, dict[str, list[float]]]:
    """Send frames of DOORS doorbells at a rate, one in ten a press; return the rate of answers, and their ms."""
    agent.client.settle()
    began_s, sent = time.monotonic(), 0
    while (elapsed_s := time.monotonic() - began_s) < seconds:
        if sent >= elapsed_s * rate:
            time.sleep(min(0.002, 1 / rate))
            continue
        agent.send(f"door-{sent % DOORS}", trigger="press" if sent % 10 == 0 else TRIGGERS[1 + sent % 2])
        sent += 1
    heard = agent.client.received_until(began_s + seconds)
    agent.client.settle()
    took: dict[str, list[float]] = {trigger: [] for trigger in TRIGGERS}
    for event in (each.json for each in heard if each.topic.endswith("/faces")):
        if event["outcome"] != "failed":
            took[event["trigger"]].append(float(event["timing_ms"]["total"]))
    return sum(map(len, took.values())) / seconds, took


def _distribution(values: tuple[float, ...]) -> tuple[tuple[float, float], ...]:
    """Return the share of frames (percent) that took no longer than so many milliseconds."""
    ordered = sorted(values)
    return tuple((value, 100 * (number + 1) / len(ordered)) for number, value in enumerate(ordered))
