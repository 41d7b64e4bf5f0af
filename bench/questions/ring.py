"""How soon does a press ring, and how soon after its frame is it answered?"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from bench.answer import Answer, Series, at_most
from bench.through_broker import ThroughBroker

if TYPE_CHECKING:
    from bench.setup import Setup


def measure(setup: Setup) -> Answer:
    """Press one doorbell after the other, each with a frame that shows a face; measured by the client."""
    rings, answers, beyond = [], [], []
    with ThroughBroker(setup.frames, setup.workers) as agent:
        for number in range(6 * setup.rounds):
            door = f"bell-{number % 60}"
            began_s = time.monotonic()
            agent.press(door)
            rings.append((agent.next_of("ring").at_s - began_s) * 1000)
            began_s = time.monotonic()
            agent.send(door, trigger="press", qos=1)
            event = agent.next_of("faces").json
            if event["outcome"] == "face":
                took_ms = (agent.next_of("answer").at_s - began_s) * 1000
                timing = event["timing_ms"]
                answers.append(took_ms)
                beyond.append(took_ms - timing["inference"] - timing["decode"])
            agent.client.settle()
    series = (
        Series("press to ring, as a client hears it", "ms", tuple(rings)),
        Series("press frame to answer, as a client hears it", "ms", tuple(answers)),
        Series("the same, less decoding and detector", "ms", tuple(beyond)),
    )
    targets = (
        at_most("press to ring, median", series[0].median, 20, " ms"),
        at_most("press frame to answer over decoding and detector, median", series[2].median, 15, " ms"),
    )
    return Answer(__doc__ or "", series, targets=targets)
