"""One place for a worker process, and what is known of whoever holds it."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from edge_agent.model import Job, SlotState, WorkerDetector, WorkerView

if TYPE_CHECKING:
    from edge_agent.wire import Ready

DEATHS_KEPT = 100
"""More than any restart threshold needs."""


@dataclass(slots=True)
class Slot:
    """A slot of the pool.

    `deadline_s` is when its worker is ended, `resume_s` when a new one is started, `end_reason` why this worker is
    about to end where that is known before, `replace` whether a new one is wanted in its place. `accelerator` is the
    number of the one that its worker has or is to have. `trying` is the detector (strategy, model) that is being
    loaded. `started_s` and `jobs_of_worker` are of the process that holds the slot, the other counts of the slot.
    """

    number: int
    state: SlotState = SlotState.WAITING
    since_s: float = 0.0
    pid: int | None = None
    accelerator: int | None = None
    trying: tuple[str, str] | None = None
    detector: WorkerDetector | None = None
    job: Job | None = None
    job_id: int = 0
    assigned_s: float = 0.0
    deadline_s: float | None = None
    resume_s: float | None = None
    end_reason: str = ""
    replace: bool = False
    started_s: float = 0.0
    jobs_of_worker: int = 0
    deaths: deque[float] = field(default_factory=lambda: deque(maxlen=DEATHS_KEPT))
    restarts: int = 0
    jobs_done: int = 0
    busy_s: float = 0.0
    memory_bytes: int = 0
    last_error: str = ""

    def enter(self, state: SlotState, now: float) -> None:
        """Change state."""
        self.state = state
        self.since_s = now

    def clear(self, now: float) -> None:
        """Forget the last worker, but not what the slot is for."""
        self.pid = None
        self.resume_s = None
        self.deadline_s = None
        self.end_reason = ""
        self.replace = False
        self.memory_bytes = 0
        self.jobs_of_worker = 0
        self.started_s = now
        self.trying = None
        self.detector = None

    def become_ready(self, message: Ready, now: float) -> None:
        """Note that the worker can take frames."""
        self.detector = WorkerDetector(self.number, message.strategy, message.model)
        self.trying = None
        self.deadline_s = None
        self.enter(SlotState.IDLE, now)

    def assign(self, job: Job, job_id: int, limit_s: float, now: float) -> None:
        """Note the frame that the worker looks at, until so much later at the most."""
        self.job = job
        self.job_id = job_id
        self.assigned_s = now
        self.deadline_s = now + limit_s
        self.enter(SlotState.BUSY, now)

    def is_overdue(self, now: float) -> bool:
        """Return whether the worker has had its time."""
        return self.deadline_s is not None and self.deadline_s <= now

    def has_process(self) -> bool:
        """Return whether a worker process holds this slot."""
        return self.state not in {SlotState.WAITING, SlotState.PARKED}

    def release(self, now: float) -> Job | None:
        """Take the job away from the slot, count the time, and return the job."""
        job, self.job = self.job, None
        if job is not None:
            self.busy_s += now - self.assigned_s
        self.deadline_s = None
        return job

    def view(self, now: float) -> WorkerView:
        """Return what others may know, the time of the job so far counted in."""
        running_s = now - self.assigned_s if self.job is not None else 0.0
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
        )
