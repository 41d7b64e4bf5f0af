"""paho's client without the copies of its decoder: whatever a broker sends, it delivers what paho itself delivers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from edge_agent.mqtt.paho_client import PahoClient, head_length

if TYPE_CHECKING:
    from collections.abc import Mapping

Delivered = tuple[Any, ...]
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=200)
KEYS = ("UserProperty", "ResponseTopic", "CorrelationData", "ContentType", "MessageExpiryInterval", "TopicAlias")
QOS_1 = 2
RETAINED = 1
DUPLICATE = 8


def delivered(client_class: type[paho.Client], protocol: Any, flags: int, packet: bytes) -> list[Delivered] | str:
    """Return the messages that a client delivers for one PUBLISH packet, or the name of its exception."""
    client = client_class(CallbackAPIVersion.VERSION2, protocol=protocol, manual_ack=True)
    found: list[Delivered] = []
    client.on_message = lambda _client, _data, message: found.append(_values(message))
    client._in_packet |= {"command": 0x30 | flags, "packet": bytearray(packet)}  # noqa: SLF001 - the packet that its thread has read
    try:
        client._handle_publish()  # noqa: SLF001 - what its thread calls then
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


@given(packet=st.binary(max_size=60), flags=st.integers(0, 15), protocol=st.sampled_from((paho.MQTTv311, paho.MQTTv5)))
def test_malformed_packets_fail_as_with_paho(packet: bytes, flags: int, protocol: Any) -> None:
    ours, theirs = (delivered(each, protocol, flags, packet) for each in (PahoClient, paho.Client))
    assert ours == theirs


@pytest.mark.parametrize("cut", range(1, 12))
def test_a_packet_that_ends_within_its_head_delivers_nothing_of_an_earlier_one(cut: int) -> None:
    whole = head("doorbell/front/frame", {"UserProperty": [("frame_id", "1")]})
    assert delivered(PahoClient, paho.MQTTv5, 0, whole[:-cut]) == delivered(paho.Client, paho.MQTTv5, 0, whole[:-cut])
