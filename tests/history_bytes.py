"""Counts the bytes that a history writes to the disk."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from edge_agent.domain import NO_PICTURES
from edge_agent.doorbells.presses import Answer
from edge_agent.history.store import Limits, Store
from edge_agent.history.writer import History
from testing.values import press
from testing.waiting import wait_until
from tests.visitors_past import batch, changed, entry, seen

if TYPE_CHECKING:
    from pathlib import Path

ENTRY_BYTES: Final = 16_000
PICTURE_SHARE: Final = 1.5
"""What an entry may write: this many bytes, and this many times those of its pictures."""
BEFORE: Final = 3000
"""Entries in the file before: neither an empty file nor a log that was just emptied."""


def assert_few_bytes(folder: Path, kind: str, number: int) -> float:
    """Write entries, counted by the kernel (write_bytes): pages of the disk, as a memory card sees them.

    Return how many bytes an entry took beside its pictures.
    """
    pictures = 0
    with Store(folder) as store:
        store.write(batch(*(entry(each, minutes=each) for each in range(BEFORE))))
    history = History(folder, Limits(36500, 10**12))
    history.start()
    wait_until(lambda: history._store is not None)  # noqa: SLF001 - it is open
    before = _written_bytes()
    for each in range(number):
        pictures += _report(history, kind, f"n{each}")
    history.close()
    written = _written_bytes() - before
    more = (written - pictures) / number
    assert written <= number * ENTRY_BYTES + PICTURE_SHARE * pictures, f"{more:.0f} bytes more per entry"
    return more


def _report(history: History, kind: str, entry_id: str) -> int:
    """Report a whole visit, its parts written one after the other; return the bytes of its pictures."""
    if kind == "press":
        pressed = press()
        history.on_press(pressed)
        _until_written(history)
        history.on_answer(Answer(pressed, "no_face"))
        _until_written(history)
        return 0
    history.on_visit(changed("face_appeared", visit_id=entry_id).change)
    _until_written(history)
    frame = seen(0.5, 90_000, 10_000, visit_id=entry_id)
    if kind == "visit_without_pictures":
        frame = seen(0.5, pictures=NO_PICTURES, visit_id=entry_id)
    history._put(frame)  # noqa: SLF001 - as the agent reports a frame
    history.on_visit(changed("face_left", visit_id=entry_id).change)
    _until_written(history)
    return len(frame.pictures.snapshot) + len(frame.pictures.best_face)


def _until_written(history: History) -> None:
    wait_until(lambda: not history._waiting and not history._backlog)  # noqa: SLF001 - what waits


def _written_bytes() -> int:
    with open("/proc/self/io", encoding="ascii") as file:  # noqa: PTH123 - a file of the kernel
        return int(dict(line.split(": ") for line in file)["write_bytes"])
