"""The unconfirmed publications: kept over a lost connection, but dropped when they are too old.

What was in flight when a connection ended may have ended it: it is sent again one message at a time, see suspects.py.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

from edge_agent.mqtt.suspects import PROMPT_S, UNPROVEN_S, Suspects

if TYPE_CHECKING:
    from collections.abc import Callable

    from edge_agent.domain import Packet, Publication


@dataclass(frozen=True, slots=True)
class OutboxLimits:
    """How much is kept, and for how long; a retained message is a state and never too old.

    A message of more than `largest_bytes` is not sent: a broker disconnects a client for it.
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

    @property
    def topic(self) -> str:
        return self.publication.topic

    @property
    def size_bytes(self) -> int:
        return packet_bytes(self.publication)


def packet_bytes(publication: Publication) -> int:
    """Return the maximum size of a publication as an MQTT packet, in bytes."""
    said = sum(len(name.encode()) + len(value.encode()) + 5 for name, value in publication.properties.items())
    return len(publication.payload) + len(publication.topic.encode()) + len(publication.correlation_data) + said + 32


class Outbox:
    """Publications of QoS 1 until their PUBACK; those of QoS 0 only while connected, and in their order.

    `transmit` passes one to the network and returns its packet, or None without a connection. Dropped publications (too
    old, too many or too large) are counted in `dropped` and returned.
    """

    def __init__(self, transmit: Callable[[Publication], Packet | None], limits: OutboxLimits) -> None:
        self._transmit = transmit
        self._limits = limits
        self._sent: dict[Packet, _Entry] = {}
        self._last_sent_s = 0.0
        self._waiting: deque[_Entry] = deque()
        """For the next connection."""
        self._queue: deque[_Entry] = deque()
        """For this connection, while messages are sent one at a time."""
        self._suspect: _Entry | None = None
        """The only message that can have ended the last connection."""
        self._denied: tuple[_Entry, float] | None = None
        """The message whose denial was the broker's last answer, and when that came."""
        self._is_proven = False
        """Whether the broker accepted something on this connection."""
        self._accepted_s: float | None = None
        """When the broker last accepted something; before that, the first connection."""
        self._payload_bytes = 0
        self._broker_bytes = limits.largest_bytes
        self._is_connected = False
        self._is_lost = False
        """The last connection was accepted and then ended; no attempt has failed since."""
        self.suspects = Suspects()
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._sent) + len(self._waiting) + len(self._queue)

    @property
    def largest_bytes(self) -> int:
        """The largest packet that the broker is known to accept: by the settings, its announcement, its refusals."""
        return min(self._broker_bytes, self.suspects.accepted_bytes or self._broker_bytes)

    def publish(self, publication: Publication, now: float) -> list[Publication]:
        """Send now, or keep until connected; return the publications that were dropped."""
        if not self._is_allowed(publication, now):
            self.dropped += 1
            return [publication]
        if publication.qos == 0 and not self._queue:
            self._transmit(publication)
            return []
        if publication.retain:
            self._remove_retained(publication.topic)
        dropped = self._make_room(len(publication.payload))
        self._payload_bytes += len(publication.payload)
        self._queue.append(_Entry(publication, now))
        self._send_queue(now)
        return dropped

    def confirm(self, packet: Packet, now: float, *, denied: bool = False) -> Publication | None:
        """Record the broker's answer to a packet; return its publication, or None if it is unknown.

        With `denied`, the broker answered that the topic is not allowed.
        """
        entry = self._sent.pop(packet, None)
        if entry is None:
            return None
        self._denied = (entry, now) if denied else None
        if not denied:
            self._is_proven, self._accepted_s = True, now
            self.suspects.on_accepted(entry.topic, entry.size_bytes)
        self._payload_bytes -= len(entry.publication.payload)
        self._send_queue(now)
        return entry.publication

    def on_connection_lost(self, now: float) -> None:
        """Record the end of a connection, or a failed attempt: then the broker was away, and no message is to blame."""
        self._is_lost = self._is_connected
        self._suspect = self._find_suspect(now) if self._is_connected else None
        self._is_connected = False
        self._denied = None

    def _find_suspect(self, now: float) -> _Entry | None:
        """Return the only message that can have ended the connection: just denied, or alone in flight.

        A message alone in flight is not blamed if nothing was accepted on this connection: the line may be bad.
        """
        if self._denied is not None and now - self._denied[1] <= PROMPT_S:
            return self._denied[0]
        is_prompt = self._is_line_good(now) and now - self._last_sent_s <= PROMPT_S
        return next(iter(self._sent.values())) if len(self._sent) == 1 and is_prompt else None

    def _is_line_good(self, now: float) -> bool:
        return self._is_proven or (self._accepted_s is not None and now - self._accepted_s > UNPROVEN_S)

    def on_connected(self, now: float, broker_takes_bytes: int | None = None) -> Publication | None:
        """Let everything unconfirmed wait for `resend`: what is published before that goes first.

        Return the message that is blocked, because it ended the connection repeatedly.
        """
        blocked = self._blame(now)
        self._is_connected, self._is_proven = True, False
        self._accepted_s = now if self._accepted_s is None else self._accepted_s
        self._broker_bytes = min(self._limits.largest_bytes, broker_takes_bytes or self._limits.largest_bytes)
        entries = [*self._sent.values(), *self._waiting, *self._queue]
        self._payload_bytes -= sum(len(each.publication.payload) for each in entries if each.publication.qos == 0)
        entries = [each for each in entries if each.publication.qos]
        self._waiting = deque(sorted(entries, key=lambda entry: entry.since_s))
        self._sent.clear()
        self._queue.clear()
        return blocked

    def _blame(self, now: float) -> Publication | None:
        """Count the end of the last connection against its suspect; drop and return it if it is blocked from now on."""
        entry, self._suspect = self._suspect, None
        if entry is None and self._is_lost:
            self.suspects.on_shared_loss(each.topic for each in self._sent.values())
        if entry is None or not self.suspects.on_loss(entry.topic, entry.size_bytes, now):
            return None
        for packet in [packet for packet, sent in self._sent.items() if sent is entry]:
            del self._sent[packet]
            self._drop(entry)
        return entry.publication

    def resend(self, now: float) -> list[Publication]:
        """Send the waiting publications over the new connection, in order; return the dropped ones."""
        entries = list(self._waiting)
        self._waiting.clear()
        dropped: list[Publication] = []
        for entry in entries:
            if entry.is_stale(now, self._limits.age_s) or not self._is_allowed(entry.publication, now):
                dropped.append(self._drop(entry))
            else:
                self._queue.append(entry)
        self._send_queue(now)
        return dropped

    def _is_allowed(self, publication: Publication, now: float) -> bool:
        size_bytes = packet_bytes(publication)
        return size_bytes <= self._broker_bytes and not self.suspects.is_blocked(publication.topic, size_bytes, now)

    def _send_queue(self, now: float) -> None:
        """Send what is queued: all of it, or one message at a time while one of them is a suspect."""
        while self._queue and not (self._sent and self._has_suspects()):
            entry = self._queue.popleft()
            packet = self._transmit(entry.publication)
            if entry.publication.qos == 0:
                self._payload_bytes -= len(entry.publication.payload)
            elif packet is None:
                self._waiting.append(entry)
            else:
                self._sent[packet] = entry
                self._last_sent_s = now

    def _has_suspects(self) -> bool:
        return self.suspects.are_among(each.topic for each in chain(self._sent.values(), self._queue))

    def _remove_retained(self, topic: str) -> None:
        """Replace an unsent value of a retained topic by the newer one."""
        for kept in (self._waiting, self._queue):
            for entry in [entry for entry in kept if entry.topic == topic]:
                kept.remove(entry)
                self._payload_bytes -= len(entry.publication.payload)

    def _make_room(self, payload_bytes: int) -> list[Publication]:
        """Drop the oldest publications until one more fits."""
        dropped: list[Publication] = []
        while len(self) and (
            len(self) >= self._limits.messages or self._payload_bytes + payload_bytes > self._limits.payload_bytes
        ):
            dropped.append(self._drop(self._take_oldest()))
        return dropped

    def _take_oldest(self) -> _Entry:
        packet = next(iter(self._sent), None)
        if packet is None or (self._waiting and self._waiting[0].since_s < self._sent[packet].since_s):
            return (self._waiting or self._queue).popleft()
        return self._sent.pop(packet)

    def _drop(self, entry: _Entry) -> Publication:
        self.dropped += 1
        self._payload_bytes -= len(entry.publication.payload)
        return entry.publication
