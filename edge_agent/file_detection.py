"""Face detection in image files, through the same parser and pool as a doorbell's frames."""

from __future__ import annotations

import queue
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from edge_agent.app import build_pool, find_detectors, image_limits
from edge_agent.domain import Failure, Job, Message, Outcome, Trigger
from edge_agent.errors import PoolStartError, UnreadableImageError
from edge_agent.ingest.frames import read_frame
from edge_agent.ingest.image_files import printable, read_image
from edge_agent.pool.views import PoolView
from edge_agent.wire import FaceRules, FailureReason, SnapshotMode

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from edge_agent.pool import Pool
    from edge_agent.settings.model import Settings

FRAMES_PER_WORKER: Final = 2
"""One in progress and one queued: enough to keep a worker busy."""
LONGEST_S: Final = 3600.0
HOPELESS_RESTARTS: Final = 3

LARGEST_ENVELOPE: Final = 1 << 20
"""What may be around an image; a larger file is not read."""

Events = queue.SimpleQueue[Outcome | PoolView | None]
"""None: the pool has crashed."""


@dataclass(frozen=True, slots=True)
class FileOutcome:
    """The outcome of a file."""

    path: Path
    outcome: Outcome


def detect_files(
    files: Iterable[Path], settings: Settings, *, snapshots: bool = False, trigger: Trigger = Trigger.PRESS
) -> Iterator[FileOutcome]:
    """Yield the outcome of each file, in order; raise PoolStartError if no detector can be used.

    Each file is processed like a frame with that trigger.
    """
    events: Events = queue.SimpleQueue()
    mode = SnapshotMode.ALWAYS if snapshots else SnapshotMode.NEVER
    pool = build_pool(settings, find_detectors(settings), events.put, events.put, lambda: events.put(None))
    pool.start()
    try:
        yield from _Run(list(files), settings, pool, events, mode, trigger).run()
    finally:
        pool.stop(0.0)


class _Run:
    """Keeps every worker busy, and returns the outcomes in the order of the files."""

    def __init__(  # noqa: PLR0913, PLR0917 - the function above, with its state
        self,
        files: list[Path],
        settings: Settings,
        pool: Pool,
        events: Events,
        snapshot: SnapshotMode,
        trigger: Trigger,
    ) -> None:
        self._files = files
        self._settings = settings
        self._pool = pool
        self._seen = events
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
                self._on_event(self._seen.get())
            yield FileOutcome(path, self._done.pop(number))

    def _offer(self) -> None:
        number, path = self._offered, self._files[self._offered]
        self._offered += 1
        limits, now = image_limits(self._settings), time.monotonic()
        content, fault = _read(path, limits.max_bytes + LARGEST_ENVELOPE)
        message = Message("", content, properties={"frame_id": str(number), "trigger": self._trigger.code})
        arrival = read_frame(message, f"file-{number}", limits, now_s=now, now_at=datetime.now(UTC))
        if failure := fault or arrival.failure:
            self._done[number] = Outcome(arrival.frame, failure)
            return
        rules = FaceRules(self._settings.detection.min_confidence)
        self._pool.offer(Job(arrival.frame, rules, now + LONGEST_S, self._snapshot, label=printable(path.name)))

    def _on_event(self, event: Outcome | PoolView | None) -> None:
        if event is None:
            message = "the pool of workers has crashed; see the log"
            raise PoolStartError(message)
        if isinstance(event, Outcome):
            self._done[int(event.frame.frame_id)] = event
        elif not event.working() and (event.unavailable or event.restarts >= HOPELESS_RESTARTS):
            reasons = [f"{each.strategy} {each.model}: {each.fault.text}" for each in event.unavailable]
            reasons += [worker.last_error.text for worker in event.workers if worker.last_error]
            message = f"no detector can be used: {'; '.join(dict.fromkeys(reasons))}"
            raise PoolStartError(message)


def _read(path: Path, most_bytes: int) -> tuple[bytes, Failure | None]:
    """Return the content of a file, or why there is none."""
    try:
        return read_image(path, most_bytes), None
    except UnreadableImageError as error:
        return b"", Failure(FailureReason.BAD_IMAGE, str(error))
