"""All decisions of the pool, without its processes.

Every method takes the time, changes the pool's values and returns the actions that the supervisor carries out in
that order. Nothing here knows a process, a pipe or a clock, so a test can play every order of deaths, answers and
timeouts.
"""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from edge_agent.domain import (
    NO_PICTURES,
    DetectorPlan,
    Failure,
    Frame,
    Job,
    Outcome,
    Pictures,
    ShedReason,
    Trigger,
)
from edge_agent.pool.actions import (
    Action,
    Assign,
    Report,
    shed,
)
from edge_agent.pool.dispatch import Candidate, choose, smoothed
from edge_agent.pool.frame_queue import FrameQueue
from edge_agent.pool.retries import Retries, after_crash, after_failure
from edge_agent.pool.views import PoolView, SlotState
from edge_agent.pool.worker_set import WorkerSet
from edge_agent.reasons import ExitReason, WorkerExit
from edge_agent.wire import Detected, Failed, FailureReason, Loading, Ready, SnapshotMode, Unavailable, Unchanged

if TYPE_CHECKING:
    from collections.abc import Iterator

    from edge_agent.pool.limits import PoolLimits
    from edge_agent.pool.slot import Slot
    from edge_agent.reasons import DetectorFault

KILL_GRACE_S: Final = 0.25
"""A worker exits by itself at its time limit, with a stack trace; one that cannot is killed this much later."""


