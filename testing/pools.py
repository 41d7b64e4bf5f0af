"""A real pool with real worker processes, and what it reports."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final, Self

from edge_agent.domain import DetectorPlan, Job, Message, Outcome
from edge_agent.ingest.frames import ImageLimits, read_frame
from edge_agent.pool import Pool, ProbeLimits, RestartLimits, WorkerPlan
from edge_agent.pool.frame_queue import QueueLimits
from edge_agent.pool.views import PoolView, SlotState
from edge_agent.wire import DetectorChoice, FaceRules, SnapshotMode
from testing import values
from testing.pictures import jpeg
from testing.waiting import wait_until

MAX_PIXELS: Final = 20_000_000
LIMITS: Final = replace(
    values.LIMITS,
    start_timeout_s=10.0,
    job_timeout_s=1.0,
    retry_delay_s=0.02,
    restart=RestartLimits(intensity=10, period_s=60.0, first_delay_s=0.05, longest_delay_s=0.5),
    accelerator_timeout_s=1.0,
    probe=ProbeLimits(timeout_s=3.0, first_rest_s=0.3, longest_rest_s=1.0, steady_s=60.0, probes_to_return=2),
    queue=QueueLimits(frames=100, image_bytes=1 << 26, motion_per_doorbell=4),
)

ACTS: Final = ("exit", "segfault", "kill", "stop", "hang", "hang_holding_gil", "error", "leak")
WIDTHS: Final = {act: 101 + number for number, act in enumerate(ACTS)}
"""The scripted detector runs this act for a picture of this width."""
BY_WIDTH: Final = {str(width): act for act, width in WIDTHS.items()}


def scripted(**script: Any) -> DetectorChoice:
    """Return a detector that plays a script."""
    return DetectorChoice("mock", "script", json.dumps({"by_width": BY_WIDTH, **script}))


class PoolUnderTest:
    """A running pool; every outcome is kept with its time."""

    def __init__(self, *choices: DetectorChoice, accelerators: tuple[DetectorChoice, ...] = (), **limits: Any) -> None:
        self._limits = replace(LIMITS, **limits)
        detectors = DetectorPlan(choices or (scripted(),), accelerators)
        plan = WorkerPlan(detectors, MAX_PIXELS, self._limits.memory_limit_bytes)
        self._news = threading.Condition()
        self.outcomes: list[tuple[float, Outcome]] = []
        self.views: list[PoolView] = []
        self.pool = Pool(self._limits, plan, self._report, self.views.append)
        self._count = 0

    def __enter__(self) -> Self:
        """Start it."""
        self.pool.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop it."""
        self.pool.stop(1.0)

    def offer(self, image: bytes | None = None, *, trigger: str = "press", doorbell: str = "front") -> str:
        """Offer a frame and return its id."""
        frame_id = str(self._count)
        self._count += 1
        now = time.monotonic()
        message = Message("", image or jpeg(), properties={"frame_id": frame_id, "trigger": trigger})
        limits = ImageLimits(10_000_000, MAX_PIXELS)
        frame = read_frame(message, doorbell, limits, now_s=now, now_at=datetime.now(UTC)).frame
        self.pool.offer(Job(frame, FaceRules(0.7), now + 30, SnapshotMode.NEVER))
        return frame_id

    def offer_act(self, act: str) -> str:
        """Offer a frame that makes the scripted detector run an act, and return its id."""
        return self.offer(jpeg(WIDTHS[act], 80))

    def wait_for(self, frame_id: str, timeout_s: float = 20.0) -> Outcome:
        """Return the outcome of a frame."""
        deadline_s = time.monotonic() + timeout_s
        with self._news:
            while (outcome := self._find(frame_id)) is None:
                left = self._news.wait(deadline_s - time.monotonic())
                assert left, f"frame {frame_id} was not answered in time: {self.pool.view()}"
        return outcome

    def wait_until_idle(self) -> PoolView:
        """Return the view once every worker is idle."""
        return wait_until(self._idle_view, why=lambda: str(self.pool.view()))

    def _idle_view(self) -> PoolView | None:
        view = self.pool.view()
        return view if all(worker.state is SlotState.IDLE for worker in view.workers) else None

    def _find(self, frame_id: str) -> Outcome | None:
        return next((outcome for _, outcome in self.outcomes if outcome.frame.frame_id == frame_id), None)

    def _report(self, outcome: Outcome) -> None:
        with self._news:
            self.outcomes.append((time.monotonic(), outcome))
            self._news.notify_all()
