"""Records everything that a broker sends, and waits for messages."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar

from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterable

T = TypeVar("T")

WAIT_S: Final = 40.0
"""A limit for hangs: a busy machine may take that long to start an agent."""


@dataclass(frozen=True, slots=True)
class ReceivedMessage:
    """One message; `at_s` is its arrival time."""

    topic: str
    payload: bytes
    retained: bool
    at_s: float
    correlation_data: bytes = b""

    @property
    def json(self) -> Any:
        """The payload as JSON."""
        return json.loads(self.payload)


class Recorder:
    """A client that receives every topic, or those that match a filter, and can publish."""

    def __init__(
        self,
        port: int,
        *,
        topic_filter: str = "#",
        mqtt5: bool = True,
        login: tuple[str, str] | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._port = port
        self._received: list[ReceivedMessage] = []
        self._arrived = threading.Condition()
        self._subscribed = threading.Event()
        protocol = paho.MQTTv5 if mqtt5 else paho.MQTTv311
        self._client = paho.Client(CallbackAPIVersion.VERSION2, protocol=protocol)
        if login is not None:
            self._client.username_pw_set(*login)
        if tls is not None:
            self._client.tls_set_context(tls)
        self._client.on_connect = lambda client, *_: client.subscribe(topic_filter, qos=1)
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.on_message = self._on_message

    def __enter__(self) -> Self:
        """Connect and subscribe."""
        with contextlib.ExitStack() as undo:
            undo.push(self)
            self._client.connect("127.0.0.1", self._port)
            self._client.loop_start()
            assert self._subscribed.wait(WAIT_S)
            undo.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        """Disconnect."""
        self._client.disconnect()
        self._client.loop_stop()

    def publish(  # noqa: PLR0913 - the fields of MQTT
        self,
        topic: str,
        payload: bytes | str = b"",
        *,
        qos: int = 1,
        retain: bool = False,
        user: dict[str, str] | None = None,
        response_topic: str = "",
        correlation_data: bytes = b"",
    ) -> None:
        """Publish, and wait for the broker's acknowledgement."""
        properties = None
        if user or response_topic:
            properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
            properties.UserProperty = list((user or {}).items())
            if response_topic:
                properties.ResponseTopic = response_topic
                properties.CorrelationData = correlation_data
        self._client.publish(topic, payload, qos, retain, properties).wait_for_publish(WAIT_S)

    def messages(self, topic: str) -> list[ReceivedMessage]:
        """Return the messages on a topic so far."""
        with self._arrived:
            return [each for each in self._received if paho.topic_matches_sub(topic, each.topic)]

    def events(self, topic: str) -> list[Any]:
        """Return the JSON messages on a topic so far."""
        return [each.json for each in self.messages(topic)]

    def wait_for(
        self, topic: str, accept: Callable[[Any], bool] = lambda _event: True, *, timeout_s: float = WAIT_S
    ) -> Any:
        """Return the first JSON on `topic` that `accept` accepts; fail with all messages after the timeout."""
        return self._wait(
            lambda: next((each for each in self._events_now(topic) if accept(each)), None), topic, timeout_s
        )

    def wait_for_count(self, topic: str, count: int, *, timeout_s: float = WAIT_S) -> list[ReceivedMessage]:
        """Return the messages on `topic` once there are `count`."""
        return self._wait(lambda: found if len(found := self._matching(topic)) >= count else None, topic, timeout_s)

    def wait_for_payload(self, topic: str, payload: bytes, *, timeout_s: float = WAIT_S) -> ReceivedMessage:
        """Return the first message on `topic` with exactly this payload."""
        return self._wait(
            lambda: next((each for each in self._matching(topic) if each.payload == payload), None), topic, timeout_s
        )

    def last_metrics(self, agent_id: str) -> Any:
        """Return the last metrics of an agent, published before it goes offline."""
        self.wait_for_payload(f"edge_agent/{agent_id}/availability", b"offline")
        return self.events(f"edge_agent/{agent_id}/metrics")[-1]

    def clear(self) -> None:
        """Discard all messages."""
        with self._arrived:
            self._received.clear()

    def _wait(self, find: Callable[[], T | None], topic: str, timeout_s: float) -> T:
        deadline_s = time.monotonic() + timeout_s
        with self._arrived:
            while (found := find()) is None:
                if not self._arrived.wait(deadline_s - time.monotonic()):
                    received = self._summary(self._received)
                    message = f"no matching message on {topic} within {timeout_s:g} s; received: {received}"
                    raise AssertionError(message)
        return found

    def _matching(self, topic: str) -> list[ReceivedMessage]:
        return [each for each in self._received if paho.topic_matches_sub(topic, each.topic)]

    def _events_now(self, topic: str) -> Iterable[Any]:
        return (each.json for each in self._matching(topic))

    @staticmethod
    def _summary(received: list[ReceivedMessage]) -> str:
        return "\n".join(f"{each.topic} {each.payload[:200]!r}" for each in received[-30:])

    def _on_message(self, _client: Any, _data: Any, message: paho.MQTTMessage) -> None:
        correlation_data = getattr(message.properties, "CorrelationData", b"")
        received = ReceivedMessage(
            message.topic, bytes(message.payload), message.retain, time.monotonic(), correlation_data
        )
        with self._arrived:
            self._received.append(received)
            self._arrived.notify_all()
