"""Listens to every topic for a while, to find those that carry pictures or presses."""

from __future__ import annotations

import queue
import secrets
import time
from typing import TYPE_CHECKING, Final

from edge_agent.errors import BrokerLostError
from edge_agent.ingest.recognizer import ObservedTopic, Recognizer
from edge_agent.mqtt.connection import Connection, ConnectionEvents

if TYPE_CHECKING:
    from edge_agent.domain import Message
    from edge_agent.settings.broker import MqttSettings

EVERYTHING: Final = "#"
POLL_INTERVAL_S: Final = 0.5


def search_sources(mqtt: MqttSettings, seconds: float) -> list[ObservedTopic]:
    """Return the topics with pictures or presses; raise an error if the connection fails or ends."""
    received: queue.SimpleQueue[Message] = queue.SimpleQueue()
    recognizer = Recognizer()
    connection = Connection(
        mqtt,
        client_id=f"edge_agent-sources-{secrets.token_hex(4)}",
        events=ConnectionEvents(message=received.put),
    )
    connection.open()
    try:
        connection.subscribe([EVERYTHING])
        end_s = time.monotonic() + seconds
        while (remaining_s := end_s - time.monotonic()) > 0:
            _take(connection, received, recognizer, min(POLL_INTERVAL_S, remaining_s))
    finally:
        connection.close()
    return sorted(recognizer.observed.values(), key=lambda each: each.topic)


def _take(
    connection: Connection, received: queue.SimpleQueue[Message], recognizer: Recognizer, timeout_s: float
) -> None:
    try:
        message = received.get(timeout=timeout_s)
    except queue.Empty:
        if not connection.is_healthy():
            reason = f"the connection to the broker ended: {connection.end.text}"
            raise BrokerLostError(reason) from None
        return
    recognizer.take(message.topic, message.payload, retained=message.retained)
