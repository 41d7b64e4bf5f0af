"""Publishes: keeps each message until the broker confirms it, then acknowledges the press that it answers."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from edge_agent.domain import Packet, Publication
    from edge_agent.mqtt.link import Link
    from edge_agent.mqtt.outbox import Outbox
    from edge_agent.mqtt.pending_acks import PendingAcks
    from edge_agent.mqtt.suspects import Blocked

log = logging.getLogger(__name__)


class Publisher:
    """Publishes the agent's messages; a press is acknowledged once the broker has its answer.

    `observe` gets every publication, with the time.
    """

    def __init__(
        self, link: Link, outbox: Outbox, ledger: PendingAcks, observe: Callable[[Publication, float], None]
    ) -> None:
        self._observe = observe
        self._link = link
        self._outbox = outbox
        self._pending = ledger

    @property
    def waiting(self) -> int:
        """Return the number of unconfirmed messages."""
        return len(self._outbox)

    @property
    def dropped(self) -> int:
        """Return the number of messages that were too old or too large to send."""
        return self._outbox.dropped

    @property
    def largest_bytes(self) -> int:
        """The largest packet that the broker is known to accept."""
        return self._outbox.largest_bytes

    def blocked(self, now: float) -> tuple[Blocked, ...]:
        """Return the messages that the broker repeatedly ended the connection for."""
        return self._outbox.suspects.blocked(now)

    def publish(self, publication: Publication, now: float) -> None:
        """Publish a message."""
        self._observe(publication, now)
        self._discard_pending(self._outbox.publish(publication, now))

    def publish_all(self, publications: Iterable[Publication]) -> None:
        """Publish messages in order."""
        now = time.monotonic()
        for publication in publications:
            self.publish(publication, now)

    def on_connected(self, number: int, now: float, broker_takes_bytes: int | None) -> None:
        """Use a new connection, whose broker accepts packets of this size; unconfirmed messages wait for `resend`.

        A message that ended the connection repeatedly is dropped.
        """
        blocked = self._outbox.on_connected(now, broker_takes_bytes)
        if blocked is not None:
            log.error(
                "the broker ended the connection repeatedly on a message of %.0f kB to %s; it is not sent again",
                len(blocked.payload) / 1000,
                blocked.topic,
            )
            self._discard_pending([blocked])
        self._link.begin(number)

    def resend(self, now: float) -> None:
        """Send the unconfirmed messages over the new connection."""
        self._discard_pending(self._outbox.resend(now))

    def on_connection_lost(self, now: float) -> None:
        """Record the end of a connection, or a failed attempt."""
        self._outbox.on_connection_lost(now)

    def confirm(self, packet: Packet, *, denied: bool = False) -> Publication | None:
        """Record the broker's answer; acknowledge the press that the message answers; return the message."""
        publication = self._outbox.confirm(packet, time.monotonic(), denied=denied)
        if publication is not None and publication.key:
            for each in self._pending.complete(publication.key):
                self._link.acknowledge(each)
        return publication

    def release(self, key: str) -> None:
        """Acknowledge the messages of `key` before it is answered: they would survive a restart."""
        for each in self._pending.release(key):
            self._link.acknowledge(each)

    def acknowledge(self, packet: Packet | None) -> None:
        """Acknowledge a message."""
        if packet is not None:
            self._link.acknowledge(packet)

    def _discard_pending(self, dropped: list[Publication]) -> None:
        """Remove the key of a dropped answer, so that its message is processed again when the broker redelivers it."""
        for publication in dropped:
            log.warning("dropped a message to %s: too old, or not accepted by the broker", publication.topic)
            self._pending.discard(publication.key)
