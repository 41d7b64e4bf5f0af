"""Make docs/history.png with a real agent and a real browser: the visits of a day, and one of them on a phone.

Usage: python -P -m tests.browser.history_screenshots [FOLDER]

With a folder, every page is also saved there: desktop and phone, light and dark.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time as clock
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import cv2
import msgspec
import numpy as np

from edge_agent.demo.porch import Scene, draw
from edge_agent.demo.visitors import read_visitors
from edge_agent.history.collector import Batch, PictureToWrite
from edge_agent.history.entries import Entry, EntryKind, PictureKind
from edge_agent.history.store import Store, folder_of
from testing.agent_process import AGENT_ID, AgentProcess
from testing.broker import Mosquitto, free_port
from testing.recorder import Recorder
from testing.shared_data import PROJECT
from tests.browser.chromium import Chromium

if TYPE_CHECKING:
    from edge_agent.demo.visitors import CutOut

HEIGHT: Final = 1000
DESKTOP: Final = (1010, HEIGHT)
PHONE: Final = (390, HEIGHT)
SHOWN: Final = (("today", DESKTOP, "light"), ("visit", PHONE, "dark"))
"""The pages in docs/history.png, side by side."""
COMPLETE: Final = "document.images.length && [...document.images].every((each) => each.complete)"
NO_SCROLLBAR: Final = "document.documentElement.style.scrollbarWidth = 'none'"
EVENING: Final = 18
"""The hour of the day in the pictures."""
TOKEN: Final = "a token"


@dataclass(frozen=True, slots=True)
class Row:
    """A visitor: without a face there is no visit, without an answer no press."""

    doorbell: str
    at: time
    seconds: int
    answer: str | None = None


DAY: Final = (
    Row("front", time(7, 52, 10), 9),
    Row("garden", time(8, 31, 44), 131),
    Row("front", time(9, 17, 3), 34, "face"),
    Row("front", time(9, 40, 30), 0, "no_face"),
    Row("garden", time(12, 5, 21), 18),
    Row("front", time(14, 58, 49), 47, "face"),
)


def main() -> None:
    """Write the picture into docs."""
    kept = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    _move_to_the_evening()
    port = free_port()
    with tempfile.TemporaryDirectory() as made, Mosquitto() as broker, Recorder(broker.port) as recorder:
        state = Path(made)
        _write_day(state)
        settings = {"HTTP__ENABLED": "true", "HTTP__PORT": str(port), "HTTP__TOKEN": TOKEN, "HISTORY__ENABLED": "true"}
        with (
            AgentProcess.with_real_detector(broker.port, STATE__DIR=str(state), **settings) as agent,
            Chromium() as browser,
        ):
            agent.wait_until_ready(recorder)
            for doorbell, scene in (("front", Scene(read_visitors()[0], 0.9)), ("garden", Scene(seed=3))):
                recorder.publish(f"doorbell/{doorbell}/frame", _jpeg(scene), user={"trigger": "press"})
                recorder.wait_for(f"doorbell/{doorbell}/picture")
            folder = kept or state
            for look in (DESKTOP, PHONE):
                for scheme in ("light", "dark"):
                    _save_pages(browser, port, look, scheme, folder)
            shots = [_read(folder, *each) for each in SHOWN]
    path = PROJECT / "docs" / "history.png"
    cv2.imwrite(str(path), np.concatenate(shots, axis=1), [cv2.IMWRITE_PNG_COMPRESSION, 9])
    print(f"{path}: {path.stat().st_size / 1000:.0f} kB")  # noqa: T201 - output of a script


def _move_to_the_evening() -> None:
    """Choose a time zone in which it is evening: the whole day is over then."""
    hours = EVENING - datetime.now(UTC).hour
    os.environ["TZ"] = f"DOOR{-hours:+d}"
    clock.tzset()


def _write_day(state: Path) -> None:
    """Write the history of a day, with pictures that an agent drew of the demo's visitors."""
    visitors = read_visitors()
    with (
        Mosquitto() as broker,
        Recorder(broker.port) as recorder,
        AgentProcess.with_real_detector(broker.port, PRESS__MAX_AGE_S="86400") as agent,
        Store(folder_of(state, AGENT_ID)) as store,
    ):
        agent.wait_until_ready(recorder)
        for number, row in enumerate(DAY):
            visitor = visitors[number % len(visitors)] if row.answer != "no_face" else None
            store.write(_batch(f"{number:016x}", row, *_pictures(recorder, visitor, number, row)))


