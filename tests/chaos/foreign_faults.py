"""The faults of a storm that come from outside: the broker, the connection, the kernel, the disk.

One at a time is active, for some seconds, while the storm goes on to kill what is ours.
"""

from __future__ import annotations

import signal
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

from testing.agent_process import AGENT_ID
from tests.chaos.process_limit import allow_processes, can_limit, refuse_processes

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

    from testing.agent_process import AgentProcess
    from testing.broker import Mosquitto
    from tests.chaos.small_disk import SmallDisk
    from tests.proxy import Proxy

LASTS_S: Final = (2.0, 5.0)
REST_S: Final = (0.3, 1.5)
LIMIT_BYTES: Final = 60_000
"""Below the size of some annotated pictures, and above that of every picture sent."""
CUT_BYTES: Final = (0.0, 4.5)
"""A connection is cut after 10 to the power of this many bytes: from a header to a few pictures."""
DENIALS: Final = (
    "homeassistant/#",
    "doorbell/+/snapshot",
    "doorbell/+/state",
    f"edge_agent/{AGENT_ID}/health",
    "doorbell/+/ring",
    "doorbell/+/answer",
)
"""What the broker's access list lacks."""
DISK_FULL: Final = "disk full"
NO_PROCESSES: Final = "no more processes"


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault that can be switched on and off."""

    name: str
    start: Callable[[], None]
    end: Callable[[], None]


@dataclass(frozen=True, slots=True)
class Occurrence:
    """When a fault was active."""

    name: str
    since_s: float
    until_s: float


@dataclass(frozen=True, slots=True)
class Parts:
    """What the faults concern."""

    broker: Mosquitto
    broker_config: tuple[str, ...]
    line: Proxy
    agent: AgentProcess
    disk: SmallDisk


class ForeignFaults:
    """Switches the faults on and off in random order; each one comes before any comes again."""

    def __init__(self, chance: random.Random, parts: Parts) -> None:
        self._chance = chance
        self._broker = parts.broker
        self._line = parts.line
        self._agent = parts.agent
        self._disk = parts.disk
        self._base = parts.broker_config
        self._deck: list[Fault] = []
        self._since_s = self._until_s = 0.0
        self._next_s = time.monotonic()
        self._denied = ""
        self.active: Fault | None = None
        self.past: list[Occurrence] = []
        self.broker_restarts_s: list[float] = []
        self.not_tried: list[str] = []
        self._table: list[Fault] = []

    def __enter__(self) -> Self:
        """Find out which faults this host allows."""
        self._broker.configure(*self.configure())
        self._broker.signal(signal.SIGHUP)
        self._table = [
            Fault("broker denies a topic", self._deny, self._allow),
            Fault("broker limit, not announced", lambda: self._limit("message_size_limit"), self._lift_limit),
            Fault("broker limit, announced", self._announce_limit, self._restart_without_limit),
            Fault("broker SIGSTOP", lambda: self._broker.signal(signal.SIGSTOP), self._continue_broker),
            Fault("connection cut at random bytes", self._cut_at_bytes, lambda: self._line.cut_after(None)),
        ]
        if can_limit():
            self._table.append(Fault(NO_PROCESSES, self._refuse_processes, self._allow_processes))
        else:
            self.not_tried.append(NO_PROCESSES)
        if self._disk.is_mounted:
            self._table.append(Fault(DISK_FULL, self._disk.fill, self._disk.free))
        else:
            self.not_tried.append(DISK_FULL)
        return self

    def __exit__(self, *_: object) -> None:
        """End the active one."""
        self.stop()

    @property
    def excludes_restarts(self) -> bool:
        """Whether the agent must not be restarted: without its journal, an open press rings again by design."""
        return self.active is not None and self.active.name == DISK_FULL

    @property
    def no_time_for(self) -> list[str]:
        """The faults that a short storm has no time for."""
        return sorted({each.name for each in self._table} - {each.name for each in self.past})

    def tick(self, *, may_start: bool) -> None:
        """Switch a fault on or off, if it is time."""
        now = time.monotonic()
        if self.active is not None:
            if now >= self._until_s:
                self.stop()
        elif may_start and now >= self._next_s:
            self._start(now)

    def stop(self) -> None:
        """End the active fault."""
        fault, self.active = self.active, None
        if fault is None:
            return
        fault.end()
        now = time.monotonic()
        self._next_s = now + self._chance.uniform(*REST_S)
        self.past.append(Occurrence(fault.name, self._since_s, now))

    def _start(self, now: float) -> None:
        if not self._deck:
            self._deck = list(self._table)
            self._chance.shuffle(self._deck)
        fault = self._deck.pop()
        self._since_s, self._until_s = now, now + self._chance.uniform(*LASTS_S)
        fault.start()
        self.active = fault

    # The broker

    def configure(self) -> tuple[str, ...]:
        """Return the broker's configuration without a fault, and write its access list."""
        access = self._broker.folder / "access"
        access.write_text(f"topic readwrite #\n{self._denied}", encoding="ascii")
        return (*self._base, f"acl_file {access}")

    def _deny(self) -> None:
        self._denied = f"topic deny {self._chance.choice(DENIALS)}\n"
        self._reload()

    def _allow(self) -> None:
        self._denied = ""
        self._reload()

    def _limit(self, *names: str) -> None:
        self._reload(*(f"{name} {LIMIT_BYTES}" for name in names))

    def _lift_limit(self) -> None:
        """Mosquitto keeps a limit that is no longer named."""
        self._reload("message_size_limit 0")

    def _announce_limit(self) -> None:
        self._restart(f"max_packet_size {LIMIT_BYTES}")

    def _restart_without_limit(self) -> None:
        self._restart()

    def _reload(self, *more: str) -> None:
        self._broker.configure(*self.configure(), *more)
        self._broker.signal(signal.SIGHUP)

    def _restart(self, *more: str) -> None:
        self._broker.stop()
        self._broker.configure(*self.configure(), *more)
        self._broker.start()
        self.broker_restarts_s.append(time.monotonic())

    def _continue_broker(self) -> None:
        self._broker.signal(signal.SIGCONT)

    # The connection, the kernel, the disk

    def _cut_at_bytes(self) -> None:
        self._line.cut_after(lambda: round(10 ** self._chance.uniform(*CUT_BYTES)))

    def _refuse_processes(self) -> None:
        refuse_processes(self._agent.pid)

    def _allow_processes(self) -> None:
        allow_processes(self._agent.pid)
