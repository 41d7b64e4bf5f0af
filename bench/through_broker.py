"""The agent as users run it, with default settings: a separate process, with a real mosquitto."""

from __future__ import annotations

import contextlib
import itertools
import time
from typing import TYPE_CHECKING, Any, Final, Self

from bench.client import Client, ReceivedMessage
from bench.frames import numbered
from bench.sender import Sender
from edge_agent.benchmark.limit import Burst
from edge_agent.benchmark.processes import cpu_seconds, family
from edge_agent.settings.model import DoorbellSettings
from testing.agent_process import AGENT_ID, AgentProcess
from testing.broker import Mosquitto
from testing.recorder import Recorder

if TYPE_CHECKING:
    from collections.abc import Sequence

    import psutil

REPLY: Final = "bench/reply"
PER_WORKER: Final = 6
"""The number of frames in flight: one in progress, the others between clients, broker and agent, or queued. With
three the queue was empty at times, and workers idled.
"""
DOORS: Final = 4
"""Doorbells that send motion frames in turn; snapshots of each are drawn as often as by default."""
WARM_UP: Final = "warm-up"
"""A doorbell of its own: the picture of a press, sent again later, is not processed."""
DEFAULTS: Final = {
    f"DOORBELLS__{name.upper()}": str(DoorbellSettings.model_fields[name].default)
    for name in ("skip_duplicates", "skip_unchanged")
}


class ThroughBroker:
    """A running agent, and a client that sends frames to it and receives its messages."""

    def __init__(self, frames: Sequence[bytes], workers: int, **settings: str) -> None:
        given = {**DEFAULTS, "POOL__WORKERS": str(workers), "LOG__LEVEL": "error", **settings}
        self._broker = Mosquitto("log_type error")
        self._resources = contextlib.ExitStack()
        self._frames = frames
        self._numbers = itertools.count()
        self._workers = workers
        self.agent = AgentProcess(self._broker.port, **given)
        self.client = Client(self._broker.port, ("doorbell/+/faces", "doorbell/+/ring", "doorbell/+/answer", REPLY))
        self._sender = Sender(self._broker.port)
        self.telemetry = Recorder(self._broker.port, topic_filter="edge_agent/#")

    def __enter__(self) -> Self:
        """Start everything, and return after the first results."""
        with self._resources:
            for part in (self._broker, self.telemetry, self.client, self._sender, self.agent):
                self._resources.enter_context(part)
            self.agent.wait_until_ready(self.telemetry, self._workers)
            for _ in range(2 * self._workers):
                self.send_and_wait(WARM_UP, trigger="press")  # a press frame is always processed
            self.client.settle()
            self._resources = self._resources.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop everything."""
        self._resources.close()

    def send(self, door: str = "front", *, trigger: str = "", qos: int = 0) -> str:
        """Send the next frame of a doorbell; return its id."""
        number = next(self._numbers)
        user = {"frame_id": str(number)} | ({"trigger": trigger} if trigger else {})
        image = numbered(self._frames[number % len(self._frames)], number)
        self._sender.publish(f"doorbell/{door}/frame", image, user, qos)
        return str(number)

    def send_padded(self, size: int, door: str) -> None:
        """Send the next frame, padded to that many bytes: decoders ignore bytes after a picture's end."""
        number = next(self._numbers)
        image = numbered(self._frames[number % len(self._frames)], number).ljust(size, b"\0")
        self._sender.publish(f"doorbell/{door}/frame", image, {"frame_id": str(number)})

    def cost(self, count: int) -> float:
        """Return the milliseconds of CPU time per frame, over `count` frames, one at a time."""
        cpu_s = cpu_seconds(self.agent.pid)
        for _ in range(count):
            number = next(self._numbers)
            image = numbered(self._frames[number % len(self._frames)], number)
            self._sender.publish("doorbell/front/frame", image, {"frame_id": str(number)}, response_topic=REPLY)
            self.next_of("reply")
        return (cpu_seconds(self.agent.pid) - cpu_s) * 1000 / count

    def press(self, door: str) -> None:
        """Press a doorbell."""
        self._sender.publish(f"doorbell/{door}/press", b"", {}, qos=1)

    def send_and_wait(self, door: str = "front", *, trigger: str = "") -> ReceivedMessage:
        """Send a frame, and wait for its event."""
        self.send(door, trigger=trigger)
        return self.next_of("faces")

    def next_of(self, last_level: str) -> ReceivedMessage:
        """Return the next message whose topic has that last level."""
        while not (received := self.client.take()).topic.endswith(f"/{last_level}"):
            pass
        return received

    def run(self, seconds: float) -> Burst:
        """Keep every worker busy for that many seconds."""
        began_s, cpu_s, count, waiting = time.monotonic(), cpu_seconds(self.agent.pid), 0, PER_WORKER * self._workers
        for number in range(waiting):
            self.send(f"door-{number % DOORS}", trigger="motion")
        while time.monotonic() - began_s < seconds:
            self.send(self.next_of("faces").topic.split("/")[1], trigger="motion")
            count += 1
        wall_s = time.monotonic() - began_s
        for _ in range(waiting):
            self.next_of("faces")
        cpu_s = cpu_seconds(self.agent.pid) - cpu_s
        return Burst(count, wall_s, cpu_s * count / (count + waiting))

    def processes(self) -> list[psutil.Process]:
        """Return the agent's process, then its fork server and its workers."""
        return family(self.agent.pid)

    def metrics(self) -> dict[str, Any]:
        """Return the agent's next metrics message."""
        self.telemetry.clear()
        return dict(self.telemetry.wait_for(f"edge_agent/{AGENT_ID}/metrics"))

    def counted(self) -> dict[str, int]:
        """Return its counters, each summed over triggers or reasons."""
        metrics = self.metrics()
        return {name: sum(metrics[name].values()) for name in ("received", "answered", "shed", "failed", "dropped")}