def _jpeg(scene: Scene) -> bytes:
    return bytes(cv2.imencode(".jpg", draw(scene))[1].tobytes())


def _pictures(recorder: Recorder, visitor: CutOut | None, number: int, row: Row) -> tuple[bytes, bytes]:
    """Return the snapshot and the best face of a visitor as the agent publishes them."""
    recorder.clear()
    scene = Scene(seed=number) if visitor is None else Scene(visitor, 0.9 + 0.1 * (number % 3), 0.1, seed=number)
    doorbell = f"{row.doorbell}-{number}"  # a new one: its first frame is published
    user = {"trigger": "press", "captured_at": _today(row).isoformat()}
    recorder.publish(f"doorbell/{doorbell}/frame", _jpeg(scene), user=user)
    recorder.wait_for(f"doorbell/{doorbell}/picture")
    snapshot = recorder.messages(f"doorbell/{doorbell}/snapshot")[0].payload
    faces = recorder.messages(f"doorbell/{doorbell}/best_face")
    return snapshot, faces[0].payload if faces else b""


def _batch(entry_id: str, row: Row, snapshot: bytes, face: bytes) -> Batch:
    entries = [*([_visit(entry_id, row)] if face else []), *([_press(entry_id, row)] if row.answer else [])]
    sizes = {"snapshot_bytes": len(snapshot), "face_bytes": len(face)}
    kinds = ((PictureKind.SNAPSHOT, snapshot), (PictureKind.FACE, face))
    return Batch(
        tuple(msgspec.structs.replace(each, **sizes) for each in entries),
        tuple(PictureToWrite(each.entry_id, kind, jpeg) for each in entries for kind, jpeg in kinds if jpeg),
    )


def _visit(entry_id: str, row: Row) -> Entry:
    began_at = _today(row)
    ended_at = began_at + timedelta(seconds=row.seconds)
    trigger = "press" if row.answer else "motion"
    return Entry(
        entry_id, EntryKind.VISIT, row.doorbell, began_at, ended_at, trigger, 1, 2 * row.seconds, 0.94, 0.62
    )  # fmt: skip


def _press(entry_id: str, row: Row) -> Entry:
    pressed_at = _today(row) + timedelta(seconds=1)
    is_face = row.answer == "face"
    return Entry(
        f"{entry_id}p", EntryKind.PRESS, row.doorbell, pressed_at, pressed_at + timedelta(seconds=1), "press",
        int(is_face), 1, 0.94 if is_face else None, answer=row.answer, visit_id=entry_id if is_face else None,
        rejected={} if is_face else {"below_min_confidence": 1},
    )  # fmt: skip


def _today(row: Row) -> datetime:
    return datetime.combine(datetime.now().astimezone().date(), row.at).astimezone()


def _save_pages(browser: Chromium, port: int, look: tuple[int, int], scheme: str, folder: Path) -> None:
    browser.look_like(*look, scheme)
    today = f"{datetime.now().astimezone():%Y-%m-%d}"
    last = len(DAY) - 1
    pages = {"today": "", "day": f"days/{today}/garden", "visit": f"visits/{last:016x}", "press": f"visits/{3:016x}p"}
    for name, path in pages.items():
        browser.open(f"http://127.0.0.1:{port}/{path}")
        browser.run(NO_SCROLLBAR)
        browser.wait_for(COMPLETE)
        browser.save(_path(folder, name, look, scheme))
    browser.run("document.querySelector('[data-action]').click()")
    browser.wait_for("document.querySelector('dialog').open")
    browser.save(_path(folder, "delete", look, scheme))


def _path(folder: Path, name: str, look: tuple[int, int], scheme: str) -> Path:
    return folder / f"{name}-{look[0]}-{scheme}.png"


def _read(folder: Path, name: str, look: tuple[int, int], scheme: str) -> np.ndarray[Any, Any]:
    image = np.asarray(cv2.imread(str(_path(folder, name, look, scheme))))
    return np.asarray(cv2.resize(image, look, interpolation=cv2.INTER_AREA))


if __name__ == "__main__":
    main()
