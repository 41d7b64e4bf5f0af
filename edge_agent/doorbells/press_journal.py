"""The press journal: the open presses, and what was pressed and shown before, over restarts. Pure; time is an argument.

Times are monotonic seconds. They stay valid while the host runs; after a reboot they are converted by the wall clock.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from datetime import datetime
from typing import TYPE_CHECKING, Final, Generic, TypeVar

import msgspec

from edge_agent.doorbells.presses import Press

if TYPE_CHECKING:
    from collections.abc import Iterable

    from edge_agent.domain import Frame, Packet

VERSION: Final = 1
MOST_REMEMBERED: Final = 1000
"""As many packets, frames and pictures are remembered, each."""
MOST_PRESSES: Final = 100
ANSWERED_KEPT_S: Final = 3600.0
"""The longest debounce time."""
LIVE_GAP_S: Final = 10.0
"""A camera that repeats a picture sooner is alive: it shows a still scene."""

V = TypeVar("V")


class StoredPress(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A press; `ring_sent` and `answered` are set when the broker has the ring and the answer."""

    press_id: str
    doorbell: str
    pressed_s: float
    pressed_at: datetime
    age_known: bool = True
    ring_sent: bool = False
    answered: bool = False

    def press(self) -> Press:
        """Return the press as the agent uses it."""
        return Press(self.doorbell, self.press_id, self.pressed_s, self.pressed_at, self.age_known)


