"""The agent as users run it, at its defaults: a process of its own, behind a real mosquitto."""

from __future__ import annotations

import contextlib
import itertools
import time
from typing import TYPE_CHECKING, Any, Final, Self

from bench.client import Client, Heard
from bench.frames import numbered
from bench.sender import Sender
from edge_agent.benchmark.limit import Burst
from edge_agent.benchmark.processes import cpu_seconds, family
from edge_agent.settings.model import DoorbellSettings
from tests.agent_process import AGENT_ID, AgentProcess
from tests.broker import Mosquitto
from tests.recorder import Recorder

if TYPE_CHECKING:
    from collections.abc import Sequence

    import psutil

REPLY: Final = "bench/reply"
PER_WORKER: Final = 6
"""So many frames are under way: one looked at, the others between clients, broker and agent, or waiting. With three
the queue was empty at times, and workers waited."""
DOORS: Final = 4
"""Doorbells that send motion frames by turns; pictures are drawn for each as often as the settings say."""
DEFAULTS: Final = {
    f"DOORBELLS__{name.upper()}": str(DoorbellSettings.model_fields[name].default)
    for name in ("skip_duplicates", "skip_unchanged")
}


class ThroughBroker:
    """An agent that runs, and a client that sends it frames and hears what it says of them."""

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
        """Start all, and return when the first frames were answered."""
        with self._resources:
            for part in (self._broker, self.telemetry, self.client, self._sender, self.agent):
                self._resources.enter_context(part)
            self.agent.wait_until_ready(self.telemetry, self._workers)
            for _ in range(2 * self._workers):
                self.ask("door-0", trigger="press")  # which is looked at whatever it shows
            self.client.settle()
            self._resources = self._resources.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        """End all."""
        self._resources.close()

    def send(self, door: str = "front", *, trigger: str = "", qos: int = 0) -> str:
        """Send the next frame of a doorbell; return its id."""
        number = next(self._numbers)
        user = {"frame_id": str(number)} | ({"trigger": trigger} if trigger else {})
        image = numbered(self._frames[number % len(self._frames)], number)
        self._sender.publish(f"doorbell/{door}/frame", image, user, qos)
        return str(number)

    def send_padded(self, size: int, door: str) -> None:
        """Send the next frame with so many bytes in all: what follows a picture's end is not shown."""
        number = next(self._numbers)
        image = numbered(self._frames[number % len(self._frames)], number).ljust(size, b"\0")
        self._sender.publish(f"doorbell/{door}/frame", image, {"frame_id": str(number)})

    def cost(self, count: int) -> float:
        """Return the milliseconds of processor time per frame, over `count` frames, one at a time."""
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

    def ask(self, door: str = "front", *, trigger: str = "") -> Heard:
        """Send a frame and return its event, once it has come."""
        self.send(door, trigger=trigger)
        return self.next_of("faces")

    def next_of(self, word: str) -> Heard:
        """Return the next message whose topic ends so."""
        while not (heard := self.client.take()).topic.endswith(f"/{word}"):
            pass
        return heard

    def run(self, seconds: float) -> Burst:
        """Keep every worker busy for so many seconds."""
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
        """Return the agent's next message of its metrics."""
        self.telemetry.clear()
        return dict(self.telemetry.wait_for(f"edge_agent/{AGENT_ID}/metrics"))

    def counted(self) -> dict[str, int]:
        """Return its counters, each summed over triggers or reasons."""
        metrics = self.metrics()
        return {name: sum(metrics[name].values()) for name in ("received", "answered", "shed", "failed", "dropped")}
