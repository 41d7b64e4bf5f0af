"""One MQTT connection, from CONNECT to its end. A new connection is a new object.

paho could reconnect by itself, but then an acknowledgement kept from the old connection can hit a packet id
that the new one uses for another message, and what waits unsent goes out however old it is.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from edge_agent.domain import Message, Packet, Publication
from edge_agent.errors import BrokerUnreachableError, NoThreadError
from edge_agent.mqtt.reasons import CLOSED_AT_ONCE, NO_SUBSCRIBERS, reason_of_end, reason_of_refusal
from edge_agent.mqtt.tls import explain, tls_context
from edge_agent.topics import SHARE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from edge_agent.settings.address import Address
    from edge_agent.settings.broker import MqttSettings

log = logging.getLogger(__name__)

CONNECT_TIMEOUT_S: Final = 5.0
UNSUPPORTED_PROTOCOL: Final = 132
"""MQTT 5.0, section 3.2.2.2: 0x84 Unsupported Protocol Version; paho gives it for 3.1.1's code 1 too."""
SESSION_TAKEN_OVER: Final = 142
"""MQTT 5.0, section 3.14.2.1: 0x8E, another client connected with the same client id."""
INSECURE: Final = (
    "THE BROKER'S CERTIFICATE IS NOT CHECKED (mqtt.tls.insecure): whoever stands between can read and change everything"
)

_PROTOCOLS = {"5": (paho.MQTTv5,), "3.1.1": (paho.MQTTv311,), "auto": (paho.MQTTv5, paho.MQTTv311)}


@dataclass(frozen=True, slots=True)
class Lost:
    """Why a connection ended."""

    reason: str
    taken_over: bool = False


@dataclass(frozen=True, slots=True)
class Sent:
    """A publication that was handed to the network; `packet_id` comes back when the broker has it."""

    packet_id: int
    _info: paho.MQTTMessageInfo

    def wait(self, timeout_s: float) -> bool:
        """Wait until the broker has it (QoS 1) or it was written (QoS 0); return whether that came in time."""
        try:
            self._info.wait_for_publish(timeout_s)
        except (RuntimeError, ValueError):
            return False
        return self._info.is_published()


@dataclass(frozen=True, slots=True)
class ConnectionEvents:
    """What a connection reports, on its network thread: the functions must be quick and never block.

    `published` is told a packet that the broker has, and whether it has refused to pass it on (MQTT 5); `subscribed`
    is told all topic filters that the broker refuses by now.
    """

    message: Callable[[Message], None] = lambda _message: None
    published: Callable[[int, bool], None] = lambda _packet_id, _refused: None
    undecodable: Callable[[str], None] = lambda _reason: None
    subscribed: Callable[[tuple[str, ...]], None] = lambda _refused: None


