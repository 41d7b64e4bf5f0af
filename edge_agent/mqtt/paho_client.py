"""paho's client as a connection uses it: built from the settings, with options, properties and messages converted."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

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
    """paho's client, with the time when its thread was last active; monotonic seconds, initially its creation."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.alive_s = time.monotonic()

    def loop_misc(self) -> MQTTErrorCode:
        """Run paho's housekeeping, which paho calls at least once a second."""
        self.alive_s = time.monotonic()
        return super().loop_misc()


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
