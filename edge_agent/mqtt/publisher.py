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

    def publish(self, publication: Publication, now: float) -> None:
        """Publish a message."""
        self._observe(publication, now)
        self._discard_pending(self._outbox.publish(publication, now))

    def publish_all(self, publications: Iterable[Publication]) -> None:
        """Publish messages in order."""
        now = time.monotonic()
        for publication in publications:
            self.publish(publication, now)

    def resend(self, now: float, broker_takes_bytes: int | None) -> None:
        """Send the unconfirmed messages over a new connection; set the maximum packet size of its broker."""
        self._discard_pending(self._outbox.resend(now, broker_takes_bytes))

    def confirm(self, packet: Packet) -> str:
        """Record the broker's confirmation; acknowledge the press that the message answers; return its topic, or ''."""
        publication = self._outbox.confirm(packet)
        if publication is not None and publication.key:
            for each in self._pending.complete(publication.key):
                self._link.acknowledge(each)
        return publication.topic if publication else ""

    def acknowledge(self, packet: Packet | None) -> None:
        """Acknowledge a message."""
        if packet is not None:
            self._link.acknowledge(packet)

    def _discard_pending(self, dropped: list[Publication]) -> None:
        """Remove the key of a dropped answer, so that its message is processed again when the broker redelivers it."""
        for publication in dropped:
            log.warning("dropped a message to %s: too old, or too large for the broker", publication.topic)
            self._pending.discard(publication.key)
