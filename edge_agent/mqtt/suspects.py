"""Which message a broker ends the connection for: found by sending the suspects alone. Pure; time is an argument.

A broker may close the connection because of one message: it is too large for a limit that the broker does not announce,
or its topic is denied. The broker does not say which, and its last answers may be lost with the connection. So what was
in flight is sent again one message at a time; the one that ends a connection that works is blocked.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

LARGE_BYTES: Final = 10_000
"""From this size on, the size is the likely cause; below it, the topic is."""
LARGE_LOSSES: Final = 2
SMALL_LOSSES: Final = 3
"""A small message may be a ring: one more loss, so that a bad network does not cost it."""
PROMPT_S: Final = 2.0
"""If the connection ends later after a message was sent alone, the message is not the cause."""
UNPROVEN_S: Final = 60.0
"""After that long without any accepted message, a connection on which nothing was accepted counts, too."""
BLOCKED_S: Final = 600.0
"""Time until a blocked topic is tried again."""


@dataclass(frozen=True, slots=True)
class Blocked:
    """A message that ended the connection repeatedly."""

    topic: str
    size_bytes: int

    @property
    def is_large(self) -> bool:
        """Whether the size is the likely cause, not the topic."""
        return self.size_bytes >= LARGE_BYTES


class Suspects:
    """Topics whose messages may end the connection, and what is blocked because of it."""

    def __init__(self) -> None:
        self._losses: dict[str, int] = {}
        self._blocked: dict[str, tuple[Blocked, float]] = {}
        self.accepted_bytes: int | None = None
        """Half of the smallest size that ended a connection: pictures of this size are tried. None: unknown."""

    def are_among(self, topics: Iterable[str]) -> bool:
        """Return whether one of the topics is suspected: then messages are sent one at a time."""
        return bool(self._losses) and any(topic in self._losses for topic in topics)

    def blocked(self, now: float) -> tuple[Blocked, ...]:
        """Return the topics that are blocked, and the sizes."""
        return tuple(blocked for blocked, until_s in self._blocked.values() if blocked.is_large or now < until_s)

    def is_blocked(self, topic: str, size_bytes: int, now: float) -> bool:
        """Return whether a message must not be sent."""
        if any(blocked.is_large and size_bytes >= blocked.size_bytes for blocked, _ in self._blocked.values()):
            return True
        blocked, until_s = self._blocked.get(topic, (None, now))
        return blocked is not None and not blocked.is_large and now < until_s

    def on_shared_loss(self, topics: Iterable[str]) -> None:
        """Record that the connection ended with several messages in flight: one of them may be the cause."""
        for topic in topics:
            self._losses.setdefault(topic, 1)

    def on_loss(self, topic: str, size_bytes: int, now: float) -> bool:
        """Record that the connection ended because of this message or alone with it; return whether it is blocked."""
        blocked, losses = Blocked(topic, size_bytes), self._losses.get(topic, 0) + 1
        if losses < _limit(size_bytes):
            self._losses[topic] = losses
            return False
        self._losses.pop(topic, None)
        self._blocked[topic] = (blocked, now + BLOCKED_S)
        if blocked.is_large:
            self.accepted_bytes = min(size_bytes // 2, self.accepted_bytes or size_bytes)
        return True

    def on_accepted(self, topic: str, size_bytes: int) -> None:
        """Record that the broker accepted a message."""
        self._losses.pop(topic, None)
        blocked, _ = self._blocked.get(topic, (None, 0.0))
        if blocked is not None and (not blocked.is_large or size_bytes >= blocked.size_bytes):
            del self._blocked[topic]


def _limit(size_bytes: int) -> int:
    """Return the number of losses that block a message."""
    return LARGE_LOSSES if size_bytes >= LARGE_BYTES else SMALL_LOSSES