class StoredJournal(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The journal as a file. `away_since_s` is null while the broker is connected.

    `packets` are MQTT packets with their press id, `frames` event ids with whether the broker has the result, and
    `pictures` keys of pictures; each with the time it was seen last.
    """

    version: int = VERSION
    boot_id: str = ""
    saved_s: float = 0.0
    saved_at: datetime | None = None
    away_since_s: float | None = None
    presses: tuple[StoredPress, ...] = ()
    packets: dict[str, tuple[float, str]] = {}
    frames: dict[str, tuple[float, bool]] = {}
    pictures: dict[str, tuple[float, None]] = {}


def in_this_boot(stored: StoredJournal, boot_id: str, now_s: float, now_at: datetime) -> StoredJournal:
    """Return a journal with times of this boot; after a reboot, no age is known and the wall clock is believed."""
    if boot_id and stored.boot_id == boot_id and stored.saved_s <= now_s:
        return stored
    away_s = max(0.0, (now_at - stored.saved_at).total_seconds()) if stored.saved_at else 0.0
    by_s = now_s - away_s - stored.saved_s
    return StoredJournal(
        away_since_s=None if stored.away_since_s is None else stored.away_since_s + by_s,
        presses=tuple(
            msgspec.structs.replace(each, pressed_s=each.pressed_s + by_s, age_known=False) for each in stored.presses
        ),
        packets={key: (seen_s + by_s, press_id) for key, (seen_s, press_id) in stored.packets.items()},
        frames={key: (seen_s + by_s, is_done) for key, (seen_s, is_done) in stored.frames.items()},
        pictures={key: (seen_s + by_s, None) for key, (seen_s, _) in stored.pictures.items()},
    )


class Remembered(Generic[V]):
    """Keys with a value, for a while; the oldest are forgotten first."""

    def __init__(self, entries: dict[str, tuple[float, V]], lifetime_s: float) -> None:
        self._lifetime_s = lifetime_s
        self._entries = OrderedDict(sorted(entries.items(), key=lambda item: item[1][0]))

    def add(self, key: str, value: V, now: float) -> None:
        """Remember a key, from now on."""
        self._entries[key] = (now, value)
        self._entries.move_to_end(key)
        while len(self._entries) > MOST_REMEMBERED:
            self._entries.popitem(last=False)

    def get(self, key: str, now: float) -> tuple[float, V] | None:
        """Return when a key was added and its value, or None if it is unknown or too old."""
        found = self._entries.get(key)
        return found if found is not None and now - found[0] < self._lifetime_s else None

    def remove(self, keys: Iterable[str]) -> None:
        """Forget some keys."""
        for key in keys:
            self._entries.pop(key, None)

    def entries(self, now: float) -> dict[str, tuple[float, V]]:
        """Return what is remembered."""
        return {key: entry for key, entry in self._entries.items() if now - entry[0] < self._lifetime_s}


class PressJournal:
    """What must survive a restart: change it, then save `stored`."""

    def __init__(self, stored: StoredJournal, boot_id: str, remember_s: float) -> None:
        self.away_since_s = stored.away_since_s
        self._boot_id = boot_id
        self._presses = {each.press_id: each for each in stored.presses}
        self._packets = Remembered(dict(stored.packets), remember_s)
        self._connections: dict[str, int] = {}
        """Of the packets of this run."""
        self._frames = Remembered(dict(stored.frames), remember_s)
        self._pictures = Remembered(dict(stored.pictures), remember_s)
        self._sizes = {key.rpartition("/")[0] for key in stored.pictures}
        """Of the remembered pictures: others need no hash."""

    def stored(self, now_s: float, now_at: datetime) -> StoredJournal:
        """Return the journal to be saved."""
        self._drop_answered(now_s)
        return StoredJournal(
            boot_id=self._boot_id,
            saved_s=now_s,
            saved_at=now_at,
            away_since_s=self.away_since_s,
            presses=tuple(self._presses.values()),
            packets=self._packets.entries(now_s),
            frames=self._frames.entries(now_s),
            pictures=self._pictures.entries(now_s),
        )

    # Presses

    def presses(self) -> tuple[StoredPress, ...]:
        """Return the presses, the oldest first."""
        return tuple(self._presses.values())

    def open(self, press: Press) -> None:
        """Add a press."""
        self._presses[press.press_id] = StoredPress(
            press.press_id, press.doorbell, press.pressed_s, press.pressed_at, press.age_known
        )

    def drop(self, press_id: str) -> None:
        """Remove a press that will not ring."""
        self._presses.pop(press_id, None)

    def mark(self, press_id: str, *, ring_sent: bool = False, answered: bool = False) -> bool:
        """Record what the broker has of a press; return whether that is news."""
        before = self._presses.get(press_id)
        if before is None:
            return False
        after = msgspec.structs.replace(
            before, ring_sent=before.ring_sent or ring_sent, answered=before.answered or answered
        )
        self._presses[press_id] = after
        return after != before

    # Packets

    def remember_packet(self, identity: str, packet: Packet, press_id: str, now: float) -> None:
        """Remember which press a packet was."""
        self._packets.add(identity, press_id, now)
        self._connections[identity] = packet.connection
        while len(self._connections) > MOST_REMEMBERED:
            del self._connections[next(iter(self._connections))]

    def press_of_packet(self, identity: str, now: float) -> str:
        """Return which press a packet was when it came before, or ''."""
        found = self._packets.get(identity, now)
        return found[1] if found else ""

    def forget_packets(self, connection: int, now: float) -> None:
        """Forget the packets before a connection whose session is new: its broker knows none of them."""
        old = [key for key in self._packets.entries(now) if self._connections.get(key, 0) < connection]
        self._packets.remove(old)

    # Frames and pictures

    def is_frame_done(self, event_id: str, now: float) -> bool:
        """Return whether the broker has the result of a press frame."""
        found = self._frames.get(event_id, now)
        return found is not None and found[1]

    def is_frame_known(self, event_id: str, now: float) -> bool:
        """Return whether a press frame came before."""
        return self._frames.get(event_id, now) is not None

    def remember_frame(self, event_id: str, now: float) -> None:
        """Remember a press frame that is in progress."""
        if not self.is_frame_done(event_id, now):
            self._frames.add(event_id, value=False, now=now)

    def mark_frame_done(self, event_id: str, now: float) -> bool:
        """Record that the broker has the result of a press frame; return whether that is news."""
        if not self.is_frame_known(event_id, now) or self.is_frame_done(event_id, now):
            return False
        self._frames.add(event_id, value=True, now=now)
        return True

    def remember_picture(self, frame: Frame, now: float) -> None:
        """Remember the picture of a press."""
        if frame.image:
            size, key = _picture_keys(frame)
            self._sizes.add(size)
            self._pictures.add(key, None, now)

    def is_sent_again(self, frame: Frame, now: float) -> bool:
        """Return whether an ordinary frame is the picture of an earlier press, sent again.

        Not if the camera sends it every few seconds: then it is alive, and shows a still scene.
        """
        if not frame.image or f"{frame.doorbell}/{len(frame.image)}" not in self._sizes:
            return False
        _, key = _picture_keys(frame)
        found = self._pictures.get(key, now)
        if found is None:
            return False
        self._pictures.add(key, None, now)
        return now - found[0] >= LIVE_GAP_S

    def _drop_answered(self, now: float) -> None:
        answered = [each for each in self._presses.values() if each.answered]
        surplus = max(0, len(self._presses) - MOST_PRESSES)
        for number, each in enumerate(answered):
            if number < surplus or now - each.pressed_s > ANSWERED_KEPT_S:
                del self._presses[each.press_id]


def _picture_keys(frame: Frame) -> tuple[str, str]:
    """Return a key of a picture's doorbell and size, and one of its content."""
    size = f"{frame.doorbell}/{len(frame.image)}"
    return size, f"{size}/{hashlib.blake2b(frame.image, digest_size=12).hexdigest()}"
