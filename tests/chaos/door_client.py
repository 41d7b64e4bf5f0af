"""The doorbells and the listener of a storm: one client that reconnects and keeps its records."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from base64 import b64encode
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final, Self

from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from testing.agent_process import AGENT_ID

SESSION_S: Final = 3600
METRICS: Final = f"edge_agent/{AGENT_ID}/metrics"


@dataclass(slots=True)
class SentPress:
    """A press frame: when it was first and last sent, and its frame ids."""

    at_s: float
    last_s: float
    frame_ids: list[str] = field(default_factory=list)


class DoorClient:
    """Sends frames and presses, and records the answers."""

    def __init__(self, port: int, *, mqtt5: bool = True) -> None:
        self._port = port
        self._mqtt5 = mqtt5
        self._numbers: dict[int, int] = {}
        self._confirmed: set[int] = set()
        self.latency_by_press: dict[int, float] = {}
        self._lock = threading.Lock()
        self.presses: dict[int, SentPress] = {}
        self.answers: dict[str, set[str]] = {}
        self.received: Counter[str] = Counter()
        self.latency_ms: list[float] = []
        self.metrics: dict[str, Any] = {}
        self.metrics_received = 0
        self.wrong_sums: list[dict[str, Any]] = []
        self._client = (
            paho.Client(CallbackAPIVersion.VERSION2, "storm", protocol=paho.MQTTv5)
            if mqtt5
            else paho.Client(CallbackAPIVersion.VERSION2, "storm", protocol=paho.MQTTv311, clean_session=False)
        )
        self._client.max_inflight_messages_set(200)
        self._client.reconnect_delay_set(1, 1)
        self._client.on_connect = lambda client, *_: client.subscribe([("doorbell/+/faces", 1), (METRICS, 0)])
        self._client.on_message = self._on_message
        self._client.on_publish = lambda _client, _data, packet_id, *_: self._confirmed.add(packet_id)

    def __enter__(self) -> Self:
        """Connect."""
        with contextlib.ExitStack() as undo:
            undo.push(self)
            self._connect()
            undo.pop_all()
        return self

    def _connect(self) -> None:
        if self._mqtt5:
            properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
            properties.SessionExpiryInterval = SESSION_S
            self._client.connect("127.0.0.1", self._port, clean_start=False, properties=properties)
        else:
            self._client.connect("127.0.0.1", self._port)
        self._client.loop_start()

    def __exit__(self, *_: object) -> None:
        """Disconnect."""
        self._client.disconnect()
        self._client.loop_stop()

    def send_frame(self, doorbell: str, image: bytes, trigger: str) -> None:
        """Send an ordinary frame, if there is a broker."""
        if self._client.is_connected():
            self._client.publish(f"doorbell/{doorbell}/frame", image, 0, properties=_said(trigger=trigger))

    def send_press(self, number: int, doorbell: str, image: bytes) -> None:
        """Send a press frame, with a new frame id if it was sent before."""
        with self._lock:
            now = time.monotonic()
            sent = self.presses.setdefault(number, SentPress(now, now))
            sent.last_s = now
            frame_id = f"press-{number}-{len(sent.frame_ids)}"
            sent.frame_ids.append(frame_id)
        topic, said = f"doorbell/{doorbell}/frame", {"trigger": "press", "frame_id": frame_id}
        if self._mqtt5:
            info = self._client.publish(topic, image, 1, properties=_said(**said))
        else:
            info = self._client.publish(topic, json.dumps({"image": b64encode(image).decode(), **said}), 1)
        self._numbers[info.mid] = number

    def confirmed(self) -> set[int]:
        """Return the presses that the broker has acknowledged."""
        return {number for packet_id, number in self._numbers.items() if packet_id in self._confirmed}

    def unanswered(self) -> list[int]:
        """Return the presses without an answer."""
        with self._lock:
            return [
                number
                for number, sent in self.presses.items()
                if not any(frame_id in self.answers for frame_id in sent.frame_ids)
            ]

    def _on_message(self, _client: Any, _data: Any, message: paho.MQTTMessage) -> None:
        event = json.loads(message.payload)
        with self._lock:
            if message.topic == METRICS:
                self.metrics = event
                self.metrics_received += 1
                if not adds_up(event):
                    self.wrong_sums.append(event)
                return
            if not event["frame_id"].startswith("press-"):
                self.received["ordinary"] += 1
                return
            self.received[event["outcome"]] += 1
            number = int(event["frame_id"].split("-")[1])
            if event["frame_id"] in self.answers:
                self.received["repeated"] += 1
            else:
                self.latency_ms.append((time.monotonic() - self.presses[number].at_s) * 1000)
                self.latency_by_press.setdefault(number, self.latency_ms[-1])
            self.answers.setdefault(event["frame_id"], set()).add(event["event_id"])


def adds_up(metrics: dict[str, Any]) -> bool:
    """Return whether every received frame is answered, failed, shed or in flight."""
    gone = sum(sum(metrics[outcome].values()) for outcome in ("answered", "failed", "shed"))
    return bool(sum(metrics["received"].values()) == gone + metrics["in_flight"])


def _said(**said: str) -> Properties:
    properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
    properties.UserProperty = list(said.items())
    return properties