class PoolCore:
    """Queue, slots and timers of the pool."""

    def __init__(self, limits: PoolLimits, detectors: DetectorPlan) -> None:
        self._limits = limits
        self._workers = WorkerSet(limits, detectors)
        self._slots = self._workers.slots
        self._missing = detectors.missing
        self._queue = FrameQueue(limits.queue)
        self._retries = Retries(limits.retry_delay_s)
        self._service_ms: dict[tuple[str, str], float] = {}
        self._job_ids = itertools.count(1)
        self._draining = False

    # Events

    def start(self, now: float) -> list[Action]:
        """Start all workers, and probe the accelerators."""
        started = itertools.chain.from_iterable(self._workers.start(slot, now) for slot in self._slots)
        return [*started, *self._workers.probe(now)]

    def offer(self, job: Job, now: float) -> list[Action]:
        """Queue a frame."""
        if self._draining:
            return [shed(job, ShedReason.STOPPING)]
        return [*(shed(each.job, each.reason) for each in self._queue.offer(job)), *self._dispatch(now)]

    def prioritize(self, doorbell: str, now: float) -> list[Action]:
        """Turn the queued frames of a doorbell into press frames."""
        self._queue.prioritize(doorbell, self._as_press)
        self._retries.update(doorbell, self._as_press)
        return self._dispatch(now)

    def on_started(self, slot: int, pid: int) -> None:
        """Record the process of a slot."""
        self._slots[slot].pid = pid

    def on_ready(self, number: int, message: Ready, now: float) -> list[Action]:
        """Use a worker from now on: its detector is loaded."""
        slot = self._slots[number]
        if slot.state is not SlotState.STARTING:
            return []
        self._workers.on_ready(slot, message, now)
        if slot.accelerator is not None:
            self._service_ms.pop(_kind(slot), None)  # measurements from before the loss no longer hold
        return self._dispatch(now)

    def on_loading(self, number: int, message: Loading) -> None:
        """Record which detector a worker is loading."""
        self._workers.on_loading(self._slots[number], message)

    def on_unusable(self, number: int, unavailable: tuple[Unavailable, ...]) -> None:
        """Record why a worker found no detector; its process exits by itself."""
        self._workers.on_unusable(self._slots[number], unavailable)

    def on_answer(
        self, number: int, message: Detected | Unchanged | Failed, pictures: Pictures, now: float
    ) -> list[Action]:
        """Handle a worker's result; ignore one that belongs to no current job."""
        slot = self._slots[number]
        alone = len(slot.jobs) == 1
        job = slot.finish(message.job_id, now)
        if job is None:
            return []
        attempts = job.attempts + 1
        if alone and not isinstance(message, Unchanged):
            self._measure(slot, now)
        slot.jobs_done += 1
        slot.jobs_of_worker += 1
        if slot.state is SlotState.BUSY and not slot.jobs:
            slot.enter(SlotState.IDLE, now)
        match message:
            case Failed():
                actions = self._on_failed(replace(job, attempts=attempts), message, slot, now)
            case Unchanged(memory_bytes=memory_bytes):
                slot.memory_bytes = memory_bytes
                actions = [shed(replace(job, attempts=attempts), ShedReason.UNCHANGED)]
            case Detected():
                slot.memory_bytes = message.memory_bytes
                actions = [_report(job.frame, message, attempts, slot, pictures, now)]
        return [*self._dispatch(now), *actions]  # the next job first; the report can wait

    def on_exiting(self, number: int, now: float) -> None:
        """Stop using a worker that is exiting; messages that it sent before may still arrive."""
        slot = self._slots[number]
        if slot.state is not SlotState.STOPPING:
            slot.enter(SlotState.EXITING, now)

    def on_undelivered(self, number: int, now: float) -> list[Action]:
        """Queue a frame again that never reached its worker: the frame did not cause the worker's end."""
        slot = self._slots[number]
        jobs = slot.release(now)
        self.on_exiting(number, now)
        for job in reversed(jobs):
            self._queue.put_back(job)
        return self._dispatch(now)

    def on_exit(self, number: int, end: WorkerExit, now: float) -> list[Action]:
        """Handle the end of a worker: retry its frame, and refill the slot by the restart policy."""
        slot = self._slots[number]
        expected = slot.state is SlotState.STOPPING
        jobs = slot.release(now)
        slot.pid = None
        if expected:
            return [*self._workers.refill(slot, now), *self._dispatch(now)]
        self._workers.on_exit(slot, end, now)
        if slot.accelerator is not None:
            self._release_accelerator(slot, [replace(job, attempts=job.attempts + 1) for job in jobs], now)
            return [*self._workers.start(slot, now), *self.tick(now)]
        actions = [action for job in jobs for action in self._on_crash(job, slot, slot.end or end, now)]
        self._workers.schedule_restart(slot, now)
        return [*actions, *self.tick(now)]

    def on_probe_result(self, accelerator: int, fault: DetectorFault | None, now: float) -> list[Action]:
        """Record the result of a probe; `fault` says why the accelerator is unavailable, or is None."""
        self._workers.accelerators.on_probe_result(accelerator, fault, now)
        return self._dispatch(now)

    def allow_strategy(self, strategy: str, now: float) -> list[Action]:
        """Allow the accelerators of one strategy, or all (`auto`); the others are released after their frame."""
        self._workers.allow_strategy(strategy)
        return [*self._workers.probe(now), *self._dispatch(now)]

    def tick(self, now: float) -> list[Action]:
        """Handle everything that is due."""
        actions: list[Action] = [shed(job, ShedReason.EXPIRED) for job in self._queue.expire(now)]
        actions += self._workers.tick(now)
        for job in self._retries.take_due(now):
            if job.crashes:
                self._queue.put_last(job)  # it may crash the next worker too: the other frames go first
            else:
                self._queue.put_back(job)
        return [*actions, *([] if self._draining else self._workers.probe(now)), *self._dispatch(now)]

    def restart_all(self, now: float) -> list[Action]:
        """Replace every worker: idle ones at once, busy ones after their frame; close the open circuits."""
        return self._workers.restart_all(now)

    def drain(self) -> list[Action]:
        """Accept no more frames and drop queued ordinary ones; press frames are still processed."""
        self._draining = True
        return [shed(job, ShedReason.STOPPING) for job in self._queue.clear(keep=Trigger.PRESS)]

    def abandon(self) -> list[Action]:
        """Give up every unfinished frame."""
        jobs = [*self._queue.clear(), *self._retries.clear()]
        jobs += [job for slot in self._slots for job in slot.jobs.values()]
        return [shed(job, ShedReason.STOPPING) for job in jobs]

    # State

    def is_drained(self) -> bool:
        """Return whether the pool is draining, and no frame is queued or in progress."""
        return (
            self._draining
            and not len(self._queue)
            and not len(self._retries)
            and not any(slot.jobs for slot in self._slots)
        )

    def next_due_s(self) -> float | None:
        """Return when `tick` must be called next, or None."""
        age_s = None if self._draining else self._workers.next_age_s()
        due = (self._queue.next_expiry_s(), self._retries.next_due_s(), self._workers.next_due_s(), age_s)
        return min((time_s for time_s in due if time_s is not None), default=None)

    def view(self, now: float) -> PoolView:
        """Return what others may know."""
        return PoolView(
            workers=tuple(slot.view(now) for slot in self._slots),
            waiting=self._queue.depths(),
            retrying=len(self._retries),
            retries=self._retries.total,
            restarts=sum(slot.restarts for slot in self._slots),
            deaths=dict(self._workers.deaths),
            unavailable=self._workers.unavailable(now),
            accelerators=self._workers.accelerators.view(now),
            missing=self._missing,
            accelerator_assignments=self._workers.accelerators.accelerator_assignments,
            accelerator_releases=self._workers.accelerators.accelerator_releases,
            unfinished=len(self._queue) + len(self._retries) + sum(len(slot.jobs) for slot in self._slots),
            service_ms={strategy: spent_ms for (strategy, _), spent_ms in self._service_ms.items()},
        )

    # Jobs

    def _dispatch(self, now: float) -> list[Action]:
        """Assign queued frames to idle workers, except workers that are due to be replaced.

        No worker is replaced while a press frame is queued.
        """
        if all(slot.state is SlotState.BUSY for slot in self._slots):
            return []
        actions: list[Action] = []
        if not self._draining and not self._queue.depth(Trigger.PRESS):
            actions += self._workers.recycle(now)
        while idle := [slot for slot in self._slots if slot.state is SlotState.IDLE]:
            job = self._queue.pop()
            if job is None:
                break
            if job.expires_s <= now:
                actions.append(shed(job, ShedReason.EXPIRED))
                continue
            slot = self._slots[choose([self._candidate(slot) for slot in idle])]
            actions.append(self._assign(slot, [job, *self._batch_with(job, slot.batch - 1, now)], now))
        return actions

    def _batch_with(self, first: Job, most: int, now: float) -> Iterator[Job]:
        """Yield queued frames of the same trigger, to be processed in one batch with the first."""
        while most and self._queue.depth(first.frame.trigger):
            job = self._queue.pop()
            if job is None:
                return
            if job.expires_s <= now:
                self._queue.put_back(job)  # its expiry is handled when its turn comes
                return
            most -= 1
            yield job

    def _assign(self, slot: Slot, jobs: list[Job], now: float) -> Assign:
        limit_s = self._workers.job_limit_s(slot)
        numbered = {next(self._job_ids): job for job in jobs}
        slot.assign(numbered, limit_s + KILL_GRACE_S, now)
        (job_id, job), *more = numbered.items()
        return Assign(slot.number, job_id, job, limit_s, tuple(more))

    def _candidate(self, slot: Slot) -> Candidate:
        accelerated = slot.accelerator is not None
        return Candidate(slot.number, self._service_ms.get(_kind(slot)), slot.since_s, accelerated)

    def _measure(self, slot: Slot, now: float) -> None:
        kind = _kind(slot)
        self._service_ms[kind] = smoothed(self._service_ms.get(kind), (now - slot.assigned_s) * 1000)

    def _on_failed(self, job: Job, message: Failed, slot: Slot, now: float) -> list[Action]:
        if message.reason is FailureReason.DETECTOR_ERROR:
            slot.last_error = WorkerExit(ExitReason.DETECTOR_ERROR, message.detail)
            if slot.accelerator is not None:
                self._release_accelerator(slot, [job, *slot.release(now)], now)
                return [self._workers.kill_released(slot, now)]
        failure = after_failure(job, message, self._limits.max_attempts)
        return [_report(job.frame, failure, job.attempts, slot)] if failure else self._retry(job, now)

    def _release_accelerator(self, slot: Slot, jobs: list[Job], now: float) -> None:
        """Take the accelerator from a slot; its frames did not cause the failure and go to the next worker."""
        self._workers.release_accelerator(slot, now)
        for job in reversed(jobs):
            self._queue.put_back(replace(job, excused=job.excused + 1))

    def _on_crash(self, job: Job, slot: Slot, end: WorkerExit, now: float) -> list[Action]:
        job = replace(job, attempts=job.attempts + 1, crashes=job.crashes + 1)
        late = now - slot.assigned_s >= self._limits.job_timeout_s
        failure = after_crash(job, end, self._limits.max_attempts, late=late)
        return [_report(job.frame, failure, job.attempts, slot)] if failure else self._retry(job, now)

    def _retry(self, job: Job, now: float) -> list[Action]:
        if self._draining and job.frame.trigger is not Trigger.PRESS:
            return [shed(job, ShedReason.STOPPING)]
        self._retries.add(job, now)
        return []

    def _as_press(self, job: Job) -> Job:
        frame = replace(job.frame, trigger=Trigger.PRESS)
        expires_s = frame.received_s + self._limits.press_expiry_s
        return replace(job, frame=frame, snapshot=SnapshotMode.ALWAYS, expires_s=expires_s)


def _report(  # noqa: PLR0913, PLR0917 - an outcome's parts
    frame: Frame,
    result: Detected | Failure,
    attempts: int,
    slot: Slot,
    pictures: Pictures = NO_PICTURES,
    answered_s: float = 0.0,
) -> Report:
    queue_ms = (slot.assigned_s - frame.received_s) * 1000
    return Report(Outcome(frame, result, attempts, queue_ms, slot.detector, pictures, answered_s))


def _kind(slot: Slot) -> tuple[str, str]:
    return (slot.detector.strategy, slot.detector.model) if slot.detector else ("", "")
