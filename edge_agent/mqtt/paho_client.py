"""paho's client as a connection uses it: built from the settings, with options, properties and messages converted."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from edge_agent.domain import Message, Packet, Publication
from edge_agent.mqtt.tls import tls_context
from edge_agent.topics import is_press_filter

if TYPE_CHECKING:
    from edge_agent.mqtt.access import BrokerAccess
    from edge_agent.settings.broker import MqttSettings

QOS_1: Final = 0x02
QOS_2: Final = 0x04
"""Flags of a PUBLISH packet's first byte."""
LONGEST_VARINT: Final = 4
"""Bytes of a variable byte integer."""


@dataclass(frozen=True, slots=True)
class Session:
    """Who connects: the client id, whether the broker forgets its session, and the will."""

    client_id: str
    clean: bool = True
    will: Publication | None = None


@dataclass(frozen=True, slots=True)
class Sent:
    """A publication passed to the network; `packet_id` returns with the broker's confirmation."""

    packet_id: int
    _info: paho.MQTTMessageInfo

    def wait(self, timeout_s: float) -> bool:
        """Wait until the broker confirms it (QoS 1) or it is written (QoS 0); return whether that happened in time."""
        try:
            self._info.wait_for_publish(timeout_s)
        except (RuntimeError, ValueError):
            return False
        return self._info.is_published()


class PahoClient(paho.Client):
    """paho's client, with the time when its thread was last active; monotonic seconds, initially its creation.

    paho's decoder does not get the payload: it copies the rest of the packet up to three times for each property.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.alive_s = time.monotonic()
        self._payload: bytes | None = None

    def loop_misc(self) -> MQTTErrorCode:
        """Run paho's housekeeping, which paho calls at least once a second."""
        self.alive_s = time.monotonic()
        return super().loop_misc()

    def _handle_publish(self) -> MQTTErrorCode:
        """Have paho decode a PUBLISH packet without its payload; QoS 2 is never asked for, and left as it is."""
        received = self._in_packet
        flags, packet = received["command"], received["packet"]
        if flags & QOS_2:
            return super()._handle_publish()
        head = head_length(packet, has_packet_id=bool(flags & QOS_1), is_mqtt5=self._protocol == paho.MQTTv5)
        self._payload = bytes(memoryview(packet)[head:])
        received["packet"] = packet[:head]
        try:
            return super()._handle_publish()
        finally:
            self._payload = None

    def _handle_on_message(self, message: paho.MQTTMessage) -> None:
        if self._payload is not None:
            message.payload = self._payload
        super()._handle_on_message(message)


def head_length(packet: bytes | bytearray, *, has_packet_id: bool, is_mqtt5: bool) -> int:
    """Return where the payload begins in a PUBLISH packet without its fixed header (MQTT 5.0, section 3.3).

    If the packet ends too early, this is its length or more.
    """
    position = 2 + int.from_bytes(packet[:2], "big") + 2 * has_packet_id
    if not is_mqtt5:
        return position
    length = shift = 0
    for byte in packet[position : position + LONGEST_VARINT]:
        position += 1
        length |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            break
    return position + length


def build_client(
    settings: MqttSettings | BrokerAccess, session: Session, protocol: Any, timeout_s: float
) -> PahoClient:
    """Return a client for one connection; raise SettingsError if the TLS settings cannot be used."""
    client = PahoClient(
        CallbackAPIVersion.VERSION2,
        session.client_id,
        clean_session=session.clean if protocol == paho.MQTTv311 else None,
        protocol=protocol,
        transport=settings.transport,
        reconnect_on_failure=False,
        manual_ack=True,
    )
    client.connect_timeout = timeout_s
    client.ws_set_options(settings.websocket_path)
    context = tls_context(settings.tls)
    if context is not None:
        client.tls_set_context(context)
    if settings.username:
        client.username_pw_set(settings.username, settings.password.get_secret_value() or None)
    if session.will is not None:
        client.will_set(session.will.topic, session.will.payload, session.will.qos, session.will.retain)
    return client


def connect_options(settings: MqttSettings | BrokerAccess, session: Session, protocol: Any) -> dict[str, Any]:
    """Return the arguments of paho's connect, beside the address."""
    options: dict[str, Any] = {"keepalive": settings.keepalive_s}
    if protocol == paho.MQTTv5:
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.ReceiveMaximum = settings.receive_maximum
        if not session.clean:
            properties.SessionExpiryInterval = settings.session_expiry_s
        options |= {"clean_start": session.clean, "properties": properties}
    return options


def publish_properties(publication: Publication) -> Properties | None:
    """Return the MQTT 5 properties of a publication, or None if it has none."""
    if not (publication.correlation_data or publication.properties):
        return None
    properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
    if publication.correlation_data:
        properties.CorrelationData = publication.correlation_data
    if publication.properties:
        properties.UserProperty = list(publication.properties.items())
    return properties


def subscribe_options(topic_filter: str, qos: int) -> SubscribeOptions:
    """Return the options of a subscription. A bridge sends retained presses again as new ones, but for this flag."""
    return SubscribeOptions(qos=qos, retainAsPublished=is_press_filter(topic_filter))


def to_message(received: paho.MQTTMessage, packet: Packet | None) -> Message:
    """Convert paho's message; raise UnicodeDecodeError if its topic is not UTF-8."""
    properties = received.properties
    return Message(
        topic=received.topic,
        payload=bytes(received.payload),
        retained=received.retain,
        duplicate=received.dup,
        packet=packet,
        properties=dict(getattr(properties, "UserProperty", ())),
        response_topic=getattr(properties, "ResponseTopic", ""),
        correlation_data=getattr(properties, "CorrelationData", b""),
    )
