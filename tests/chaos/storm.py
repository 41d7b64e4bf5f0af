"""A storm: random parts are killed repeatedly under load. `make chaos` runs ten minutes of it.

Exits with 1 if a press is unanswered, a frame is not accounted for or something leaked.
"""

from __future__ import annotations

import os
import random
import secrets
import signal
import statistics
import sys
import threading
import time
from collections import Counter
from typing import TYPE_CHECKING, Annotated, Final

import psutil
import typer
from rich.console import Console
from rich.table import Table

from testing.agent_process import AgentProcess
from testing.broker import Mosquitto
from testing.pictures import jpeg
from testing.pools import BY_WIDTH, WIDTHS
from testing.processes import descendants, holdings
from testing.recorder import Recorder
from testing.waiting import wait_until
from tests.chaos.door_client import DoorClient
from tests.proxy import Proxy

if TYPE_CHECKING:
    from collections.abc import Callable

DOORBELLS: Final = ("front", "back", "garage", "gate")
BROKER_CONFIG: Final = (
    "persistence true",
    "autosave_on_changes true",
    "autosave_interval 1",
    "max_queued_messages 10000",
)
AGENT: Final = {
    "POOL__JOB_TIMEOUT_S": "1",
    "POOL__RESTART_INTENSITY": "1000",
    "POOL__RESTART_DELAY_MAX_S": "1",
    "POOL__MEMORY_LIMIT_MB": "150",
    "LOG__LEVEL": "error",
}
POISON: Final = ("segfault", "hang", "leak", "exit", "error")
POISON_SHARE: Final = 0.004
BROKER_MEMORY_S: Final = 4.0
"""A killed broker loses its last acknowledged messages; such presses are sent again, and counted."""
CALM_SHARE: Final = 0.4
"""The agent itself is not killed in the last part, to make its resources comparable."""
SETTLE_S: Final = 60.0
SAMPLES: Final = 5
MEMORY_GROWTH: Final = 1.05
MEMORY_SLACK_BYTES: Final = 8_000_000


class Storm:
    """One storm against one broker and one agent."""

    def __init__(
        self, seconds: float, seed: int, rate: float, *, presses_per_s: float = 1.0, kill_broker: bool = True
    ) -> None:
        self._chance = random.Random(seed)  # noqa: S311 - a seed must give the same storm
        self._seconds = seconds
        self._rate = rate
        self._press_every = round(rate / presses_per_s)
        self._broker_weight = int(kill_broker)
        self._began_s = time.monotonic()
        self._broker = Mosquitto(*BROKER_CONFIG)
        self._over = threading.Event()
        self.done: Counter[str] = Counter()
        self.sent: Counter[str] = Counter()
        self._samples: list[dict[str, int]] = []
        self.after: dict[str, int] = {}
        self.lost = 0

    def run(self) -> DoorClient:
        """Play the storm and wait until it has settled."""
        with (
            self._broker,
            Proxy(self._broker.port) as line,
            DoorClient(self._broker.port) as client,
            AgentProcess.with_script(line.port, {"latency_ms": 5, "by_width": BY_WIDTH}, **AGENT) as agent,
        ):
            with Recorder(self._broker.port) as recorder:
                agent.wait_until_ready(recorder)
            self._play(agent, line, client)
            self._settle(agent, client)
        return client

    def _play(self, agent: AgentProcess, line: Proxy, client: DoorClient) -> None:
        sender = threading.Thread(target=self._send, args=(client,))
        sender.start()
        while (left_s := self._began_s + self._seconds - time.monotonic()) > 0:
            self._over.wait(self._chance.uniform(0.5, 2.5))
            if len(self._samples) < SAMPLES and left_s < self._seconds * CALM_SHARE:
                self._samples.append(holdings(agent.pid))
            self._inject_fault(agent, line, client, calm=left_s < self._seconds * (CALM_SHARE + 0.05))
        self._over.set()
        sender.join()

    def _inject_fault(self, agent: AgentProcess, line: Proxy, client: DoorClient, *, calm: bool) -> None:
        harms: dict[str, tuple[int, Callable[[], None]]] = {
            "worker SIGKILL": (10, lambda: self._signal_worker(agent, signal.SIGKILL)),
            "worker SIGSTOP": (5, lambda: self._signal_worker(agent, signal.SIGSTOP)),
            "connection cut": (3, line.cut),
            "agent SIGKILL": (0 if calm else 2, lambda: self._restart(agent)),
            "broker SIGKILL": (self._broker_weight, lambda: self._kill_broker(client)),
        }
        (name,) = self._chance.choices(list(harms), [weight for weight, _ in harms.values()])
        self.done[name] += 1
        harms[name][1]()

    def _signal_worker(self, agent: AgentProcess, number: signal.Signals) -> None:
        workers = [pid for pid in descendants(agent.pid) if not descendants(pid) and _is_worker(pid)]
        if workers:
            os.kill(self._chance.choice(workers), number)

    @staticmethod
    def _restart(agent: AgentProcess) -> None:
        agent.kill()
        agent.start()

    def _kill_broker(self, client: DoorClient) -> None:
        killed_s = time.monotonic()
        self._broker.kill()
        self._broker.start()
        for number in client.unanswered():
            if client.presses[number].at_s > killed_s - BROKER_MEMORY_S:
                self.sent["presses sent again, lost with the broker"] += 1
                client.send_press(number, DOORBELLS[number % len(DOORBELLS)], jpeg())

    def _send(self, client: DoorClient) -> None:
        due_s, number, presses = time.monotonic(), 0, 0
        while not self._over.wait(max(0.0, due_s - time.monotonic())):
            due_s += 1 / self._rate
            number += 1
            doorbell = DOORBELLS[number % len(DOORBELLS)]
            if number % self._press_every == 0:
                client.send_press(presses, DOORBELLS[presses % len(DOORBELLS)], jpeg())
                presses += 1
            elif self._chance.random() < POISON_SHARE:
                client.send_frame(doorbell, jpeg(WIDTHS[self._chance.choice(POISON)], 80), "motion")
                self.sent["poison frames"] += 1
            else:
                client.send_frame(doorbell, jpeg(seed=number % 5), "motion" if number % 3 else "continuous")
                self.sent["ordinary frames"] += 1

    @property
    def before(self) -> dict[str, int]:
        """The agent's resources at the start of the calm part: the maximum of a few samples, some after a fault."""
        return {name: max(sample[name] for sample in self._samples) for name in self._samples[0]}

    def _settle(self, agent: AgentProcess, client: DoorClient) -> None:
        """Wait for the last answers, including ordinary frames that a stopped worker may hold."""
        deadline_s = time.monotonic() + SETTLE_S
        while client.unanswered() and time.monotonic() < deadline_s:
            time.sleep(0.1)
        before = client.metrics_received
        wait_until(lambda: client.metrics_received > before, timeout_s=30)
        while client.metrics["in_flight"] and time.monotonic() < deadline_s:
            time.sleep(0.1)
        self.lost = client.metrics["in_flight"]
        self.after = holdings(agent.pid)
        self.done["exit code"] = agent.stop()


