"""One place for a worker process, and what is known of whoever holds it."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from edge_agent.model import Job, SlotState, WorkerDetector, WorkerView

DEATHS_KEPT = 100
"""More than any restart threshold needs."""


@dataclass(slots=True)
class Slot:
    """A slot of the pool.

    `deadline_s` is when its worker is ended, `resume_s` when a new one is started, `end_reason` why this worker is
    about to end where that is known before, `replace` whether a new one is wanted in its place. `trying` is the
    detector (strategy, model) that is being loaded. `started_s` and `jobs_of_worker` are of the process that holds
    the slot, the other counts of the slot.
    """

    number: int
    state: SlotState = SlotState.WAITING
    since_s: float = 0.0
    pid: int | None = None
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
