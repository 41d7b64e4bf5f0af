"""The agent's liveness: reported exactly while all its parts are alive, to a container and a service manager."""

from __future__ import annotations

import queue
import signal
import socket
import threading
import time
from typing import TYPE_CHECKING, Self

import msgspec
import pytest

from edge_agent.agent.liveness import Liveness
from edge_agent.domain import DetectorPlan, Publication
from edge_agent.errors import BrokerUnreachableError
from edge_agent.mqtt.connection import Connection, ConnectionEvents
from edge_agent.mqtt.link import Link, LinkUp
from edge_agent.platform.heartbeat_file import AGENT_FRESH_S, HeartbeatFile, check
from edge_agent.platform.systemd import SystemdNotifier
from edge_agent.pool import Pool, WorkerPlan
from edge_agent.reasons import ConnectError, ConnectFault
from edge_agent.settings.broker import MqttSettings
from testing.agent_process import AGENT_ID, AgentProcess
from testing.pools import LIMITS, MAX_PIXELS, scripted
from testing.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from edge_agent.mqtt.link import LinkDown
    from testing.broker import Mosquitto
    from testing.recorder import Recorder


class ServiceManager:
    """A service manager's notification socket."""

    def __init__(self, folder: Path) -> None:
        self.address = str(folder / "notify")
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(self.address)
        self._socket.settimeout(20.0)

    def __enter__(self) -> Self:
        """Open the socket."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the socket."""
        self._socket.close()

    def receive(self) -> list[str]:
        """Return the next message's states."""
        return self._socket.recv(1000).decode().split("\n")

    def clear(self) -> None:
        """Discard all messages."""
        while not self.received_nothing():
            pass

    def received_nothing(self) -> bool:
        """Return whether no message is queued; a queued one is read."""
        self._socket.settimeout(0.0)
        try:
            return not self._socket.recv(1000)
        except BlockingIOError:
            return True
        finally:
            self._socket.settimeout(20.0)


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[ServiceManager]:
    with ServiceManager(tmp_path) as manager:
        yield manager


@pytest.mark.broker
def test_an_agent_notifies_ready_watchdog_and_stopping(
    mosquitto: Mosquitto, recorder: Recorder, manager: ServiceManager
) -> None:
    agent = AgentProcess.with_script(mosquitto.port)
    agent.environment["NOTIFY_SOCKET"] = manager.address
    before = agent.healthcheck()
    assert (before.returncode, before.stdout) == (1, "")
    assert "no heartbeat" in before.stderr
    with agent:
        agent.wait_until_ready(recorder)
        first = manager.receive()
        assert (first[0], first[-1]) == ("READY=1", "WATCHDOG=1")
        wait_until(lambda: manager.receive() == ["WATCHDOG=1"])
        assert agent.healthcheck().returncode == 0
        mosquitto.stop()
        wait_until(lambda: any("No connection to the broker" in state for state in manager.receive()))
        assert agent.healthcheck().returncode == 0, "a lost broker does not restart the agent"
        mosquitto.start()
        agent.signal(signal.SIGTERM)
        wait_until(lambda: "STOPPING=1" in manager.receive())
        assert agent.wait() == 0
        assert agent.healthcheck().returncode == 1


@pytest.mark.broker
def test_an_agent_without_any_worker_is_never_ready(
    mosquitto: Mosquitto, recorder: Recorder, manager: ServiceManager
) -> None:
    agent = AgentProcess.with_script(mosquitto.port, {"load": "exit"})
    agent.environment["NOTIFY_SOCKET"] = manager.address
    with agent:
        recorder.wait_for("edge_agent/test/health", lambda health: health["worker_restarts"] > 3)
        done = agent.healthcheck()
        assert done.returncode == 1
        assert "any worker was not seen yet" in done.stderr
        assert manager.received_nothing()


