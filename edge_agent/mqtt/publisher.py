"""What goes to the broker: published, kept until the broker has it, and acknowledged in return."""

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
    """The agent's way to the broker: what it owes is settled once the broker has the answer.

    `heard` is told of everything that is published, with the time.
    """

    def __init__(
        self, link: Link, outbox: Outbox, ledger: PendingAcks, heard: Callable[[Publication, float], None]
    ) -> None:
        self._observe = heard
        self._link = link
        self._outbox = outbox
        self._pending = ledger

    @property
    def waiting(self) -> int:
        """Return how many messages the broker does not have yet."""
        return len(self._outbox)

    @property
    def dropped(self) -> int:
        """Return how many messages were too old or too large to be sent."""
        return self._outbox.dropped

    def publish(self, publication: Publication, now: float) -> None:
        """Publish a message."""
        self._observe(publication, now)
        self._discard_pending(self._outbox.publish(publication, now))

    def publish_all(self, publications: Iterable[Publication]) -> None:
        """Publish messages in their order."""
        now = time.monotonic()
        for publication in publications:
            self.publish(publication, now)

    def on_connected(self, broker_takes_bytes: int | None) -> None:
        """Take back what the last connection has not confirmed; say how large a packet the new broker takes."""
        self._discard_pending(self._outbox.take_back(broker_takes_bytes))

    def flush(self, now: float) -> None:
        """Send what waits for the connection."""
        self._discard_pending(self._outbox.flush(now))

    def confirm(self, packet: Packet) -> Publication | None:
        """Note that the broker has a message; acknowledge what it answers; return it, or None if it is unknown."""
        publication = self._outbox.confirm(packet)
        if publication is not None and publication.key:
            for each in self._pending.complete(publication.key):
                self._link.acknowledge(each)
        return publication

    def release(self, key: str) -> None:
        """Acknowledge what belongs to `key` before it is answered: it would survive a restart."""
        for each in self._pending.release(key):
            self._link.acknowledge(each)

    def acknowledge(self, packet: Packet | None) -> None:
        """Tell the broker that a message is dealt with."""
        if packet is not None:
            self._link.acknowledge(packet)

    def _discard_pending(self, dropped: list[Publication]) -> None:
        """Forget what a dropped answer was for, so that it is looked at anew when the broker delivers it again."""
        for publication in dropped:
            log.warning("dropped what could not be sent to %s: too old, or too large for the broker", publication.topic)
            self._pending.discard(publication.key)
