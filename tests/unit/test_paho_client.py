"""paho's client without the copies of its decoder: it delivers what paho itself delivers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.exception import MalformedPacket
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from edge_agent.mqtt.paho_client import PahoClient, head_length

if TYPE_CHECKING:
    from collections.abc import Mapping

Delivered = tuple[Any, ...]
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\ufeff"), max_size=200)
KEYS = ("UserProperty", "ResponseTopic", "CorrelationData", "ContentType", "MessageExpiryInterval", "TopicAlias")
QOS_1 = 2
RETAINED = 1
DUPLICATE = 8


def delivered(client_class: type[paho.Client], protocol: Any, flags: int, packet: bytes) -> list[Delivered] | str:
    """Return the messages that a client delivers for one PUBLISH packet, or the name of its exception."""
    client = client_class(CallbackAPIVersion.VERSION2, protocol=protocol, manual_ack=True)
    found: list[Delivered] = []
    client.on_message = lambda _client, _data, message: found.append(_values(message))
    try:
        _receive(client, flags, packet)
    except Exception as error:  # noqa: BLE001 - compared, whatever it is
        return type(error).__name__
    return found


def _values(message: paho.MQTTMessage) -> Delivered:
    properties = {key: getattr(message.properties, key, None) for key in KEYS}
    topic = bytes(message._topic)  # noqa: SLF001 - `topic` raises if it is not UTF-8
    return topic, bytes(message.payload), message.qos, message.retain, message.dup, message.mid, properties


def head(topic: str, properties: Mapping[str, Any] | None, *, packet_id: int = 0) -> bytes:
    """Return a PUBLISH packet up to its payload; without properties it is one of MQTT 3.1.1."""
    name = topic.encode()
    data = len(name).to_bytes(2, "big") + name + (packet_id.to_bytes(2, "big") if packet_id else b"")
    if properties is None:
        return data
    packed = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
    for key, value in properties.items():
        setattr(packed, key, value)
    return data + bytes(packed.pack())  # type: ignore[no-untyped-call]


@given(
    topic=TEXTS.filter(bool),
    properties=st.none()
    | st.fixed_dictionaries(
        {},
        optional={
            "UserProperty": st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=4),
            "ResponseTopic": TEXTS,
            "CorrelationData": st.binary(max_size=300),
        },
    ),
    payload=st.binary(max_size=100),
    packet_id=st.integers(0, 0xFFFF),
    flags=st.sampled_from((0, RETAINED)),
)
def test_messages_arrive_as_paho_delivers_them(
    topic: str, properties: dict[str, Any] | None, payload: bytes, packet_id: int, flags: int
) -> None:
    protocol = paho.MQTTv311 if properties is None else paho.MQTTv5
    flags |= QOS_1 | DUPLICATE if packet_id else 0
    start = head(topic, properties, packet_id=packet_id)
    assert head_length(start + payload, has_packet_id=bool(packet_id), is_mqtt5=properties is not None) == len(start)
    ours = delivered(PahoClient, protocol, flags, start + payload)
    assert ours == delivered(paho.Client, protocol, flags, start + payload)
    assert ours[0][1] == payload


@given(
    user=st.lists(st.tuples(TEXTS, TEXTS), max_size=3),
    payload=st.binary(max_size=20),
    place=st.floats(0, 1, exclude_max=True),
    byte=st.integers(0, 255) | st.none(),
    flags=st.integers(0, 15),
)
def test_a_malformed_packet_is_refused_or_delivered_as_with_paho(
    user: list[tuple[str, str]], payload: bytes, place: float, byte: int | None, flags: int
) -> None:
    """One byte is another one, or the packet ends there."""
    whole = head("a/b", {"UserProperty": user} if user else {}, packet_id=1 if flags & 6 else 0) + payload
    at = int(place * len(whole))
    packet = whole[:at] if byte is None else whole[:at] + bytes((byte,)) + whole[at + 1 :]
    ours, theirs = (delivered(each, paho.MQTTv5, flags, packet) for each in (PahoClient, paho.Client))
    assert ours in (theirs, "MalformedPacket")


def test_a_property_that_reaches_into_the_payload_is_malformed() -> None:
    """Its length is one byte, the identifier of a property that has another one. paho takes that from the payload."""
    packet = b"\0\1a" + b"\x01\x01" + b"\x01payload"
    assert delivered(PahoClient, paho.MQTTv5, 0, packet) == "MalformedPacket"


def test_a_message_never_gets_the_payload_of_a_malformed_one_before() -> None:
    found: list[bytes] = []
    client = PahoClient(CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5, manual_ack=True)
    client.on_message = lambda _client, _data, message: found.append(bytes(message.payload))
    start = head("doorbell/front/frame", {})
    with pytest.raises(MalformedPacket):
        _receive(client, QOS_1 | RETAINED, start[:-1] + b"\x02\x01")
    message = paho.MQTTMessage(1, b"doorbell/front/frame")
    message.payload = b"of QoS 2"
    client._handle_on_message(message)  # noqa: SLF001 - what its thread calls then
    _receive(client, 0, start + b"next")
    assert found == [b"of QoS 2", b"next"]


def _receive(client: paho.Client, flags: int, packet: bytes) -> None:
    client._in_packet |= {"command": 0x30 | flags, "packet": bytearray(packet)}  # noqa: SLF001 - what its thread has read
    client._handle_publish()  # noqa: SLF001 - what its thread calls then
