"""Two agents share eight doorbells while one of them is killed and restarted: the presses' answers and delays."""

from __future__ import annotations

import contextlib
import statistics
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from testing.agent_process import AgentProcess
from testing.pictures import jpeg
from testing.waiting import wait_until
from tests.chaos.door_client import DoorClient

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

PARTITIONS: Final = {"one": ("a1", "a2", "a3", "a4"), "two": ("b1", "b2", "b3", "b4")}
PRESS_EVERY_S: Final = 0.25
SETTLE_S: Final = 60.0
TRIES: Final = 30
AGENT: Final = {"POOL__WORKERS": "1", "LOG__LEVEL": "warning", "HOME_ASSISTANT__DISCOVERY": "false"}


@dataclass(frozen=True, slots=True)
class Report:
    """The results of the presses: `lost` were confirmed by the broker and never answered."""

    presses: int
    answered: int
    lost: list[int]
    unconfirmed: int
    ambiguous: int
    repeated: int
    killed: int
    slowest_ms: dict[str, float] = field(default_factory=dict)
    median_ms: dict[str, float] = field(default_factory=dict)

    def __str__(self) -> str:
        """Return it as a line of text."""
        times = ", ".join(
            f"doorbells of {name}: median {self.median_ms[name]:.0f} ms, slowest {self.slowest_ms[name]:.0f} ms"
            for name in self.median_ms
        )
        return (
            f"{self.presses} presses, {self.answered} answered, {self.ambiguous} of them under two event ids, "
            f"{self.repeated} answers repeated, {len(self.lost)} confirmed by the broker and lost, "
            f"{self.unconfirmed} never confirmed; kills: {self.killed}; {times}"
        )


def play(
    ports: Sequence[int],
    *,
    seconds: float,
    kill: Callable[[AgentProcess], None],
    kill_at: Sequence[float] = (0.2, 0.45, 0.7),
    mqtt5: bool = True,
) -> Report:
    """Press for that many seconds, and `kill` at these fractions of the time; `ports` are those of one broker's nodes.

    The doorbells and agent `two` use the first port first, agent `one` the others.
    """
    with (
        DoorClient(ports[0], mqtt5=mqtt5) as client,
        _agent("one", [*ports[1:], ports[0]], mqtt5=mqtt5) as one,
        _agent("two", ports, mqtt5=mqtt5),
    ):
        doorbells = [name for pair in zip(*PARTITIONS.values(), strict=True) for name in pair]
        _warm_up(client, doorbells)
        pending = [part * seconds for part in kill_at]
        killers: list[threading.Thread] = []
        began_s, number = time.monotonic(), len(doorbells)
        pace = threading.Event()
        while (passed_s := time.monotonic() - began_s) < seconds:
            if pending and passed_s >= pending[0]:
                pending.pop(0)
                killers.append(threading.Thread(target=kill, args=(one,)))
                killers[-1].start()
            client.send_press(number, doorbells[number % len(doorbells)], jpeg())
            number += 1
            pace.wait(PRESS_EVERY_S)
        for killer in killers:
            killer.join()
        _settle(client)
        return _report(client, len(doorbells), len(killers))


def _agent(agent_id: str, ports: Sequence[int], *, mqtt5: bool) -> AgentProcess:
    fallbacks = ",".join(f"127.0.0.1:{port}" for port in ports[1:])
    own = {"MQTT__FALLBACKS": fallbacks, "MQTT__PROTOCOL": "5" if mqtt5 else "3.1.1"}
    include = ",".join(PARTITIONS[agent_id])
    return AgentProcess.with_script(ports[0], None, AGENT_ID=agent_id, DOORBELLS__INCLUDE=include, **AGENT, **own)


def _warm_up(client: DoorClient, doorbells: Sequence[str]) -> None:
    """Press until both agents answer for all their doorbells: earlier presses have no subscriber."""
    for _ in range(TRIES):
        for number, doorbell in enumerate(doorbells):
            if number not in client.presses or number in client.unanswered():
                client.send_press(number, doorbell, jpeg())
        with contextlib.suppress(AssertionError):
            wait_until(lambda: not client.unanswered(), timeout_s=2)
            return
    message = f"no answer for {client.unanswered()}"
    raise AssertionError(message)


def _settle(client: DoorClient) -> None:
    """Wait until all presses are answered, or no more messages arrive."""
    with contextlib.suppress(AssertionError):
        wait_until(lambda: not client.unanswered(), timeout_s=SETTLE_S)


def _report(client: DoorClient, warm_up: int, killed: int) -> Report:
    unanswered = client.unanswered()
    lost = [number for number in unanswered if number in client.confirmed()]
    times: dict[str, list[float]] = {name: [] for name in PARTITIONS}
    for number, latency_ms in client.latency_by_press.items():
        if number >= warm_up:
            times["one" if number % 2 == 0 else "two"].append(latency_ms)
    return Report(
        presses=len(client.presses),
        answered=len(client.presses) - len(unanswered),
        lost=lost,
        unconfirmed=len(unanswered) - len(lost),
        ambiguous=sum(len(ids) > 1 for ids in client.answers.values()),
        repeated=client.received["repeated"],
        killed=killed,
        slowest_ms={name: max(each) for name, each in times.items() if each},
        median_ms={name: statistics.median(each) for name, each in times.items() if each},
    )
