"""One MQTT connection, from CONNECT to its end. A new connection is a new object.

paho could reconnect by itself, but then a late acknowledgement from the old connection could hit a packet id that the
new one uses for another message, and paho would send unsent messages regardless of their age.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from paho.mqtt import client as paho

from edge_agent.domain import DropReason, Message, Packet, Publication
from edge_agent.errors import BrokerUnreachableError, NoThreadError
from edge_agent.mqtt import faults
from edge_agent.mqtt.paho_client import (
    PahoClient,
    Sent,
    Session,
    build_client,
    connect_options,
    publish_properties,
    subscribe_options,
    to_message,
)
from edge_agent.reasons import ConnectError, ConnectFault
from edge_agent.topics import SHARE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from edge_agent.mqtt.access import BrokerAccess
    from edge_agent.settings.address import Address
    from edge_agent.settings.broker import MqttSettings

log = logging.getLogger(__name__)

CONNECT_TIMEOUT_S: Final = 5.0
INSECURE: Final = (
    "THE BROKER'S CERTIFICATE IS NOT CHECKED (mqtt.tls.insecure): anyone in between can read and change everything"
)

SECOND_TRY_S: Final = 1.0
"""A broker that does not know MQTT 5 may close the connection each time; one that is starting does so once."""

_REFUSED_VERSION = {ConnectError.PROTOCOL_UNSUPPORTED, ConnectError.CLOSED_AT_ONCE}


@dataclass(frozen=True, slots=True)
class ConnectionEvents:
    """Callbacks of a connection, on its network thread: they must be fast and never block.

    `published` gets a confirmed packet, whether the broker denied it, and whether its topic has no subscriber (both
    with MQTT 5 only); `subscribed` gets all topic filters that the broker has refused so far.
    """

    message: Callable[[Message], None] = lambda _message: None
    published: Callable[[int, bool, bool], None] = lambda _packet_id, _refused, _without_subscriber: None
    undecodable: Callable[[DropReason], None] = lambda _reason: None
    subscribed: Callable[[tuple[str, ...]], None] = lambda _refused: None


class Connection:
    """A connection to the broker of `settings`; call `open` once, then publish and subscribe until `lost` is set."""

    def __init__(  # noqa: PLR0913 - each is a word of MQTT's CONNECT, and keyword-only
        self,
        settings: MqttSettings | BrokerAccess,
        *,
        client_id: str,
        number: int = 0,
        clean: bool = True,
        will: Publication | None = None,
        events: ConnectionEvents | None = None,
    ) -> None:
        self.number = number
        self.lost = threading.Event()
        self.end = ConnectFault(ConnectError.NOT_CONNECTED)
        self.session_present = False
        self.largest_packet_bytes: int | None = None
        self.refused: tuple[str, ...] = ()
        self.without_subscriber = 0
        """Number of accepted messages without a subscriber, if the broker reports it (MQTT 5)."""
        self._asked: deque[tuple[str, ...]] = deque()
        self._settings = settings
        self._session = Session(client_id, clean, will)
        self._events = events or ConnectionEvents()
        self._on_accepted: Callable[[], None] = lambda: None
        self._answered = threading.Event()
        self._accepted = False
        self._client: PahoClient | None = None

    @property
    def host(self) -> str:
        """The broker's host, as in the settings."""
        return self._settings.host

    @property
    def protocol(self) -> str:
        """The protocol version in use."""
        return "5" if self._is_mqtt5() else "3.1.1"

    def open(self, on_accepted: Callable[[], None] = lambda: None) -> None:
        """Connect to the first address that answers; raise BrokerUnreachableError, with all reasons, if none does.

        `on_accepted` is called on the network thread, before the first message of a kept session.
        Raise SettingsError if the TLS settings cannot be used.
        """
        self._on_accepted = on_accepted
        found: dict[str, ConnectFault] = {}
        for address in self._settings.addresses():
            fault = self._reach(address)
            if fault is None:
                if self._settings.tls.insecure:
                    log.warning("%s", INSECURE)
                return
            found[str(address)] = fault
        raise BrokerUnreachableError(found)

    def subscribe(self, filters: Iterable[str], qos: int = 1) -> None:
        """Subscribe to `filters`; those that the broker refuses are in `refused` afterwards.

        Shared subscriptions use QoS 0: their frames may be shed, and the broker keeps nothing for an absent member.
        """
        client = self._opened()
        wanted = [(each, 0 if each.startswith(SHARE) else qos) for each in filters]
        if not self._is_mqtt5():
            wanted = [(each, level) for each, level in wanted if not each.startswith(SHARE)]
        self._asked.append(tuple(each for each, _ in wanted))
        if self._is_mqtt5():
            client.subscribe([(each, subscribe_options(each, level)) for each, level in wanted])
        else:
            client.subscribe(wanted)

    def unsubscribe(self, filters: Sequence[str]) -> None:
        """Unsubscribe from filters that a kept session may still have."""
        if filters:
            self._opened().unsubscribe(list(filters))

    def publish(self, publication: Publication) -> Sent:
        """Pass a publication to the network thread, without waiting."""
        properties = publish_properties(publication) if self._is_mqtt5() else None
        info = self._opened().publish(
            publication.topic, publication.payload, publication.qos, publication.retain, properties
        )
        return Sent(info.mid, info)

    def acknowledge(self, packet: Packet) -> None:
        """Acknowledge a message, unless it arrived over another connection."""
        if packet.connection == self.number and not self.lost.is_set():
            self._opened().ack(packet.packet_id, 1)

    def is_accepted(self) -> bool:
        """Return whether the broker accepted the connection and it has not been lost."""
        return self._accepted and not self.lost.is_set()

    def is_healthy(self) -> bool:
        """Return whether the connection is up and its network thread is alive.

        paho's own `is_connected` stays true when its thread has died of an exception.
        """
        thread = self._client._thread if self._client else None  # noqa: SLF001 - there is no public way to ask
        return not self.lost.is_set() and thread is not None and thread.is_alive()

    def alive_s(self) -> float:
        """Return when the network thread was last active, in monotonic seconds; 0: not yet."""
        return self._client.alive_s if self._client else 0.0

    def close(self) -> None:
        """Send DISCONNECT (the will is not sent) and stop the network thread."""
        if self._client is not None:
            self._client.disconnect()
            self._client.loop_stop()
            self._client = None

    def _reach(self, address: Address) -> ConnectFault | None:
        """Connect to one address; return why it failed, or None.

        With `auto`, only a broker that refuses MQTT 5 gets 3.1.1. Silence is no refusal: the broker may be suspended.
        """
        protocol = paho.MQTTv311 if self._settings.protocol == "3.1.1" else paho.MQTTv5
        fault = self._try(address, protocol)
        if self._settings.protocol != "auto" or fault is None:
            return self._closed(fault)
        if fault.reason is ConnectError.CLOSED_AT_ONCE:
            self.close()
            time.sleep(SECOND_TRY_S)
            fault = self._try(address, paho.MQTTv5)
        if fault is not None and fault.reason in _REFUSED_VERSION:
            self.close()
            fault = self._try(address, paho.MQTTv311)
        return self._closed(fault)

    def _closed(self, fault: ConnectFault | None) -> ConnectFault | None:
        """Close after a failed attempt, and return its fault."""
        if fault is not None:
            self.close()
        return fault

    def _try(self, address: Address, protocol: Any) -> ConnectFault | None:
        """Connect with one protocol version; return why it failed, or None."""
        self._answered.clear()
        self._accepted = False
        self.lost.clear()
        self._client = build_client(self._settings, self._session, protocol, CONNECT_TIMEOUT_S)
        self._listen(self._client)
        try:
            self._client.connect(address.host, address.port, **connect_options(self._settings, self._session, protocol))
        except (OSError, ValueError, IndexError) as error:
            return faults.of_exception(error, encrypted=self._settings.tls.enabled)
        try:
            self._client.loop_start()
        except RuntimeError:
            self._client = None  # paho would join a thread that never started
            return ConnectFault(ConnectError.NO_THREAD, str(NoThreadError()))
        if not self._answered.wait(CONNECT_TIMEOUT_S):
            return ConnectFault(ConnectError.NOT_MQTT)
        return None if self._accepted else self.end  # one that was accepted and is lost already ends in the usual way

    def _listen(self, client: PahoClient) -> None:
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_message
        client.on_publish = self._on_publish
        client.on_subscribe = self._on_subscribe

    def _opened(self) -> PahoClient:
        if self._client is None:
            raise BrokerUnreachableError({self.host: ConnectFault(ConnectError.NOT_CONNECTED)})
        return self._client

    def _is_mqtt5(self) -> bool:
        return self._client is not None and self._client.protocol == paho.MQTTv5

    def _on_connect(self, _client: Any, _data: Any, flags: Any, reason: Any, properties: Any) -> None:
        if reason.is_failure:
            self._on_lost(faults.of_connack(reason.value))
        else:
            self._accepted = True
            self.session_present = flags.session_present
            self.largest_packet_bytes = getattr(properties, "MaximumPacketSize", None)
            self._on_accepted()
        self._answered.set()

    def _on_disconnect(self, _client: Any, _data: Any, flags: Any, reason: Any, _properties: Any) -> None:
        told = flags.is_disconnect_packet_from_server
        self._on_lost(faults.of_disconnect(reason.value, told=told, accepted=self._accepted))
        self._answered.set()

    def _on_lost(self, end: ConnectFault) -> None:
        if not self.lost.is_set():
            self.end = end
            self.lost.set()

    def _on_message(self, _client: Any, _data: Any, received: paho.MQTTMessage) -> None:
        packet = Packet(self.number, received.mid) if received.qos else None
        try:
            message = to_message(received, packet)
        except UnicodeDecodeError:
            self._events.undecodable(DropReason.TOPIC_ENCODING)
            self._acknowledge_unread(packet)
            return
        try:
            self._events.message(message)
        except Exception:  # an exception here would end paho's thread while the connection looks alive
            log.exception("a message could not be handled")
            self._events.undecodable(DropReason.INTERNAL_ERROR)
            self._acknowledge_unread(packet)

    def _acknowledge_unread(self, packet: Packet | None) -> None:
        if packet is not None:
            self.acknowledge(packet)

    def _on_publish(self, _client: Any, _data: Any, packet_id: int, reason: Any, _properties: Any) -> None:
        is_without_subscriber = reason.value == faults.NO_SUBSCRIBERS
        self.without_subscriber += is_without_subscriber
        self._events.published(packet_id, reason.is_failure, is_without_subscriber)

    def _on_subscribe(self, _client: Any, _data: Any, _mid: int, reasons: Any, _properties: Any) -> None:
        """Handle the reason codes of a SUBACK, which have the order of the subscription."""
        asked = self._asked.popleft()
        refused = [each for each, reason in zip(asked, reasons, strict=False) if reason.is_failure]
        self.refused = (*(each for each in self.refused if each not in asked), *refused)
        self._events.subscribed(self.refused)
