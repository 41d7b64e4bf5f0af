"""Guarantees over many frames, kills and reconnects: minutes each, excluded from `make test`."""

from __future__ import annotations

import os
import queue
import signal
import threading
from typing import TYPE_CHECKING

import pytest

from edge_agent.mqtt import link as link_module
from edge_agent.mqtt.connection import Connection
from edge_agent.mqtt.link import Link, LinkDown, LinkUp
from edge_agent.settings.broker import MqttSettings
from edge_agent.wire import Detected
from testing.agent_process import AGENT_ID, AgentProcess
from testing.pictures import jpeg
from testing.pools import PoolUnderTest
from testing.processes import holdings
from testing.recorder import Recorder
from testing.waiting import wait_until
from tests.chaos.door_client import DoorClient
from tests.chaos.storm import Storm, leaks
from tests.proxy import Proxy

if TYPE_CHECKING:
    from testing.broker import Mosquitto

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(600)]

KILLS = RECONNECTS = 500
FLOOD_S = 10.0
FLOOD_MEMORY_BYTES = 100_000_000


def test_case_25_a_flood_loses_no_press_and_leaks_no_memory(mosquitto: Mosquitto) -> None:
    over, sent = threading.Event(), list[int]()
    with (
        Recorder(mosquitto.port, topic_filter="edge_agent/#") as recorder,
        DoorClient(mosquitto.port) as client,
        AgentProcess.with_script(mosquitto.port, {"latency_ms": 50}) as agent,
    ):
        agent.wait_until_ready(recorder)
        before = holdings(agent.pid)["memory"]
        flood = threading.Thread(target=_flood, args=(client, over, sent))
        flood.start()
        for number in range(20):
            client.send_press(number, "front", jpeg())
            over.wait(FLOOD_S / 20)
        over.set()
        flood.join()
        wait_until(lambda: not client.unanswered(), timeout_s=60)
        assert holdings(agent.pid)["memory"] < before + FLOOD_MEMORY_BYTES
        assert agent.stop() == 0
        metrics = recorder.events(f"edge_agent/{AGENT_ID}/metrics")[-1]
    assert len(sent) > 100 * FLOOD_S
    assert metrics["in_flight"] == 0
    gone = sum(sum(metrics[key].values()) for key in ("answered", "failed", "shed"))
    assert sum(metrics["received"].values()) == gone
    assert metrics["failed"] == {}


def _flood(client: DoorClient, over: threading.Event, sent: list[int]) -> None:
    image, number = jpeg(64, 48), 0
    while not over.wait(0.0002):
        number += 1
        client.send_frame(f"door{number % 30}", image, "motion")
        sent.append(number)


def test_case_28_hundreds_of_killed_workers_leave_nothing_behind() -> None:
    with PoolUnderTest() as tested:
        before = None
        for number in range(KILLS):
            view = tested.wait_until_idle()
            if number == KILLS // 10:
                before = holdings(os.getpid())
            os.kill(view.workers[number % 2].pid or 0, signal.SIGKILL)
            frame = tested.offer()
            assert isinstance(tested.wait_for(frame).result, Detected)
            wait_until(lambda: tested.pool.view().restarts == number + 1)  # noqa: B023 - called in this round
            tested.pool.restart()
        tested.wait_until_idle()
        assert before is not None
        assert leaks(before, holdings(os.getpid())) == []


def test_case_28_hundreds_of_reconnects_leave_nothing_behind(
    mosquitto: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link_module, "LONGEST_DELAY_S", 0.05)  # repeated cuts look like a second client with our id
    reports: queue.SimpleQueue[LinkUp | LinkDown] = queue.SimpleQueue()
    with Proxy(mosquitto.port) as line:
        settings = MqttSettings(host="127.0.0.1", port=line.port)
        link = Link(
            lambda number: Connection(settings, client_id="reconnecting", number=number, clean=False),
            ["doorbell/+/frame"],
            reports.put,
        )
        link.start()
        before = None
        for number in range(RECONNECTS):
            while not isinstance(reports.get(timeout=60), LinkUp):
                pass
            if number == RECONNECTS // 10:
                before = holdings(os.getpid())
            line.cut()
        while not isinstance(reports.get(timeout=60), LinkUp):
            pass
        assert before is not None
        assert leaks(before, holdings(os.getpid())) == []
        link.stop()


def test_case_29_each_of_hundreds_of_presses_is_answered_despite_failures() -> None:
    storm = Storm(seconds=60.0, seed=29, rate=60.0, presses_per_s=5.0, kill_broker=False, foreign=False)
    client = storm.run()
    assert len(client.presses) >= 290
    assert client.unanswered() == []
    assert all(len(ids) == 1 for ids in client.answers.values())
    assert len({event_id for ids in client.answers.values() for event_id in ids}) == len(client.presses)
    assert storm.done["agent SIGKILL"] + storm.done["worker SIGKILL"] > 5
