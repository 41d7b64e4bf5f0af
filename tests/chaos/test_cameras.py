"""A storm in which cameras, capture processes, broker and agent die: every press is answered. Minutes of it."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import threading
import time
from collections import Counter
from typing import TYPE_CHECKING, Any, Self

import pytest
from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from testing.agent_process import AgentProcess
from testing.broker import Mosquitto
from testing.cameras.http_camera import HttpCamera
from testing.cameras.servers import RtspServer
from testing.pictures import jpeg
from testing.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

SECONDS = float(os.environ.get("EDGE_AGENT_TEST_STORM_S", "60"))
pytestmark = [pytest.mark.heavy, pytest.mark.broker, pytest.mark.timeout(SECONDS + 240)]

BROKER = ("persistence true", "autosave_on_changes true", "autosave_interval 1")
DOORBELLS = ("stills", "stream")
BETWEEN_S = 2.6
"""With two doorbells: longer than `press.debounce_s` for each of them."""
ANSWER_S = 40.0
"""A press waits for an agent that starts again; its own deadline is 5 s."""


class Visitor:
    """Presses one doorbell after the other, and keeps a session, so that it misses no answer."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.answers: list[dict[str, Any]] = []
        self.capture_pids: dict[str, int] = {}
        self._client = paho.Client(CallbackAPIVersion.VERSION2, "visitor", protocol=paho.MQTTv5)
        self._client.reconnect_delay_set(1, 1)
        self._client.on_connect = lambda client, *_: client.subscribe(
            [("doorbell/+/answer", 1), ("edge_agent/test/health", 0)]
        )
        self._client.on_message = self._on_message

    def __enter__(self) -> Self:
        """Connect."""
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.SessionExpiryInterval = 3600
        self._client.connect("127.0.0.1", self._port, clean_start=False, properties=properties)
        self._client.loop_start()
        return self

    def __exit__(self, *_: object) -> None:
        """Disconnect."""
        self._client.disconnect()
        self._client.loop_stop()

    def press(self, doorbell: str) -> bool:
        """Press, and return whether an answer came."""
        before = len(self._answers_of(doorbell))
        self._client.publish(f"doorbell/{doorbell}/press", b"pressed", 1)
        deadline_s = time.monotonic() + ANSWER_S
        while time.monotonic() < deadline_s:
            if len(self._answers_of(doorbell)) > before:
                return True
            threading.Event().wait(0.05)
        return False

    def _answers_of(self, doorbell: str) -> list[dict[str, Any]]:
        return [answer for answer in self.answers if answer["doorbell"] == doorbell]

    def _on_message(self, _client: Any, _data: Any, message: paho.MQTTMessage) -> None:
        event = json.loads(message.payload)
        if message.topic.endswith("answer"):
            self.answers.append(event)
        else:
            self.capture_pids = {each["doorbell"]: each["pid"] for each in event["cameras"] if each["pid"]}


def test_every_press_is_answered_while_everything_dies(capsys: pytest.CaptureFixture[str]) -> None:
    chance, done = random.Random(7), Counter[str]()  # noqa: S311 - a seed gives the same storm
    over, killed_s = threading.Event(), [0.0]
    with (
        Mosquitto(*BROKER) as broker,
        HttpCamera(lambda request: request.picture(jpeg(seed=request.camera.requests % 50))) as stills,
        RtspServer() as stream,
        Visitor(broker.port) as visitor,
        AgentProcess.with_script(broker.port, CAMERAS=cameras(stills.url, stream.url)) as agent,
    ):
        wait_until(lambda: len(visitor.capture_pids) == len(DOORBELLS))

        def kill_broker() -> None:
            killed_s[0] = time.monotonic()
            broker.kill()
            broker.start()

        faults: dict[str, tuple[int, Callable[[], object]]] = {
            "capture SIGKILL": (4, lambda: send_signal(visitor, chance, signal.SIGKILL)),
            "capture SIGSTOP": (1, lambda: send_signal(visitor, chance, signal.SIGSTOP)),
            "camera away": (3, lambda: restart(stream, chance.uniform(0, 5))),
            "agent SIGKILL": (1, agent.start),
            "broker SIGKILL": (1, kill_broker),
        }

        def harm() -> None:
            while not over.wait(chance.uniform(0.5, 4)):
                (name,) = chance.choices(list(faults), [weight for weight, _ in faults.values()])
                done[name] += 1
                faults[name][1]()

        harmer = threading.Thread(target=harm)
        harmer.start()
        until_s, lost = time.monotonic() + SECONDS, 0
        while time.monotonic() < until_s:
            began_s = time.monotonic()
            doorbell = DOORBELLS[done["presses"] % 2]
            done["presses"] += 1
            if not visitor.press(doorbell):
                is_of_broker = killed_s[0] > began_s - 1
                done["lost with the broker's memory"] += is_of_broker
                lost += not is_of_broker
            threading.Event().wait(BETWEEN_S)
        over.set()
        harmer.join()
        done.update(answer["event_type"] for answer in visitor.answers)
        done.update(
            {f"distinct {key}s": len({each[key] for each in visitor.answers}) for key in ("event_id", "press_id")}
        )
        done["answers"] = len(visitor.answers)
        with capsys.disabled():
            print(f"\n{dict(done)}")  # noqa: T201 - figures for docs/reliability.md
        assert lost == 0
        assert agent.stop() == 0


def cameras(stills: str, stream: str) -> str:
    return json.dumps([{"url": stills, "doorbell": "stills"}, {"url": stream, "doorbell": "stream"}])


def send_signal(visitor: Visitor, chance: random.Random, number: signal.Signals) -> None:
    if visitor.capture_pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(chance.choice(list(visitor.capture_pids.values())), number)


def restart(camera: RtspServer, away_s: float) -> None:
    camera.kill()
    threading.Event().wait(away_s)
    camera.start()
