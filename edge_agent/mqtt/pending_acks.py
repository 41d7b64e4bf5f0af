"""Which press messages are not acknowledged yet, and which are completed."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from edge_agent.domain import Packet

COMPLETED_KEPT: Final = 10_000
"""Number of completed keys that are remembered: a redelivery follows its message within minutes."""


class PendingAcks:
    """A message is acknowledged when the broker has its answer; a redelivered one gets no second answer."""

    def __init__(self) -> None:
        self._pending: dict[str, list[Packet]] = {}
        self._settled: OrderedDict[str, None] = OrderedDict()

    def add(self, key: str, packet: Packet | None) -> None:
        """Record that `packet` is acknowledged once `key` is answered; it may be another packet of a known key."""
        packets = self._pending.setdefault(key, [])
        if packet is not None:
            packets.append(packet)

    def is_pending(self, key: str) -> bool:
        """Return whether `key` is in progress."""
        return key in self._pending

    def is_completed(self, key: str) -> bool:
        """Return whether the broker has the answer to `key`."""
        return key in self._settled

    def complete(self, key: str) -> list[Packet]:
        """Record that the broker has the answer; return the packets to acknowledge."""
        self._settled[key] = None
        self._settled.move_to_end(key)
        while len(self._settled) > COMPLETED_KEPT:
            self._settled.popitem(last=False)
        return self._pending.pop(key, [])

    def release(self, key: str) -> list[Packet]:
        """Return what may be acknowledged though `key` is not answered yet: a restart will not lose it."""
        packets = self._pending.get(key, [])
        if packets:
            self._pending[key] = []
        return packets

    def discard(self, key: str) -> None:
        """Remove a key whose answer will never be sent: if its message is redelivered, it is new."""
        self._pending.pop(key, None)

    def __len__(self) -> int:
        return len(self._pending)
