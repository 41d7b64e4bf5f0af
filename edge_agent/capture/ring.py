"""The last seconds of a camera, still compressed. Pure: bounded in seconds and bytes; the caller holds a lock."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edge_agent.capture.camera import Item


class Ring:
    """The items of the last `keep_s`, and back to the key frame that the oldest of them needs.

    Above `max_bytes` the oldest group goes first. A group that is too large by itself is dropped, and its rest skipped:
    the next key frame begins a new one.
    """

    def __init__(self, keep_s: float, max_bytes: int) -> None:
        self._keep_s = keep_s
        self._max_bytes = max_bytes
        self._groups: deque[list[Item]] = deque()
        self.size = 0

    def add(self, item: Item) -> None:
        """Add the newest item."""
        if item.is_key:
            self._groups.append([])
        elif not self._groups:
            return
        self._groups[-1].append(item)
        self.size += item.size
        self._drop_old(item.taken_s)
        while self.size > self._max_bytes and len(self._groups) > 1:
            self._drop_first()
        if self.size > self._max_bytes:
            self._drop_first()

    def clear(self) -> None:
        """Remove everything: what follows belongs to another connection."""
        self._groups.clear()
        self.size = 0

    def newest(self) -> Sequence[Item]:
        """Return the items to decode for the newest one; none if there is none."""
        return tuple(self._groups[-1]) if self._groups else ()

    def newest_key(self) -> Sequence[Item]:
        """Return the newest key frame alone: the cheapest picture."""
        return tuple(self._groups[-1][:1]) if self._groups else ()

    def before(self, at_s: float) -> Sequence[Item]:
        """Return the items to decode for the last one taken at or before a time, else for the oldest."""
        for group in reversed(self._groups):
            if group[0].taken_s <= at_s:
                return tuple(item for item in group if item.taken_s <= at_s)
        return tuple(self._groups[0][:1]) if self._groups else ()

    def _drop_old(self, now: float) -> None:
        """Drop a group if the next one reaches back far enough."""
        while len(self._groups) > 1 and self._groups[1][0].taken_s <= now - self._keep_s:
            self._drop_first()

    def _drop_first(self) -> None:
        self.size -= sum(item.size for item in self._groups.popleft())
