"""The start parameters and tasks of workers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from edge_agent.domain import Trigger
from edge_agent.wire import Batch, Task, WorkerSpec

if TYPE_CHECKING:
    from collections.abc import Iterable

    from edge_agent.domain import DetectorPlan, Job


@dataclass(frozen=True, slots=True)
class WorkerPlan:
    """The start parameters of every worker."""

    detectors: DetectorPlan
    max_pixels: int
    memory_limit_bytes: int
    sandbox: bool = True

    def spec(self, slot: int, without: frozenset[tuple[str, str]], accelerator: int | None) -> WorkerSpec:
        """Return the start parameters of a worker: for an accelerator, or without some detectors (strategy, model).

        A worker with an accelerator has no memory limit, because its driver may need more. If all detectors would be
        excluded, none is.
        """
        detectors = self.detectors
        choices = tuple(each for each in detectors.choices if (each.strategy, each.model) not in without)
        if accelerator is not None:
            choices = (detectors.accelerators[accelerator],)
        return WorkerSpec(
            slot,
            choices or detectors.choices,
            self.max_pixels,
            0 if any(each.device for each in choices) else self.memory_limit_bytes,
            detectors.second_stage,
            sandbox=self.sandbox,
        )


def message_of(jobs: Iterable[tuple[int, Job]], limit_s: float) -> Task | Batch:
    """Return the tasks for jobs (with their ids) whose pictures lie one behind the other in the worker's buffer."""
    tasks: list[Task] = []
    for job_id, job in jobs:
        offset = tasks[-1].offset + tasks[-1].size if tasks else 0
        tasks.append(task_of(job_id, job, limit_s, offset))
    return tasks[0] if len(tasks) == 1 else Batch(tuple(tasks))


def task_of(job_id: int, job: Job, limit_s: float, offset: int) -> Task:
    """Return the task for a job whose picture lies at `offset` in the worker's buffer."""
    return Task(
        job_id=job_id,
        size=len(job.frame.image),
        width=job.frame.header.width,
        height=job.frame.header.height,
        rules=job.rules,
        time_limit_s=limit_s,
        snapshot=job.snapshot,
        picture_bytes=job.picture_bytes,
        rotation=job.rotation,
        privacy=job.privacy,
        label=job.label,
        cascade=job.frame.trigger is Trigger.PRESS,
        offset=offset,
        reference=b"" if job.frame.trigger is Trigger.PRESS else job.reference,
    )
