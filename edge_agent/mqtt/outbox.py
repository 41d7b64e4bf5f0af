"""What the broker has not confirmed yet: kept over a lost connection, but never sent as news when it is old."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from edge_agent.model import Packet, Publication

MOST_KEPT: Final = 1000


@dataclass(frozen=True, slots=True, eq=False)
class _Entry:
    publication: Publication
    since_s: float

    def is_stale(self, now: float) -> bool:
        lifetime_s = self.publication.lifetime_s
        return lifetime_s is not None and now - self.since_s > lifetime_s


class Outbox:
    """Publications of QoS 1 until their PUBACK, those of QoS 0 only while there is a connection.

    `transmit` hands one to the network and returns its packet, or None without a connection.
    """

    def __init__(self, transmit: Callable[[Publication], Packet | None], most: int = MOST_KEPT) -> None:
        self._transmit = transmit
        self._most = most
        self._sent: dict[Packet, _Entry] = {}
        self._waiting: deque[_Entry] = deque()
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._sent) + len(self._waiting)

    def publish(self, publication: Publication, now: float) -> None:
        """Send now, or keep until there is a connection."""
        if publication.qos == 0:
            self._transmit(publication)
            return
        if publication.retain:
            self._forget_retained(publication.topic)
        if len(self) >= self._most:
            self._drop_oldest()
        self._send(_Entry(publication, now))

    def confirm(self, packet: Packet) -> Publication | None:
        """Note that the broker has a packet; return what it held, or None where nothing waits for that."""
        entry = self._sent.pop(packet, None)
        return entry.publication if entry else None

    def resend(self, now: float) -> None:
        """Send what no broker has confirmed over the new connection, in the old order, less what is old news."""
        entries = sorted([*self._sent.values(), *self._waiting], key=lambda entry: entry.since_s)
        self._sent.clear()
        self._waiting.clear()
        for entry in entries:
            if entry.is_stale(now):
                self.dropped += 1
            else:
                self._send(entry)

    def _send(self, entry: _Entry) -> None:
        packet = self._transmit(entry.publication)
        if packet is None:
            self._waiting.append(entry)
        else:
            self._sent[packet] = entry

    def _forget_retained(self, topic: str) -> None:
        """Let the newer value of a retained topic take the place of one that still waits."""
        self._waiting = deque(entry for entry in self._waiting if entry.publication.topic != topic)

    def _drop_oldest(self) -> None:
        self.dropped += 1
        if self._waiting:
            self._waiting.popleft()
        else:
            del self._sent[next(iter(self._sent))]
