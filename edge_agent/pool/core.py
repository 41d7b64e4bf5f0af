"""The pool without its processes: what to do next, decided from what has happened.

Every method takes the time, changes the pool's values and returns the actions that the supervisor carries
out in that order. Nothing here knows a process, a pipe or a clock, so every order of deaths, answers and
time-outs can be played through in a test.
"""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from edge_agent.frame_queue import FrameQueue
from edge_agent.model import (
    NO_PICTURES,
    DetectorPlan,
    Failure,
    Frame,
    Job,
    Outcome,
    Pictures,
    PoolView,
    ShedReason,
    SlotState,
    Trigger,
)
from edge_agent.pool.actions import (
    Action,
    Assign,
    Report,
    shed,
)
from edge_agent.pool.crew import Crew
from edge_agent.pool.dispatch import Candidate, choose, smoothed
from edge_agent.pool.retries import Retries
from edge_agent.pool.verdict import after_crash, after_refusal
from edge_agent.reasons import ExitReason, WorkerExit
from edge_agent.wire import Detected, Failed, FailureReason, Ready, SnapshotWish, Trying, Unavailable, Unchanged

if TYPE_CHECKING:
    from collections.abc import Iterator

    from edge_agent.pool.limits import PoolLimits
    from edge_agent.pool.slot import Slot
    from edge_agent.reasons import DetectorFault

KILL_GRACE_S: Final = 0.25
"""A worker ends itself at its limit, with a stack; one that is stopped cannot, and is killed so much later."""