def _is_worker(pid: int) -> bool:
    try:
        return "forkserver" in " ".join(psutil.Process(pid).cmdline())
    except psutil.Error:
        return False


def leaks(before: dict[str, int], after: dict[str, int]) -> list[str]:
    """Return the resources of which an agent holds more than before."""
    grown = [name for name in ("descriptors", "threads") if after[name] > before[name]]
    if after["memory"] > before["memory"] * MEMORY_GROWTH + MEMORY_SLACK_BYTES:
        grown.append("memory")
    return grown


def report(storm: Storm, client: DoorClient) -> Table:
    """Return the results as a table."""
    table = Table(box=None, show_header=False)
    before, after = storm.before, storm.after
    ids = [event_id for ids in client.answers.values() for event_id in ids]
    press_answers = sum(count for word, count in client.received.items() if word != "ordinary")
    rows: list[tuple[str, object]] = [
        ("presses sent", len(client.presses)),
        ("presses answered", len(client.presses) - len(client.unanswered())),
        ("answers by outcome", dict(client.received)),
        ("distinct event ids", len(set(ids))),
        ("repetitions of known ids", press_answers - len(set(ids))),
        *sorted(storm.sent.items()),
        *sorted(storm.done.items()),
        ("since the agent's last start", ""),
        *((f"  {key}", client.metrics.get(key)) for key in ("received", "answered", "failed", "shed", "dropped")),
        *((f"  {key}", client.metrics.get(key)) for key in ("retries", "restarts", "deaths", "in_flight")),
        ("metrics that add up", f"{client.metrics_received - len(client.wrong_sums)} of {client.metrics_received}"),
        ("in flight when all was quiet", storm.lost),
        *((f"{key} before, after", f"{before[key]}, {after[key]}") for key in before),
    ]
    if client.latency_ms:
        p50, p99 = statistics.median(client.latency_ms), statistics.quantiles(client.latency_ms, n=100)[-1]
        rows.append(("press to answer, ms", f"median {p50:.0f}, p99 {p99:.0f}, max {max(client.latency_ms):.0f}"))
    for name, value in rows:
        table.add_row(name, str(value))
    return table


def main(
    seconds: Annotated[float, typer.Option(min=10)] = 600,
    seed: Annotated[int | None, typer.Option(help="The same seed gives the same harms.")] = None,
    rate: Annotated[float, typer.Option(help="Frames per second.")] = 60,
) -> None:
    """Kill workers, agent, broker and connection at random under load, and print the results."""
    chosen = secrets.randbelow(10**6) if seed is None else seed
    console = Console()
    console.print(f"storm of {seconds:g} s at {rate:g} frames/s, seed {chosen}")
    storm = Storm(seconds, chosen, rate)
    client = storm.run()
    console.print(report(storm, client))
    unanswered, grown = client.unanswered(), leaks(storm.before, storm.after)
    ambiguous = [frame_id for frame_id, ids in client.answers.items() if len(ids) != 1]
    if unanswered or grown or ambiguous or client.wrong_sums or storm.lost or storm.done["exit code"]:
        console.print(f"[red]unanswered: {unanswered}; grown: {grown}; more than one event id: {ambiguous}")
        console.print(f"[red]lost: {storm.lost}; metrics that do not add up: {client.wrong_sums[:1]}")
        sys.exit(1)
    console.print("[green]every press was answered, every frame accounted for, and nothing leaked")


if __name__ == "__main__":
    typer.run(main)
