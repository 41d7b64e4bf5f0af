"""A slot: a place for one worker process, and the state of the worker in it."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from edge_agent.domain import Job, WorkerDetector
from edge_agent.pool.views import SlotState, WorkerView

if TYPE_CHECKING:
    from edge_agent.reasons import DetectorFault, WorkerExit
    from edge_agent.wire import Ready

DEATHS_KEPT = 100
"""More than restart_intensity may be."""


@dataclass(slots=True)
class Slot:
    """A slot of the pool.

    `deadline_s` is when its worker is ended, `resume_s` when a new one is started, `end` how this worker is about to
    end where that is known before, `fault` why it has no detector, `replace` whether a new one is wanted in its place.
    `accelerator` is the number of the one that its worker has or is to have. `trying` is the detector (strategy,
    model) that is being loaded, `batch` how many frames the worker takes at once, `jobs` those it has, by their ids.
    `started_s` and `jobs_of_worker` are of the process that holds the slot, the other counts of the slot.
    """

    number: int
    state: SlotState = SlotState.BACKOFF
    since_s: float = 0.0
    pid: int | None = None
    accelerator: int | None = None
    trying: tuple[str, str] | None = None
    detector: WorkerDetector | None = None
    batch: int = 1
    sandbox: str = ""
    jobs: dict[int, Job] = field(default_factory=dict)
    assigned_s: float = 0.0
    deadline_s: float | None = None
    resume_s: float | None = None
    end: WorkerExit | None = None
    fault: DetectorFault | None = None
    replace: bool = False
    started_s: float = 0.0
    jobs_of_worker: int = 0
    deaths: deque[float] = field(default_factory=lambda: deque(maxlen=DEATHS_KEPT))
    restarts: int = 0
    jobs_done: int = 0
    busy_s: float = 0.0
    memory_bytes: int = 0
    last_error: WorkerExit | None = None

    def enter(self, state: SlotState, now: float) -> None:
        """Set the state."""
        self.state = state
        self.since_s = now

    def clear(self, now: float) -> None:
        """Reset everything about the last worker; what the slot is for stays."""
        self.pid = None
        self.resume_s = None
        self.deadline_s = None
        self.end = None
        self.fault = None
        self.replace = False
        self.memory_bytes = 0
        self.jobs_of_worker = 0
        self.started_s = now
        self.trying = None
        self.detector = None
        self.batch = 1
        self.sandbox = ""

    def become_ready(self, message: Ready, now: float) -> None:
        """Record that the worker can take frames."""
        self.detector = WorkerDetector(self.number, message.strategy, message.model)
        self.batch = message.batch
        self.sandbox = message.sandbox.text
        self.trying = None
        self.deadline_s = None
        self.enter(SlotState.IDLE, now)

    def assign(self, jobs: dict[int, Job], limit_s: float, now: float) -> None:
        """Record the frames that the worker processes, and its deadline."""
        self.jobs = jobs
        self.assigned_s = now
        self.deadline_s = now + limit_s
        self.enter(SlotState.BUSY, now)

    def is_overdue(self, now: float) -> bool:
        """Return whether the worker is past its deadline."""
        return self.deadline_s is not None and self.deadline_s <= now

    def has_process(self) -> bool:
        """Return whether a worker process is in this slot."""
        return self.state not in {SlotState.BACKOFF, SlotState.CIRCUIT_OPEN}

    def finish(self, job_id: int, now: float) -> Job | None:
        """Remove and return the job that the worker finished; None if it has no such job."""
        job = self.jobs.pop(job_id, None)
        if job is not None and not self.jobs:
            self._rest(now)
        return job

    def release(self, now: float) -> list[Job]:
        """Remove and return all jobs."""
        jobs, self.jobs = list(self.jobs.values()), {}
        if jobs:
            self._rest(now)
        self.deadline_s = None
        return jobs

    def _rest(self, now: float) -> None:
        self.busy_s += now - self.assigned_s
        self.deadline_s = None

    def view(self, now: float) -> WorkerView:
        """Return the slot as a view; the current job's time so far is included."""
        running_s = now - self.assigned_s if self.jobs else 0.0
        return WorkerView(
            slot=self.number,
            state=self.state,
            since_s=self.since_s,
            pid=self.pid,
            detector=self.detector,
            jobs_done=self.jobs_done,
            busy_s=self.busy_s + running_s,
            restarts=self.restarts,
            memory_bytes=self.memory_bytes,
            last_error=self.last_error,
            sandbox=self.sandbox,
        )
