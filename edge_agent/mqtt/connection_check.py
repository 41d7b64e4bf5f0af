"""A connection that reports the broker's answer to each subscription and each message, for `edge-agent doctor`."""

from __future__ import annotations

import queue
import time
from typing import TYPE_CHECKING, Any

from paho.mqtt.subscribeoptions import SubscribeOptions

from edge_agent.mqtt.connection import Connection, ConnectionEvents
from edge_agent.mqtt.faults import words_for

if TYPE_CHECKING:
    from edge_agent.domain import Message, Publication
    from edge_agent.settings.broker import MqttSettings

POLL_INTERVAL_S = 0.02


class ConnectionCheck(Connection):
    """A connection for tests, one after the other."""

    def __init__(self, settings: MqttSettings, *, client_id: str) -> None:
        self._received: queue.SimpleQueue[Message] = queue.SimpleQueue()
        self._verdicts: dict[int, str] = {}
        super().__init__(settings, client_id=client_id, events=ConnectionEvents(message=self._received.put))

    def subscribe_and_wait(self, topic_filter: str, timeout_s: float) -> str | None:
        """Subscribe; return '' if the broker allows it, its reason if not, or None if it does not answer."""
        client = self._opened()
        if self.protocol == "5":
            _, packet_id = client.subscribe(topic_filter, options=SubscribeOptions(qos=1))
        else:
            _, packet_id = client.subscribe(topic_filter, 1)
        return self._verdict(packet_id, timeout_s)

    def publish_and_wait(self, publication: Publication, timeout_s: float) -> str | None:
        """Publish with QoS 1; return '' if the broker accepts it, its reason if not, or None if it does not answer.

        Before MQTT 5 a broker also confirms messages that it discards.
        """
        return self._verdict(self.publish(publication).packet_id, timeout_s)

    def wait_for_message(self, topic: str, timeout_s: float) -> Message | None:
        """Return the next message on a topic, or None on a timeout; messages on other topics are skipped."""
        give_up_s = time.monotonic() + timeout_s
        while (remaining_s := give_up_s - time.monotonic()) > 0:
            try:
                message = self._received.get(timeout=remaining_s)
            except queue.Empty:
                return None
            if message.packet:
                self.acknowledge(message.packet)
            if message.topic == topic:
                return message
        return None

    def _verdict(self, packet_id: int | None, timeout_s: float) -> str | None:
        give_up_s = time.monotonic() + timeout_s
        while time.monotonic() < give_up_s:
            if packet_id is None or packet_id in self._verdicts:
                return self._verdicts.pop(packet_id or 0, None)
            if self.lost.wait(POLL_INTERVAL_S):
                return f"it ended the connection ({self.end.text})"
        return None

    def _on_publish(self, _client: Any, _data: Any, packet_id: int, reason: Any, _properties: Any) -> None:
        self._verdicts[packet_id] = words_for(reason.value) if reason.is_failure else ""

    def _on_subscribe(self, _client: Any, _data: Any, packet_id: int, reasons: Any, _properties: Any) -> None:
        self._verdicts[packet_id] = next((words_for(each.value) for each in reasons if each.is_failure), "")