class PoolCore:
    """Queue, slots and timers of the pool."""

    def __init__(self, limits: PoolLimits, detectors: DetectorPlan) -> None:
        self._limits = limits
        self._crew = Crew(limits, detectors)
        self._slots = self._crew.slots
        self._missing = detectors.missing
        self._queue = FrameQueue(limits.queue)
        self._retries = Retries(limits.retry_delay_s)
        self._service_ms: dict[tuple[str, str], float] = {}
        self._job_ids = itertools.count(1)
        self._draining = False

    # What happens

    def start(self, now: float) -> list[Action]:
        """Start all workers, and find out which accelerators work."""
        started = itertools.chain.from_iterable(self._crew.start(slot, now) for slot in self._slots)
        return [*started, *self._crew.probe(now)]

    def offer(self, job: Job, now: float) -> list[Action]:
        """Take a frame in."""
        if self._draining:
            return [shed(job, ShedReason.STOPPING)]
        return [*(shed(each.job, each.reason) for each in self._queue.offer(job)), *self._dispatch(now)]

    def promote(self, doorbell: str, now: float) -> list[Action]:
        """Make the waiting frames of a doorbell press frames."""
        self._queue.promote(doorbell, self._as_press)
        self._retries.change(doorbell, self._as_press)
        return self._dispatch(now)

    def started(self, slot: int, pid: int) -> None:
        """Note the process that holds a slot."""
        self._slots[slot].pid = pid

    def ready(self, number: int, message: Ready, now: float) -> list[Action]:
        """Begin to use a worker whose detector is loaded."""
        slot = self._slots[number]
        if slot.state is not SlotState.STARTING:
            return []
        self._crew.ready(slot, message, now)
        if slot.accelerator is not None:
            self._service_ms.pop(_kind(slot), None)  # how it was before it was lost says nothing
        return self._dispatch(now)

    def trying(self, number: int, message: Trying) -> None:
        """Note which detector a worker loads."""
        self._crew.trying(self._slots[number], message)

    def unusable(self, number: int, unavailable: tuple[Unavailable, ...]) -> None:
        """Note why a worker found no detector; its process ends by itself."""
        self._crew.unusable(self._slots[number], unavailable)

    def answered(
        self, number: int, message: Detected | Unchanged | Failed, pictures: Pictures, now: float
    ) -> list[Action]:
        """Use a worker's answer, unless it is not the one that was asked for."""
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
                actions = self._refused(replace(job, attempts=attempts), message, slot, now)
            case Unchanged(memory_bytes=memory_bytes):
                slot.memory_bytes = memory_bytes
                actions = [shed(replace(job, attempts=attempts), ShedReason.UNCHANGED)]
            case Detected():
                slot.memory_bytes = message.memory_bytes
                actions = [_report(job.frame, message, attempts, slot, pictures, now)]
        return [*self._dispatch(now), *actions]  # the worker waits; who reads the report can

    def lost(self, number: int, now: float) -> None:
        """Note that a worker is ending; what it said before is still to come, but it takes no more frames."""
        slot = self._slots[number]
        if slot.state is not SlotState.STOPPING:
            slot.enter(SlotState.LOST, now)

    def refused(self, number: int, now: float) -> list[Action]:
        """Take back a frame that never reached its worker, which is gone: it had no part in that."""
        slot = self._slots[number]
        jobs = slot.release(now)
        self.lost(number, now)
        for job in reversed(jobs):
            self._queue.put_back(job)
        return self._dispatch(now)

    def died(self, number: int, end: WorkerExit, now: float) -> list[Action]:
        """Deal with the end of a worker: its frame is tried again, and the slot filled again by the restart policy."""
        slot = self._slots[number]
        expected = slot.state is SlotState.STOPPING
        jobs = slot.release(now)
        slot.pid = None
        if expected:
            return [*self._crew.replace(slot, now), *self._dispatch(now)]
        self._crew.died(slot, end, now)
        if slot.accelerator is not None:
            self._demote(slot, [replace(job, attempts=job.attempts + 1) for job in jobs], now)
            return [*self._crew.start(slot, now), *self.tick(now)]
        actions = [action for job in jobs for action in self._crashed(job, slot, slot.end or end, now)]
        self._crew.schedule_restart(slot, now)
        return [*actions, *self.tick(now)]

    def probed(self, accelerator: int, fault: DetectorFault | None, now: float) -> list[Action]:
        """Use the end of a probe; `fault` is why the accelerator is unavailable, or None."""
        self._crew.accelerators.probed(accelerator, fault, now)
        return self._dispatch(now)

    def allow(self, strategy: str, now: float) -> list[Action]:
        """Use accelerators of one strategy alone, or of all (`auto`); the others are given back after their frame."""
        self._crew.allow(strategy)
        return [*self._crew.probe(now), *self._dispatch(now)]

    def tick(self, now: float) -> list[Action]:
        """Do all that is due."""
        actions: list[Action] = [shed(job, ShedReason.EXPIRED) for job in self._queue.expire(now)]
        actions += self._crew.tick(now)
        for job in self._retries.take_due(now):
            if job.crashes:
                self._queue.put_last(job)  # it may take the next worker down too: the others go first
            else:
                self._queue.put_back(job)
        return [*actions, *([] if self._draining else self._crew.probe(now)), *self._dispatch(now)]

    def restart_all(self, now: float) -> list[Action]:
        """Replace every worker: the idle ones at once, the busy ones after their frame; wake the parked ones."""
        return self._crew.restart_all(now)

    def drain(self) -> list[Action]:
        """Take no more frames in and drop the ordinary ones that wait; frames of a press are still looked at."""
        self._draining = True
        return [shed(job, ShedReason.STOPPING) for job in self._queue.clear(keep=Trigger.PRESS)]

    def abandon(self) -> list[Action]:
        """Give everything up that is still unfinished."""
        jobs = [*self._queue.clear(), *self._retries.clear()]
        jobs += [job for slot in self._slots for job in slot.jobs.values()]
        return [shed(job, ShedReason.STOPPING) for job in jobs]

    # What is known

    def is_drained(self) -> bool:
        """Return whether the pool was told to drain, and no frame waits or is looked at."""
        return (
            self._draining
            and not len(self._queue)
            and not len(self._retries)
            and not any(slot.jobs for slot in self._slots)
        )

    def next_due_s(self) -> float | None:
        """Return when `tick` must be called at the latest, or None."""
        age_s = None if self._draining else self._crew.next_age_s()
        due = (self._queue.next_expiry_s(), self._retries.next_due_s(), self._crew.next_due_s(), age_s)
        return min((time_s for time_s in due if time_s is not None), default=None)

    def view(self, now: float) -> PoolView:
        """Return what others may know."""
        return PoolView(
            workers=tuple(slot.view(now) for slot in self._slots),
            waiting=self._queue.depths(),
            retrying=len(self._retries),
            retries=self._retries.total,
            restarts=sum(slot.restarts for slot in self._slots),
            deaths=dict(self._crew.deaths),
            unavailable=self._crew.unavailable(now),
            accelerators=self._crew.accelerators.view(now),
            missing=self._missing,
            promotions=self._crew.accelerators.promotions,
            demotions=self._crew.accelerators.demotions,
            unfinished=len(self._queue) + len(self._retries) + sum(len(slot.jobs) for slot in self._slots),
            service_ms={strategy: spent_ms for (strategy, _), spent_ms in self._service_ms.items()},
        )

    # Jobs

    def _dispatch(self, now: float) -> list[Action]:
        """Give waiting frames to idle workers, but for those whose time to go has come.

        None goes while a press waits: it would be one less to answer it.
        """
        if all(slot.state is SlotState.BUSY for slot in self._slots):
            return []
        actions: list[Action] = []
        if not self._draining and not self._queue.depth(Trigger.PRESS):
            actions += self._crew.recycle(now)
        while idle := [slot for slot in self._slots if slot.state is SlotState.IDLE]:
            job = self._queue.take()
            if job is None:
                break
            if job.expires_s <= now:
                actions.append(shed(job, ShedReason.EXPIRED))
                continue
            slot = self._slots[choose([self._candidate(slot) for slot in idle])]
            actions.append(self._assign(slot, [job, *self._more(job, slot.batch - 1, now)], now))
        return actions

    def _more(self, first: Job, most: int, now: float) -> Iterator[Job]:
        """Yield waiting frames of the same trigger, which are looked at together with the first."""
        while most and self._queue.depth(first.frame.trigger):
            job = self._queue.take()
            if job is None:
                return
            if job.expires_s <= now:
                self._queue.put_back(job)  # its expiry is dealt with when its turn comes
                return
            most -= 1
            yield job

    def _assign(self, slot: Slot, jobs: list[Job], now: float) -> Assign:
        limit_s = self._crew.job_limit_s(slot)
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

    def _refused(self, job: Job, message: Failed, slot: Slot, now: float) -> list[Action]:
        if message.reason is FailureReason.DETECTOR_ERROR:
            slot.last_error = WorkerExit(ExitReason.DETECTOR_ERROR, message.detail)
            if slot.accelerator is not None:
                self._demote(slot, [job, *slot.release(now)], now)
                return [self._crew.discharge(slot, now)]
        failure = after_refusal(job, message, self._limits.max_attempts)
        return [_report(job.frame, failure, job.attempts, slot)] if failure else self._retry(job, now)

    def _demote(self, slot: Slot, jobs: list[Job], now: float) -> None:
        """Take the accelerator from a slot; its frames, which had no part in that, are for the next worker."""
        self._crew.demote(slot, now)
        for job in reversed(jobs):
            self._queue.put_back(replace(job, excused=job.excused + 1))

    def _crashed(self, job: Job, slot: Slot, end: WorkerExit, now: float) -> list[Action]:
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
        return replace(
            job, frame=frame, snapshot=SnapshotWish.ALWAYS, expires_s=frame.received_s + self._limits.press_expiry_s
        )


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
