"""What the broker has not confirmed yet: kept over a lost connection, but never sent as news when it is old."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from edge_agent.domain import Packet, Publication


@dataclass(frozen=True, slots=True)
class OutboxLimits:
    """How much is kept, and for how long; a retained message says what is, and is never too old.

    A message of more than `largest_bytes` is not sent at all: a broker disconnects a client for it.
    """

    messages: int = 1000
    payload_bytes: int = 32_000_000
    age_s: float = 600.0
    largest_bytes: int = 1_900_000


@dataclass(frozen=True, slots=True, eq=False)
class _Entry:
    publication: Publication
    since_s: float

    def is_stale(self, now: float, age_s: float) -> bool:
        lifetime_s = self.publication.lifetime_s
        limit_s = age_s if lifetime_s is None else min(age_s, lifetime_s)
        return not self.publication.retain and now - self.since_s > limit_s


def packet_bytes(publication: Publication) -> int:
    """Return the most that a publication can have as a packet of MQTT."""
    said = sum(len(name.encode()) + len(value.encode()) + 5 for name, value in publication.properties.items())
    return len(publication.payload) + len(publication.topic.encode()) + len(publication.correlation_data) + said + 32


class Outbox:
    """Publications of QoS 1 until their PUBACK, those of QoS 0 only while there is a connection.

    `transmit` hands one to the network and returns its packet, or None without a connection. What is dropped,
    because it is too old, too much or too large, is counted in `dropped` and returned.
    """

    def __init__(self, transmit: Callable[[Publication], Packet | None], limits: OutboxLimits) -> None:
        self._transmit = transmit
        self._limits = limits
        self._sent: dict[Packet, _Entry] = {}
        self._waiting: deque[_Entry] = deque()
        self._payload_bytes = 0
        self._largest_bytes = limits.largest_bytes
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._sent) + len(self._waiting)

    def publish(self, publication: Publication, now: float) -> list[Publication]:
        """Send now, or keep until there is a connection; return what was dropped for it."""
        if packet_bytes(publication) > self._largest_bytes:
            self.dropped += 1
            return [publication]
        if publication.qos == 0:
            self._transmit(publication)
            return []
        if publication.retain:
            self._remove_retained(publication.topic)
        dropped = self._make_room(len(publication.payload))
        self._payload_bytes += len(publication.payload)
        self._send(_Entry(publication, now))
        return dropped

    def confirm(self, packet: Packet) -> Publication | None:
        """Note that the broker has a packet; return what it held, or None where nothing waits for that."""
        entry = self._sent.pop(packet, None)
        if entry is None:
            return None
        self._payload_bytes -= len(entry.publication.payload)
        return entry.publication

    def take_back(self, broker_takes_bytes: int | None = None) -> list[Publication]:
        """Let what no broker has confirmed wait for the new connection, in the old order; return what was dropped."""
        self._largest_bytes = min(self._limits.largest_bytes, broker_takes_bytes or self._limits.largest_bytes)
        entries = sorted([*self._sent.values(), *self._waiting], key=lambda entry: entry.since_s)
        self._sent.clear()
        self._waiting.clear()
        dropped: list[Publication] = []
        for entry in entries:
            if packet_bytes(entry.publication) > self._largest_bytes:
                dropped.append(self._drop(entry))
            else:
                self._waiting.append(entry)
        return dropped

    def flush(self, now: float) -> list[Publication]:
        """Send what waits, in its order; return what was dropped because it is too old."""
        waiting, self._waiting = self._waiting, deque()
        dropped: list[Publication] = []
        for entry in waiting:
            if entry.is_stale(now, self._limits.age_s):
                dropped.append(self._drop(entry))
            else:
                self._send(entry)
        return dropped

    def _send(self, entry: _Entry) -> None:
        packet = self._transmit(entry.publication)
        if packet is None:
            self._waiting.append(entry)
        else:
            self._sent[packet] = entry

    def _remove_retained(self, topic: str) -> None:
        """Let the newer value of a retained topic take the place of one that still waits."""
        for entry in [entry for entry in self._waiting if entry.publication.topic == topic]:
            self._waiting.remove(entry)
            self._payload_bytes -= len(entry.publication.payload)

    def _make_room(self, payload_bytes: int) -> list[Publication]:
        """Drop the oldest until one more fits."""
        dropped: list[Publication] = []
        while len(self) and (
            len(self) >= self._limits.messages or self._payload_bytes + payload_bytes > self._limits.payload_bytes
        ):
            entry = self._sent.pop(next(iter(self._sent))) if self._sent else self._waiting.popleft()
            dropped.append(self._drop(entry))
        return dropped

    def _drop(self, entry: _Entry) -> Publication:
        self.dropped += 1
        self._payload_bytes -= len(entry.publication.payload)
        return entry.publication
