"""Do the counters add up, and does memory stay flat, with many doorbells at one frame a second?"""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING

from bench.through_broker import ThroughBroker
from edge_agent.benchmark.processes import memory_mb

if TYPE_CHECKING:
    from bench.client import Heard
    from bench.setup import Setup


def measure(setup: Setup, count: int, minutes: float) -> None:
    """Send a frame of each doorbell every second; print a line a minute, and at the end what was counted."""
    heard: Counter[str] = Counter()
    sent = 0
    print("minute   sent  events  agent MB  workers MB")
    with ThroughBroker(setup.frames, setup.workers) as agent:
        already = agent.counted()
        began_s = time.monotonic()
        for second in range(round(minutes * 60)):
            for door in range(count):
                agent.send(f"door-{door}")
                sent += 1
                time.sleep(max(0.0, began_s + second + (door + 1) / count - time.monotonic()))
            heard += _outcomes(agent.client.received_until(0.0))
            if second % 60 == 59 or second == 0:  # noqa: PLR2004 - the last second of a minute
                parent, *others = (memory_mb(process.pid) for process in agent.processes())
                print(
                    f"{(second + 1) / 60:6.1f} {sent:6} {heard.total():7}  {parent:8.1f}  {sum(others):10.1f}",
                    flush=True,
                )
        heard += _outcomes(agent.client.received_until(time.monotonic() + 3))
        told = agent.counted()
    counted = {name: told[name] - already[name] for name in told}
    known = counted["answered"] + counted["shed"] + counted["failed"]
    print(f"sent {sent}, heard {dict(heard)}, counted {counted}")
    print(f"received and not accounted for: {counted['received'] - known}")
    print(f"sent (QoS 0) and never seen: {sent - counted['received'] - counted['dropped']}")


def _outcomes(heard: list[Heard]) -> Counter[str]:
    return Counter(each.json["outcome"] for each in heard if each.topic.endswith("/faces"))
