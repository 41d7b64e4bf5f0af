"""Faces in image files, through the same intake and the same pool as the frames of a doorbell."""

from __future__ import annotations

import queue
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from edge_agent.app import build_pool, find_detectors, image_limits
from edge_agent.errors import PoolStartError, SettingsError
from edge_agent.image_header import IMAGE_SUFFIXES
from edge_agent.ingest import read_frame
from edge_agent.model import Job, Message, Outcome, PoolView, Trigger
from edge_agent.wire import FaceRules, SnapshotWish

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from edge_agent.pool import Pool
    from edge_agent.settings import Settings

FRAMES_PER_WORKER: Final = 2
"""One that is looked at and one that waits: enough to keep a worker busy."""
LONGEST_S: Final = 3600.0
HOPELESS_RESTARTS: Final = 3

Seen = queue.SimpleQueue[Outcome | PoolView | None]
"""None: the pool has crashed."""


@dataclass(frozen=True, slots=True)
class FileOutcome:
    """What was found in a file."""

    path: Path
    outcome: Outcome


def find_images(paths: Iterable[Path]) -> list[Path]:
    """Return the files, and those in the folders by name; raise SettingsError where there is none."""
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            found += sorted(file for file in path.rglob("*") if file.suffix.lower() in IMAGE_SUFFIXES)
        elif path.is_file():
            found.append(path)
        else:
            message = f"there is no file or folder {path}"
            raise SettingsError(message)
    if not found:
        message = f"there is no JPEG or PNG in {', '.join(map(str, paths))}"
        raise SettingsError(message)
    return found


def look_at(
    files: Iterable[Path], settings: Settings, *, snapshots: bool = False, trigger: Trigger = Trigger.PRESS
) -> Iterator[FileOutcome]:
    """Yield what is found in each file, in their order; raise PoolStartError where no detector can be used.

    Each file is looked at as a frame of that trigger is.
    """
    seen: Seen = queue.SimpleQueue()
    wish = SnapshotWish.ALWAYS if snapshots else SnapshotWish.NEVER
    pool = build_pool(settings, find_detectors(settings), seen.put, seen.put, lambda: seen.put(None))
    pool.start()
    try:
        yield from _Looking(list(files), settings, pool, seen, wish, trigger).run()
    finally:
        pool.stop(0.0)


class _Looking:
    """Keeps every worker busy, and brings what they find into the order of the files."""

    def __init__(  # noqa: PLR0913, PLR0917 - it is the one function above, with what it needs kept
        self, files: list[Path], settings: Settings, pool: Pool, seen: Seen, snapshot: SnapshotWish, trigger: Trigger
    ) -> None:
        self._files = files
        self._settings = settings
        self._pool = pool
        self._seen = seen
        self._snapshot = snapshot
        self._trigger = trigger
        self._offered = 0
        self._done: dict[int, Outcome] = {}

    def run(self) -> Iterator[FileOutcome]:
        ahead = FRAMES_PER_WORKER * self._settings.pool.workers
        for number, path in enumerate(self._files):
            while self._offered < min(len(self._files), number + ahead):
                self._offer()
            while number not in self._done:
                self._note(self._seen.get())
            yield FileOutcome(path, self._done.pop(number))

    def _offer(self) -> None:
        number, path = self._offered, self._files[self._offered]
        self._offered += 1
        message = Message("", _read(path), properties={"frame_id": str(number), "trigger": self._trigger.word})
        now = time.monotonic()
        arrival = read_frame(
            message, f"file-{number}", image_limits(self._settings), now_s=now, now_at=datetime.now(UTC)
        )
        if arrival.failure is not None:
            self._done[number] = Outcome(arrival.frame, arrival.failure)
            return
        rules = FaceRules(self._settings.detection.min_confidence)
        self._pool.offer(Job(arrival.frame, rules, now + LONGEST_S, self._snapshot, label=path.name))

    def _note(self, news: Outcome | PoolView | None) -> None:
        if news is None:
            message = "the pool of workers has crashed; the log says why"
            raise PoolStartError(message)
        if isinstance(news, Outcome):
            self._done[int(news.frame.frame_id)] = news
        elif not news.working() and (news.unavailable or news.restarts >= HOPELESS_RESTARTS):
            reasons = [f"{each.strategy} {each.model}: {each.fault.text}" for each in news.unavailable]
            reasons += [worker.last_error.text for worker in news.workers if worker.last_error]
            message = f"no detector can be used: {'; '.join(dict.fromkeys(reasons))}"
            raise PoolStartError(message)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        message = f"the file {path} cannot be read: {error.strerror}"
        raise SettingsError(message) from error