class _Client(paho.Client):
    """paho's client, which says when its thread was last seen at work; monotonic seconds, from when it is made."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.alive_s = time.monotonic()

    def loop_misc(self) -> MQTTErrorCode:
        """Do what paho does once a second at the least."""
        self.alive_s = time.monotonic()
        return super().loop_misc()


class Connection:
    """A connection to the broker of `settings`; call `open` once, then publish and subscribe until `lost` is set."""

    def __init__(  # noqa: PLR0913 - each is a word of MQTT's CONNECT, and keyword-only
        self,
        settings: MqttSettings,
        *,
        client_id: str,
        number: int = 0,
        clean: bool = True,
        will: Publication | None = None,
        events: ConnectionEvents | None = None,
    ) -> None:
        self.number = number
        self.lost = threading.Event()
        self.end = Lost("not connected")
        self.session_present = False
        self.largest_packet_bytes: int | None = None
        self.refused: tuple[str, ...] = ()
        self.unheard = 0
        """Messages that the broker took though nobody has subscribed to their topic, as far as it tells (MQTT 5)."""
        self._asked: deque[tuple[str, ...]] = deque()
        self._settings = settings
        self._client_id = client_id
        self._clean = clean
        self._will = will
        self._events = events or ConnectionEvents()
        self._answered = threading.Event()
        self._accepted = False
        self._refusal: int | None = None
        self._client: _Client | None = None

    @property
    def protocol(self) -> str:
        """The protocol version in use."""
        return "5" if self._is_mqtt5() else "3.1.1"

    def open(self) -> None:
        """Connect to the first address that answers; raise BrokerUnreachableError, with all reasons, if none does.

        Raise SettingsError where TLS cannot be as the settings want it.
        """
        reasons: list[str] = []
        for address in self._settings.addresses():
            reason = self._reach(address)
            if not reason:
                if self._settings.tls.insecure:
                    log.warning("%s", INSECURE)
                return
            reasons.append(f"{address}: {reason}")
        message = f"no connection to the broker at {'; '.join(reasons)}"
        raise BrokerUnreachableError(message)

    def subscribe(self, filters: Iterable[str], qos: int = 1) -> None:
        """Ask for the topics that match `filters`; what the broker refuses of them is in `refused` then.

        What is shared may be shed, and is asked for with QoS 0: a broker keeps nothing for a member that is gone.
        """
        client = self._opened()
        wanted = [(each, 0 if each.startswith(SHARE) else qos) for each in filters]
        if not self._is_mqtt5():
            wanted = [(each, level) for each, level in wanted if not each.startswith(SHARE)]
        self._asked.append(tuple(each for each, _ in wanted))
        if self._is_mqtt5():
            client.subscribe([(each, SubscribeOptions(qos=level)) for each, level in wanted])
        else:
            client.subscribe(wanted)

    def unsubscribe(self, filters: Sequence[str]) -> None:
        """Let go of what a kept session may still have from another time."""
        if filters:
            self._opened().unsubscribe(list(filters))

    def publish(self, publication: Publication) -> Sent:
        """Hand a publication to the network thread, without waiting."""
        properties = None
        if self._is_mqtt5() and (publication.correlation_data or publication.properties):
            properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
            if publication.correlation_data:
                properties.CorrelationData = publication.correlation_data
            if publication.properties:
                properties.UserProperty = list(publication.properties.items())
        info = self._opened().publish(
            publication.topic, publication.payload, publication.qos, publication.retain, properties
        )
        return Sent(info.mid, info)

    def acknowledge(self, packet: Packet) -> None:
        """Tell the broker that a message is dealt with, unless it came over another connection."""
        if packet.connection == self.number and not self.lost.is_set():
            self._opened().ack(packet.packet_id, 1)

    def is_accepted(self) -> bool:
        """Return whether the broker took the connection and it was not lost since."""
        return self._accepted and not self.lost.is_set()

    def is_healthy(self) -> bool:
        """Return whether the connection stands and its network thread lives.

        paho's own `is_connected` stays true when its thread has died of an exception.
        """
        thread = self._client._thread if self._client else None  # noqa: SLF001 - there is no public way to ask
        return not self.lost.is_set() and thread is not None and thread.is_alive()

    def alive_s(self) -> float:
        """Return when the network thread was last seen at work, in monotonic seconds; 0: it was not yet."""
        return self._client.alive_s if self._client else 0.0

    def close(self) -> None:
        """Say DISCONNECT (the will is not sent) and stop the network thread."""
        if self._client is not None:
            self._client.disconnect()
            self._client.loop_stop()
            self._client = None

    def _reach(self, address: Address) -> str:
        """Connect to one address; return why it failed, or ''."""
        reason = ""
        for protocol in _PROTOCOLS[self._settings.protocol]:
            reason = self._try(address, protocol)
            if not reason:
                return ""
            self.close()
            if self._refusal not in {None, UNSUPPORTED_PROTOCOL}:
                break
        return reason

    def _try(self, address: Address, protocol: Any) -> str:
        """Connect with one protocol version; return why it failed, or ''."""
        self._answered.clear()
        self._accepted = False
        self.lost.clear()
        self._refusal = None
        self._client = self._build(protocol)
        try:
            self._client.connect(address.host, address.port, **self._connect_options(protocol))
        except (OSError, ValueError, IndexError) as error:  # the last from paho, for a strange answer of a websocket
            return explain(error, encrypted=self._settings.tls.enabled)
        try:
            self._client.loop_start()
        except RuntimeError as error:
            self._client = None  # paho would join a thread that never started
            raise BrokerUnreachableError(str(NoThreadError())) from error
        if not self._answered.wait(CONNECT_TIMEOUT_S):
            return "it did not answer as an MQTT broker does"
        return self.end.reason if self.lost.is_set() else ""

    def _build(self, protocol: Any) -> _Client:
        client = _Client(
            CallbackAPIVersion.VERSION2,
            self._client_id,
            clean_session=self._clean if protocol == paho.MQTTv311 else None,
            protocol=protocol,
            transport=self._settings.transport,
            reconnect_on_failure=False,
            manual_ack=True,
        )
        client.connect_timeout = CONNECT_TIMEOUT_S
        client.ws_set_options(self._settings.websocket_path)
        context = tls_context(self._settings.tls)
        if context is not None:
            client.tls_set_context(context)
        if self._settings.username:
            client.username_pw_set(self._settings.username, self._settings.password.get_secret_value() or None)
        if self._will is not None:
            client.will_set(self._will.topic, self._will.payload, self._will.qos, self._will.retain)
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_message
        client.on_publish = self._on_publish
        client.on_subscribe = self._on_subscribe
        return client

    def _connect_options(self, protocol: Any) -> dict[str, Any]:
        options: dict[str, Any] = {"keepalive": self._settings.keepalive_s}
        if protocol == paho.MQTTv5:
            properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
            properties.ReceiveMaximum = self._settings.receive_maximum
            if not self._clean:
                properties.SessionExpiryInterval = self._settings.session_expiry_s
            options |= {"clean_start": self._clean, "properties": properties}
        return options

    def _opened(self) -> _Client:
        if self._client is None:
            message = "the connection is not open"
            raise BrokerUnreachableError(message)
        return self._client

    def _is_mqtt5(self) -> bool:
        return self._client is not None and self._client.protocol == paho.MQTTv5

    def _on_connect(self, _client: Any, _data: Any, flags: Any, reason: Any, properties: Any) -> None:
        if reason.is_failure:
            self._refusal = reason.value
            self._on_lost(Lost(reason_of_refusal(reason.value)))
        else:
            self._accepted = True
            self.session_present = flags.session_present
            self.largest_packet_bytes = getattr(properties, "MaximumPacketSize", None)
        self._answered.set()

    def _on_disconnect(self, _client: Any, _data: Any, flags: Any, reason: Any, _properties: Any) -> None:
        said = flags.is_disconnect_packet_from_server
        text = reason_of_end(reason.value, said=said) if said or self._accepted else CLOSED_AT_ONCE
        self._on_lost(Lost(text, taken_over=reason.value == SESSION_TAKEN_OVER))
        self._answered.set()

    def _on_lost(self, end: Lost) -> None:
        if not self.lost.is_set():
            self.end = end
            self.lost.set()

    def _on_message(self, _client: Any, _data: Any, received: paho.MQTTMessage) -> None:
        packet = Packet(self.number, received.mid) if received.qos else None
        try:
            message = _message(received, packet)
        except UnicodeDecodeError:
            self._events.undecodable("topic_encoding")
            self._acknowledge_unread(packet)
            return
        try:
            self._events.message(message)
        except Exception:  # an exception here would end paho's thread while the connection looks alive
            log.exception("a message could not be taken in")
            self._events.undecodable("internal_error")
            self._acknowledge_unread(packet)

    def _acknowledge_unread(self, packet: Packet | None) -> None:
        if packet is not None:
            self.acknowledge(packet)

    def _on_publish(self, _client: Any, _data: Any, packet_id: int, reason: Any, _properties: Any) -> None:
        self.unheard += reason.value == NO_SUBSCRIBERS
        self._events.published(packet_id, reason.is_failure)

    def _on_subscribe(self, _client: Any, _data: Any, _mid: int, reasons: Any, _properties: Any) -> None:
        """Use the answers to a SUBSCRIBE, which come in the order of what was asked."""
        asked = self._asked.popleft()
        refused = [each for each, reason in zip(asked, reasons, strict=False) if reason.is_failure]
        self.refused = (*(each for each in self.refused if each not in asked), *refused)
        self._events.subscribed(self.refused)


def _message(received: paho.MQTTMessage, packet: Packet | None) -> Message:
    """Return paho's message as ours; raise UnicodeDecodeError where its topic is no UTF-8."""
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
