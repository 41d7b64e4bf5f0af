"""The agent's pool, without MQTT: frames are offered at its queue."""

from __future__ import annotations

import itertools
import queue
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, Self

from edge_agent.app import build_pool
from edge_agent.benchmark.limit import Burst
from edge_agent.benchmark.processes import cpu_seconds
from edge_agent.domain import Frame, Job, Outcome, PoolView, SlotState, Trigger
from edge_agent.errors import PoolStartError
from edge_agent.ingest.image_header import read_header
from edge_agent.wire import Detected, FaceRules, SnapshotMode

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edge_agent.domain import DetectorPlan
    from edge_agent.settings.model import Settings

AHEAD: Final = 3
"""Frames per worker that are offered and not answered: one looked at, two that wait."""
LONGEST_S: Final = 60.0
POLL_INTERVAL_S: Final = 0.01


class BusyPool:
    """A pool that runs, and what it answers; `lost` counts the frames at full load that were not looked at."""

    def __init__(self, settings: Settings, detectors: DetectorPlan, frames: Sequence[bytes]) -> None:
        self.workers: Final = settings.pool.workers
        self.outcomes: queue.SimpleQueue[Outcome] = queue.SimpleQueue()
        self.pool = build_pool(settings, detectors, self.outcomes.put)
        self._pictures = [(data, read_header(data)) for data in frames]
        self._numbers = itertools.count()
        self.offered = 0
        self.lost = 0
        self._rules = FaceRules(settings.detection.min_confidence)

    def __enter__(self) -> Self:
        """Start it, and return when it has answered."""
        self.pool.start()
        self.offer()
        self.outcomes.get(timeout=LONGEST_S)
        self.wait_until_idle()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop it."""
        self.pool.stop(0.0)

    def wait_until_idle(self) -> PoolView:
        """Return the view once every worker waits for work; raise PoolStartError where that takes LONGEST_S."""
        give_up_s = time.monotonic() + LONGEST_S
        while time.monotonic() < give_up_s:
            view = self.pool.view()
            if all(worker.state is SlotState.IDLE for worker in view.workers):
                return view
            time.sleep(POLL_INTERVAL_S)
        message = f"the workers were not ready within {LONGEST_S:g} s"
        raise PoolStartError(message)

    def picture(self, number: int) -> int:
        """Return which of the pictures the frame of that number shows."""
        return number % len(self._pictures)

    def offer(
        self,
        trigger: Trigger = Trigger.MOTION,
        doorbell: str = "front",
        snapshot: SnapshotMode = SnapshotMode.NEVER,
        expiry_s: float = LONGEST_S,
    ) -> int:
        """Offer the next frame; return its number, which is its id too."""
        number, now = next(self._numbers), time.monotonic()
        self.offered += 1
        image, header = self._pictures[self.picture(number)]
        frame = Frame(doorbell, str(number), str(number), trigger, image, header, now, datetime.now(UTC))
        self.pool.offer(Job(frame, self._rules, now + expiry_s, snapshot, label=doorbell))
        return number

    def take(self) -> Outcome:
        """Return the next outcome, and count it where nobody looked."""
        outcome = self.outcomes.get(timeout=LONGEST_S)
        self.lost += not isinstance(outcome.result, Detected)
        return outcome

    def ask(self, trigger: Trigger) -> tuple[int, float]:
        """Offer a frame while no other is under way; return its picture, and the milliseconds to its answer."""
        began_s = time.monotonic()
        picture = self.picture(self.offer(trigger))
        self.take()
        return picture, (time.monotonic() - began_s) * 1000

    def run(self, seconds: float, snapshot: SnapshotMode = SnapshotMode.NEVER, *, doors: int | None = None) -> Burst:
        """Keep every worker busy for so many seconds, with frames of so many doorbells."""
        cpu_s, busy_s, began_s = cpu_seconds(), self._busy_s(), time.monotonic()
        count, waiting = 0, max(AHEAD * self.workers, doors or 0)
        for number in range(waiting):
            self.offer(doorbell=f"door-{number % (doors or waiting)}", snapshot=snapshot)
        while time.monotonic() - began_s < seconds:
            outcome = self.take()
            self.offer(doorbell=outcome.frame.doorbell, snapshot=snapshot)
            count += 1
        wall_s = time.monotonic() - began_s
        busy = (self._busy_s() - busy_s) / wall_s / self.workers
        for _ in range(waiting):
            self.take()
        return Burst(count, wall_s, (cpu_seconds() - cpu_s) * count / (count + waiting), busy)

    def _busy_s(self) -> float:
        return sum(worker.busy_s for worker in self.pool.view().workers)
