"""A history that writes visits until it is killed: one line on stdout for each entry that is on disk."""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from edge_agent.history.reader import HistoryReader
from edge_agent.history.store import Limits, Store
from edge_agent.history.writer import History
from testing.waiting import wait_until
from tests.visitors_past import batch, changed, entry, seen


def write_forever(folder: Path) -> None:
    """Write one entry after the other, each with its pictures."""
    with Store(folder) as store:
        number = max((int(each.name[:16], 16) for each in (folder / "pictures").iterdir()), default=0)
        while True:
            number += 1
            store.write(batch(entry(number, minutes=number, snapshot=3000, face=300)))
            _say(entry(number).entry_id)
            if not number % 20:
                store.keep(Limits(36500, 600_000), datetime.now(UTC))


def record_forever(folder: Path) -> None:
    """Report visits as the agent does, and say when."""
    history = History(folder, Limits(36500, 10**9))
    history.start()
    for number in range(10**6):
        visit_id = f"{time.time_ns():x}"
        history.on_visit(changed("face_appeared", visit_id=visit_id).change)
        history._put(seen(visit_id=visit_id))  # noqa: SLF001 - as the agent reports a frame
        _say(f"{time.monotonic()} {visit_id}")
        if number % 3:
            history.on_visit(changed("face_left", visit_id=visit_id).change)
        time.sleep(0.1)


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def fill(disk: Path) -> None:
    """Fill a disk of 300 kB with visits, wait for the fault, make room, and wait until it is over."""
    ballast = disk / "ballast"
    ballast.write_bytes(bytes(150_000))
    history = History(disk / "history", Limits(36500, 10**9))
    history.start()
    for number in range(5):
        report(history, f"v{number}", 30_000)
    wait_until(lambda: "the disk is full" in history.fault, timeout_s=10, why=lambda: history.fault)
    ballast.unlink()
    wait_until(lambda: not history.fault, timeout_s=30, why=lambda: history.fault)
    report(history, "last", 100)
    history.close()
    assert "last" in {each.entry_id for each in HistoryReader(disk / "history").between(None, None)}


def report(history: History, visit_id: str, size: int) -> None:
    """Report a whole visit."""
    history.on_visit(changed("face_appeared", visit_id=visit_id).change)
    history._put(seen(0.5, size, visit_id=visit_id))  # noqa: SLF001 - as the agent reports a frame
    history.on_visit(changed("face_left", visit_id=visit_id).change)


if __name__ == "__main__":
    {"store": write_forever, "agent": record_forever, "full": fill}[sys.argv[1]](Path(sys.argv[2]))