@pytest.mark.broker
def test_the_file_of_a_killed_agent_does_not_affect_a_running_one(
    mosquitto: Mosquitto, recorder: Recorder, tmp_path: Path
) -> None:
    killed, other = AgentProcess.with_script(mosquitto.port), AgentProcess.with_script(mosquitto.port, AGENT_ID="other")
    for each in (killed, other):
        each.environment["RUNTIME_DIRECTORY"] = str(tmp_path)
    with other, killed:
        killed.wait_until_ready(recorder)
        wait_until(
            lambda: killed.healthcheck().returncode == 0, why=lambda: killed.healthcheck().stderr, interval_s=0.5
        )
        killed.kill()
        left = tmp_path / f"{AGENT_ID}.heartbeat"
        beat = msgspec.json.decode(left.read_bytes())
        left.write_bytes(msgspec.json.encode(beat | {"agent_s": beat["agent_s"] - 100}))
        assert other.healthcheck().returncode == 0
        other.signal(signal.SIGSTOP)
        stopped = wait_until(
            lambda: done if (done := other.healthcheck()).returncode else None, timeout_s=30, interval_s=2.0
        )
        assert stopped.stderr.startswith("the agent other is unhealthy")
        other.signal(signal.SIGCONT)
        other.kill()
        assert "the agent test has ended and left" in other.healthcheck().stderr
        killed.start()
        wait_until(
            lambda: killed.healthcheck().returncode == 0, why=lambda: killed.healthcheck().stderr, interval_s=0.5
        )


class HangingCallback:
    """A callback that hangs on demand, like one with a bug."""

    def __init__(self) -> None:
        self._free = threading.Event()
        self._free.set()
        self.hangs = threading.Event()

    def __call__(self, _what: object) -> None:
        """Hang if closed."""
        if not self._free.is_set():
            self.hangs.set()
            self._free.wait()

    def close(self) -> None:
        """Hang from the next call on."""
        self._free.clear()

    def open(self) -> None:
        """Stop hanging."""
        self._free.set()


def test_the_watchdog_gets_no_notification_while_the_supervisor_hangs(tmp_path: Path, manager: ServiceManager) -> None:
    jam = HangingCallback()
    plan = WorkerPlan(DetectorPlan((scripted(),)), MAX_PIXELS, LIMITS.memory_limit_bytes)
    pool = Pool(LIMITS, plan, lambda _outcome: None, jam)
    link = Link(_refuse, (), lambda _change: None)
    heart = Liveness(pool, link, HeartbeatFile(tmp_path / "run", "x"), SystemdNotifier(manager.address))
    pool.start()
    link.start()
    try:
        wait_until(lambda: heart.beat(time.monotonic(), "ok"), why=lambda: check(tmp_path / "run"))
        assert "READY=1" in manager.receive()
        jam.close()
        pool.restart()
        assert jam.hangs.wait(20.0)
        manager.clear()
        assert not heart.beat(time.monotonic() + AGENT_FRESH_S + 1, "ok")
        assert manager.received_nothing()
        later = time.monotonic() + AGENT_FRESH_S + 1
        assert "the pool's supervisor was last seen" in check(tmp_path / "run", now=later)
        jam.open()
        wait_until(lambda: heart.beat(time.monotonic(), "ok"))
        assert manager.receive() == ["WATCHDOG=1"]
    finally:
        jam.open()
        link.stop()
        pool.stop(1.0)


@pytest.mark.broker
def test_the_link_is_not_alive_while_the_network_thread_hangs(mosquitto: Mosquitto) -> None:
    jam = HangingCallback()
    settings = MqttSettings(host="127.0.0.1", port=mosquitto.port)

    def connect(number: int) -> Connection:
        return Connection(settings, client_id="x", number=number, events=ConnectionEvents(message=jam))

    changes: queue.SimpleQueue[LinkUp | LinkDown] = queue.SimpleQueue()
    link = Link(connect, ("x",), changes.put)
    link.start()
    try:
        connected = changes.get(timeout=10.0)
        assert isinstance(connected, LinkUp)
        link.begin(connected.number)
        _wait_for_life(link)
        jam.close()
        link.publish(Publication("x", b"", qos=1))
        assert jam.hangs.wait(20.0)
        hung_s = time.monotonic()
        with pytest.raises(AssertionError, match="not true within"):
            wait_until(lambda: link.alive_s() > hung_s, timeout_s=2.5)
        jam.open()
        _wait_for_life(link)
    finally:
        jam.open()
        link.stop()


def test_the_link_is_alive_without_a_broker() -> None:
    link = Link(_refuse, (), lambda _change: None)
    link.start()
    try:
        _wait_for_life(link)
        _wait_for_life(link)
    finally:
        link.stop()


def _wait_for_life(link: Link) -> None:
    before_s = link.alive_s()
    wait_until(lambda: link.alive_s() > before_s)


def _refuse(_number: int) -> Connection:
    raise BrokerUnreachableError({"nowhere": ConnectFault(ConnectError.FAILED, "nobody is there")})
