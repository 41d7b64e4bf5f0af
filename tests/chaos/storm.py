"""A storm: random parts are killed repeatedly under load, amid foreign faults. `make chaos` runs ten minutes of it."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import threading
import time
from collections import Counter
from typing import TYPE_CHECKING, Final

import psutil

from testing.agent_process import AgentProcess
from testing.broker import Mosquitto
from testing.pictures import jpeg, noise
from testing.pools import BY_WIDTH, WIDTHS
from testing.processes import descendants, holdings
from testing.recorder import Recorder
from testing.waiting import wait_until
from tests.chaos.door_client import DoorClient
from tests.chaos.foreign_faults import NO_PROCESSES, ForeignFaults, Parts
from tests.chaos.process_limit import as_limited_user, can_limit, user_of_its_own
from tests.chaos.restarts import Restarts
from tests.chaos.small_disk import SmallDisk
from tests.chaos.visitors import BROKER_MEMORY_S, Visitors
from tests.proxy import Proxy

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

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
    "PRESS__DEBOUNCE_S": "0",
    "MQTT__KEEPALIVE_S": "10",
    "DOORBELLS__MAX_DOORBELLS": "1000",
    "LOG__LEVEL": "info",
}
POISON: Final = ("segfault", "hang", "leak", "exit", "error")
POISON_SHARE: Final = 0.004
ANSWER_S: Final = 6.0
"""A press frame may be answered that late: while no worker can be started."""
RESTART_S: Final = 10.0
"""Time until the agent is connected to a restarted broker."""
CALM_SHARE: Final = 0.4
"""The agent itself is not killed in the last part, to make its resources comparable."""
SETTLE_S: Final = 60.0
PUSH_EVERY_S: Final = 0.7
LARGE: Final = noise()
LARGE_EVERY: Final = 4
GIVE_UP_S: Final = 30.0
"""The agent may end by itself for that long after it got no thread, see `pool.give_up_s`."""
AROUND_S: Final = 10.0
QUIET_S: Final = 8.0
"""The last foreign fault starts that long before the end, to show that the agent recovers."""
RECOVERY_S: Final = 30.0
"""The agent works again that long after the end of a fault, while the storm goes on."""
ENDING: Final = frozenset({"no_workers", "broker_lost", "state", "heartbeat", "disk_low", "worker_away"})
"""Problems that end with their fault; others count what happened within the last minute."""
MEMORY_GROWTH: Final = 1.05
MEMORY_SLACK_BYTES: Final = 8_000_000


class Storm:
    """One storm against one broker and one agent."""

    def __init__(  # noqa: PLR0913 - what a storm may differ in
        self,
        seconds: float,
        seed: int,
        rate: float,
        *,
        presses_per_s: float = 1.0,
        kill_broker: bool = True,
        foreign: bool = True,
        logs: Path | None = None,
    ) -> None:
        self._chance = random.Random(seed)  # noqa: S311 - a seed must give the same storm
        self._seconds = seconds
        self._rate = rate
        self._press_every = round(rate / presses_per_s)
        self._broker_weight = int(kill_broker)
        self._has_foreign = foreign
        self._logs = logs
        self._over = threading.Event()
        self.done: Counter[str] = Counter()
        self.sent: Counter[str] = Counter()
        self.events: list[tuple[float, str]] = []
        self._samples: list[tuple[int, dict[str, int]]] = []
        """The agent's workers and resources in the calm part."""
        self.after: dict[str, int] = {}
        self.lost = 0

    def run(self) -> DoorClient:
        """Play the storm and wait until it has settled."""
        self._broker, limited = Mosquitto(*BROKER_CONFIG), can_limit()
        with (
            self._broker,
            Proxy(self._broker.port) as line,
            DoorClient(self._broker.port) as client,
            Visitors(self._broker.port) as self.visitors,
            SmallDisk(user_of_its_own() if limited and os.geteuid() == 0 else None) as disk,
            contextlib.ExitStack() as parts,
        ):
            agent = _agent(line.port, disk, as_limited_user() if limited else ())
            connected = Parts(self._broker, BROKER_CONFIG, line, agent, disk)
            self.foreign = ForeignFaults(self._chance, connected)
            if self._has_foreign:
                parts.enter_context(self.foreign)
            parts.enter_context(agent)
            self.restarts = Restarts(agent)
            with Recorder(self._broker.port) as recorder:
                agent.wait_until_ready(recorder)
            try:
                self._play(agent, line, client)
                self._settle(agent, client)
            finally:
                self._log = agent.log
                self._keep_logs()
        return client

    def _keep_logs(self) -> None:
        if self._logs is not None:
            self._logs.mkdir(parents=True, exist_ok=True)
            (self._logs / "agent.log").write_text(self._log, encoding="utf-8")
            (self._logs / "broker.log").write_text(self._broker.log, encoding="utf-8")

    def _play(self, agent: AgentProcess, line: Proxy, client: DoorClient) -> None:
        senders = [threading.Thread(target=self._send, args=(client,)), threading.Thread(target=self._push)]
        for each in senders:
            each.start()
        until_s = time.monotonic() + self._seconds
        while (left_s := until_s - time.monotonic()) > 0 or not self._is_recovered():
            self._over.wait(self._chance.uniform(0.5, 2.5))
            self.restarts.revive(may_end=self._may_end())
            if self._seconds * CALM_SHARE / 2 < left_s < self._seconds * CALM_SHARE:
                self._samples.append((len(_workers(agent)), holdings(agent.pid)))
            if left_s > 0:
                self._inject_fault(agent, line, calm=left_s < self._seconds * (CALM_SHARE + 0.05))
            self._send_again(client)
            if self._has_foreign:
                self.foreign.tick(may_start=left_s > QUIET_S and self._is_recovered())
        self.foreign.stop()
        self._over.set()
        for each in senders:
            each.join()

    def _is_recovered(self) -> bool:
        """Return whether a push after the last foreign fault was answered with a face, or should have been."""
        ended_s = self.foreign.past[-1].until_s if self.foreign.past else 0.0
        return time.monotonic() > ended_s + RECOVERY_S or self.visitors.recovery_s(ended_s) is not None or not ended_s

    def _may_end(self) -> bool:
        """Return whether the agent may end by itself: without the threads that it needs."""
        last = self.foreign.past[-1:]
        ended_s = last[0].until_s if last and last[0].name == NO_PROCESSES else 0.0
        is_active = self.foreign.active is not None and self.foreign.active.name == NO_PROCESSES
        return is_active or time.monotonic() < ended_s + GIVE_UP_S

    def _inject_fault(self, agent: AgentProcess, line: Proxy, *, calm: bool) -> None:
        spared = calm or self.foreign.excludes_restarts
        harms: dict[str, tuple[int, Callable[[], None]]] = {
            "worker SIGKILL": (10, lambda: self._signal_worker(agent, signal.SIGKILL)),
            "worker SIGSTOP": (5, lambda: self._signal_worker(agent, signal.SIGSTOP)),
            "connection cut": (3, line.cut),
            "agent SIGKILL": (0 if spared else 2, self.restarts.kill),
            "agent SIGTERM": (0 if spared else 2, self._terminate),
            "broker SIGKILL": (self._broker_weight, self._kill_broker),
        }
        (name,) = self._chance.choices(list(harms), [weight for weight, _ in harms.values()])
        self.done[name] += 1
        self.events.append((time.monotonic(), name))
        harms[name][1]()

    def _terminate(self) -> None:
        self.restarts.terminate(may_fail=self._may_end())
        self.restarts.start()

    def _signal_worker(self, agent: AgentProcess, number: signal.Signals) -> None:
        workers = _workers(agent)
        if workers:
            os.kill(self._chance.choice(workers), number)

    def _kill_broker(self) -> None:
        self.visitors.broker_kills_s.append(time.monotonic())
        self._broker.kill()
        self._broker.start()
        self.foreign.broker_restarts_s.append(time.monotonic())

    def _send_again(self, client: DoorClient) -> None:
        """Send again what a restarted broker lost: mosquitto also loses what it gets before the others are back."""
        now = time.monotonic()
        for restarted_s in [each for each in self.foreign.broker_restarts_s if now > each + RESTART_S]:
            self.foreign.broker_restarts_s.remove(restarted_s)
            for number in client.unanswered():
                if -(BROKER_MEMORY_S + ANSWER_S) < client.presses[number].last_s - restarted_s < RESTART_S:
                    self.sent["press frames sent again after a restart of the broker"] += 1
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

    def _push(self) -> None:
        """Push buttons: some pictures are large, once they are annotated."""
        number = 0
        while not self._over.wait(PUSH_EVERY_S):
            number += 1
            self.visitors.push(LARGE if number % LARGE_EVERY == 0 else jpeg(seed=number % 5))

    @property
    def before(self) -> dict[str, int]:
        """The agent's resources in the first half of the calm part: the maximum, with as many workers as at the end."""
        alike = [sample for workers, sample in self._samples if workers == self.workers]
        samples = alike or [sample for _, sample in self._samples]
        return {name: max(sample[name] for sample in samples) for name in samples[0]}

    def _settle(self, agent: AgentProcess, client: DoorClient) -> None:
        """Wait for the last answers, including ordinary frames that a stopped worker may hold, and for good health."""
        deadline_s = time.monotonic() + SETTLE_S
        while (client.unanswered() or self.visitors.open()) and time.monotonic() < deadline_s:
            self._send_again(client)
            time.sleep(0.1)
        before = client.metrics_received
        wait_until(lambda: client.metrics_received > before, timeout_s=30)
        while (client.metrics["in_flight"] or self.problems & ENDING) and time.monotonic() < deadline_s:
            time.sleep(0.1)
        self.visitors.read_broker_log(self._broker.log)
        self.lost = client.metrics["in_flight"]
        self.workers, self.after = len(_workers(agent)), holdings(agent.pid)
        self.last_problems = self.problems
        self.restarts.terminate()

    @property
    def problems(self) -> set[str]:
        """The codes of the agent's problems, as it last said."""
        return {each["code"] for each in self.visitors.health["problems"]}

    def recoveries(self) -> dict[str, list[float | None]]:
        """Return the seconds after each foreign fault until a push was answered with a face, by fault."""
        found: dict[str, list[float | None]] = {}
        for each in self.foreign.past:
            found.setdefault(each.name, []).append(self.visitors.recovery_s(each.until_s))
        return found

    def _around(self, at_s: float) -> str:
        """Return what happened around a time, in seconds from it."""
        foreign = [(each.since_s, f"{each.name} for {each.until_s - each.since_s:.1f} s") for each in self.foreign.past]
        near = sorted(each for each in [*self.events, *foreign] if abs(each[0] - at_s) < AROUND_S)
        return ", ".join(f"{seconds - at_s:+.1f} {name}" for seconds, name in near)

    def faults(self) -> list[str]:
        """Return what the storm shows that must not happen."""
        slow = [
            f"{name}: works again after {seconds} s"
            for name, all_seconds in self.recoveries().items()
            for seconds in all_seconds
            if seconds is None or seconds > RECOVERY_S
        ]
        lost = [f"lost: {each}; {self._around(each.at_s)}" for each in self.visitors.lost()]
        invented = [f"invented: {each}; {self._around(each.at_s)}" for each in self.visitors.invented()]
        bugs = [line for line in self._log.splitlines() if "this is a bug" in line]
        lasting = [f"problem that lasts: {code}" for code in sorted(self.last_problems & ENDING)]
        return [*self.restarts.faults, *slow, *lost, *invented, *bugs, *lasting]


def _agent(port: int, disk: SmallDisk, through: Sequence[str]) -> AgentProcess:
    """Return an agent that keeps its files on a disk and is started through a command."""
    script = {"latency_ms": 5, "by_width": BY_WIDTH}
    agent = AgentProcess.with_script(port, script, STATE__DIR=str(disk.folder), **AGENT)
    agent.environment["RUNTIME_DIRECTORY"] = str(disk.folder)
    agent.through = through
    return agent


def _workers(agent: AgentProcess) -> list[int]:
    return [pid for pid in descendants(agent.pid) if not descendants(pid) and _is_worker(pid)]


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
