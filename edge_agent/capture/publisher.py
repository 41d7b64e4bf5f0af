"""The MQTT connection of a capture process: publishes frames and presses, receives presses and visits."""

from __future__ import annotations

import json
import secrets
from base64 import b64encode
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import msgspec

from edge_agent import topics
from edge_agent.domain import Message, Packet, Publication, Trigger
from edge_agent.ingest.envelope import Envelope
from edge_agent.mqtt.connection import Connection, ConnectionEvents
from edge_agent.mqtt.link import Link, LinkDown, LinkUp
from edge_agent.mqtt.outbox import Outbox, OutboxLimits

if TYPE_CHECKING:
    from collections.abc import Callable

    from edge_agent.capture.camera import Picture
    from edge_agent.mqtt.access import BrokerAccess

LIFETIME_S: Final = 8.0
"""A press frame that waited longer for the broker is dropped: within the agent's window it belongs to its press."""
LIMITS: Final = OutboxLimits(messages=50, payload_bytes=16_000_000)


@dataclass(frozen=True, slots=True)
class Pressed:
    """The doorbell was pressed, as the broker says."""


@dataclass(frozen=True, slots=True)
class Visiting:
    """A face appeared, or the last one left."""

    is_on: bool


@dataclass(frozen=True, slots=True)
class _Confirmed:
    packet: Packet
    denied: bool


BrokerEvent = Pressed | Visiting | LinkUp | LinkDown | _Confirmed


class Publisher:
    """Publishes for one doorbell. `report` gets events on other threads; `handle` takes them on the caller's."""

    def __init__(self, mqtt: BrokerAccess, agent_id: str, doorbell: str, report: Callable[[BrokerEvent], None]) -> None:
        self.connected = False
        self.fault = "not connected yet"
        self._mqtt = mqtt
        self._doorbell = doorbell
        self._client_id = f"edge_agent-capture-{agent_id}-{doorbell}"
        self._report = report
        self._protocol = "5"
        self._link = Link(self._connect, [topics.press(doorbell), topics.visit(doorbell)], report)
        self._outbox = Outbox(self._link.publish, LIMITS)
        self._run_id = secrets.token_hex(4)
        self._number = 0

    def start(self) -> None:
        """Begin to connect."""
        self._link.start()

    def close(self) -> None:
        """Disconnect."""
        self._link.stop()

    def handle(self, event: LinkUp | LinkDown | _Confirmed, now: float) -> None:
        """Record that the broker came or went, or answered a message."""
        match event:
            case LinkUp():
                self.connected, self.fault, self._protocol = True, "", event.protocol
                self._outbox.on_connected(now, event.largest_packet_bytes)
                self._link.begin(event.number)
                self._outbox.resend(now)
            case LinkDown():
                self.connected, self.fault = False, event.detail
                self._outbox.on_connection_lost(now)
            case _Confirmed(packet, denied):
                self._outbox.confirm(packet, now, denied=denied)

    def publish_press(self, now: float) -> None:
        """Publish that the doorbell was pressed."""
        self._outbox.publish(Publication(topics.press(self._doorbell), b"pressed", qos=1, lifetime_s=LIFETIME_S), now)

    def publish_frame(self, picture: Picture, trigger: Trigger, now: float) -> bool:
        """Publish a picture, as any publisher would; return False if it is larger than the broker accepts."""
        self._number += 1
        said = {
            "trigger": trigger.code,
            "captured_at": picture.taken_at.isoformat(),
            "frame_id": f"{self._run_id}-{self._number}",
        }
        qos = 1 if trigger is Trigger.PRESS else 0
        topic = topics.frame(self._doorbell)
        if self._protocol == "5":
            publication = Publication(topic, picture.image, qos, properties=said, lifetime_s=LIFETIME_S)
        else:
            payload = msgspec.json.encode(Envelope(b64encode(picture.image).decode(), **said))
            publication = Publication(topic, payload, qos, lifetime_s=LIFETIME_S)
        return publication not in self._outbox.publish(publication, now)

    def _connect(self, number: int) -> Connection:
        def on_message(message: Message) -> None:
            if message.packet is not None:
                connection.acknowledge(message.packet)
            if (event := self._meaning(message)) is not None:
                self._report(event)

        events = ConnectionEvents(
            message=on_message,
            published=lambda packet_id, denied, _: self._report(_Confirmed(Packet(number, packet_id), denied)),
        )
        connection = Connection(self._mqtt, client_id=self._client_id, number=number, events=events)
        return connection

    def _meaning(self, message: Message) -> BrokerEvent | None:
        if message.retained:
            return None
        if message.topic == topics.press(self._doorbell):
            return Pressed()
        try:
            event_type = json.loads(message.payload)["event_type"]
        except (ValueError, KeyError, TypeError, RecursionError):
            return None
        return Visiting(event_type != "face_left") if event_type in {"face_appeared", "face_left"} else None
