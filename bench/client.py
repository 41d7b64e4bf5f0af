"""An MQTT client that costs little: it queues what comes, with the time it came."""

from __future__ import annotations

import contextlib
import queue
import socket
import threading
import time
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self

import msgspec
import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.subscribeoptions import SubscribeOptions

if TYPE_CHECKING:
    from collections.abc import Sequence

WAIT_S: Final = 60.0
QUIET_S: Final = 0.1


class Heard(NamedTuple):
    """A message, and the monotonic second in which it came."""

    topic: str
    payload: bytes
    at_s: float

    @property
    def json(self) -> dict[str, Any]:
        """Its payload."""
        return dict(msgspec.json.decode(self.payload))


class Client:
    """Hears what matches `filters`."""

    def __init__(self, port: int, filters: Sequence[str]) -> None:
        self._port = port
        self._heard: queue.SimpleQueue[Heard] = queue.SimpleQueue()
        self._subscribed = threading.Event()
        self._client = paho.Client(CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5)
        self._client.on_connect = lambda client, *_: client.subscribe(
            [(each, SubscribeOptions(qos=1)) for each in filters]
        )
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.on_message = self._hear
        self._client.on_socket_open = _send_at_once

    def __enter__(self) -> Self:
        """Connect and subscribe."""
        self._client.connect("127.0.0.1", self._port)
        self._client.loop_start()
        if not self._subscribed.wait(WAIT_S):
            message = "the broker does not answer"
            raise TimeoutError(message)
        return self

    def __exit__(self, *_: object) -> None:
        """Disconnect."""
        self._client.disconnect()
        self._client.loop_stop()

    def take(self, timeout_s: float = WAIT_S) -> Heard:
        """Return the next message; raise queue.Empty where none comes in time."""
        return self._heard.get(timeout=timeout_s)

    def received_until(self, until_s: float) -> list[Heard]:
        """Return what came until then."""
        time.sleep(max(0.0, until_s - time.monotonic()))
        return [self._heard.get() for _ in range(self._heard.qsize())]

    def settle(self) -> None:
        """Leave out what comes until nothing has come for QUIET_S."""
        with contextlib.suppress(queue.Empty):
            while True:
                self.take(QUIET_S)

    def _hear(self, _client: paho.Client, _data: Any, message: paho.MQTTMessage) -> None:  # noqa: ANN401 - paho's
        self._heard.put(Heard(message.topic, bytes(message.payload), time.monotonic()))


def _send_at_once(_client: paho.Client, _data: Any, opened: Any) -> None:  # noqa: ANN401 - paho's
    opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
