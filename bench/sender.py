"""Publishes over MQTT 5 at minimal cost, to keep the load generator out of the measurement (MQTT 5.0, section 3)."""

from __future__ import annotations

import itertools
import socket
import struct
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from collections.abc import Mapping

CONNECT: Final = b"\x10\x0d\x00\x04MQTT\x05\x02\x00\x00\x00\x00\x00"
"""Version 5, clean start, no keep-alive, no properties, and a client id assigned by the broker."""
CONNACK: Final = 0x20
PUBLISH: Final = 0x30
RESPONSE_TOPIC: Final = b"\x08"
USER_PROPERTY: Final = b"\x26"
WAIT_S: Final = 10.0


class Sender:
    """A connection that only publishes; acknowledgements are left unread."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._packet_ids = itertools.cycle(range(1, 1 << 16))

    def __enter__(self) -> Self:
        """Connect."""
        self._socket = socket.create_connection(("127.0.0.1", self._port), WAIT_S)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.sendall(CONNECT)
        if self._socket.recv(256)[0] != CONNACK:
            message = "the broker does not respond"
            raise ConnectionError(message)
        return self

    def __exit__(self, *_: object) -> None:
        """Leave."""
        self._socket.close()

    def publish(
        self, topic: str, payload: bytes, user: Mapping[str, str], qos: int = 0, response_topic: str = ""
    ) -> None:
        """Publish, and return when the system has the data."""
        properties = b"".join(USER_PROPERTY + _text(name) + _text(value) for name, value in user.items())
        if response_topic:
            properties += RESPONSE_TOPIC + _text(response_topic)
        packet_id = struct.pack("!H", next(self._packet_ids)) if qos else b""
        head = _text(topic) + packet_id + _varint(len(properties)) + properties
        packet = bytes((PUBLISH | qos << 1,)) + _varint(len(head) + len(payload)) + head
        self._socket.sendall(packet, socket.MSG_MORE if payload else 0)  # the system waits for more than the header
        self._socket.sendall(payload)


def _text(text: str) -> bytes:
    data = text.encode()
    return struct.pack("!H", len(data)) + data


def _varint(value: int) -> bytes:
    """Return a variable byte integer (section 1.5.5)."""
    data = bytearray()
    while value > 0x7F:  # noqa: PLR2004 - seven bits a byte
        data.append(value & 0x7F | 0x80)
        value >>= 7
    data.append(value)
    return bytes(data)
