"""The pool without its processes: what to do next, decided from what has happened.

Every method takes the time, changes the pool's values and returns the actions that the supervisor carries
out in that order. Nothing here knows a process, a pipe or a clock, so every order of deaths, answers and
time-outs can be played through in a test.
"""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from edge_agent.frame_queue import FrameQueue
from edge_agent.model import (
    NO_PICTURES,
    Failure,
    Job,
    Outcome,
    Pictures,
    PoolView,
    ShedReason,
    SlotState,
    Trigger,
    WorkerDetector,
)
from edge_agent.pool.actions import Action, Assign, KillWorker, Report, StartWorker, StopWorker, shed
from edge_agent.pool.dispatch import Candidate, choose, smoothed
from edge_agent.pool.exclusion import Exclusions
from edge_agent.pool.restart_policy import Park, decide
from edge_agent.pool.retries import Retries
from edge_agent.pool.slot import Slot
from edge_agent.pool.verdict import after_crash, after_refusal
from edge_agent.wire import Detected, Failed, FailureReason, Ready, SnapshotWish, Trying, Unavailable

if TYPE_CHECKING:
    from edge_agent.pool.limits import PoolLimits

KILL_GRACE_S: Final = 0.25
"""A worker ends itself at its limit, with a stack; one that is stopped cannot, and is killed so much later."""


class PoolCore:
    """Queue, slots and timers of the pool."""

    def __init__(self, limits: PoolLimits) -> None:
        self._limits = limits
        self._queue = FrameQueue(limits.queue)
        self._slots = [Slot(number) for number in range(limits.workers)]
        self._retries = Retries(limits.retry_delay_s)
        self._service_ms: dict[tuple[str, str], float] = {}
        self._job_ids = itertools.count(1)
        self._deaths: Counter[str] = Counter()
        self._exclusions = Exclusions()
        self._unavailable: tuple[Unavailable, ...] = ()
        self._draining = False

    # What happens

    def start(self, now: float) -> list[Action]:
        """Start all workers."""
        return [self._start(slot, now) for slot in self._slots]

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
        slot.detector = WorkerDetector(number, message.strategy, message.model)
        slot.trying = None
        self._exclusions.clear((message.strategy, message.model))
        slot.deadline_s = None
        slot.enter(SlotState.IDLE, now)
        self._unavailable = message.unavailable
        return self._dispatch(now)

    def trying(self, number: int, message: Trying) -> None:
        """Note which detector a worker loads."""
        self._slots[number].trying = (message.strategy, message.model)

    def unusable(self, number: int, unavailable: tuple[Unavailable, ...]) -> None:
        """Note why a worker found no detector; its process ends by itself."""
        self._unavailable = unavailable
        self._slots[number].trying = None
        self._slots[number].end_reason = "; ".join(
            f"{each.strategy} {each.model}: {each.reason}" for each in unavailable
        )

    def answered(self, number: int, message: Detected | Failed, pictures: Pictures, now: float) -> list[Action]:
        """Use a worker's answer, unless it is not the one that was asked for."""
        slot = self._slots[number]
        if slot.job is None or message.job_id != slot.job_id:
            return []
        job = replace(slot.job, attempts=slot.job.attempts + 1)
        self._measure(slot, now)
        slot.release(now)
        slot.jobs_done += 1
        slot.jobs_of_worker += 1
        if slot.state is SlotState.BUSY:
            slot.enter(SlotState.IDLE, now)
        if isinstance(message, Failed):
            actions = self._failed(job, message, slot, now)
        else:
            slot.memory_bytes = message.memory_bytes
            actions = [self._report(job, message, slot, pictures)]
        return [*actions, *self._dispatch(now)]

    def lost(self, number: int, now: float) -> None:
        """Note that a worker is ending; what it said before is still to come, but it takes no more frames."""
        slot = self._slots[number]
        if slot.state is not SlotState.STOPPING:
            slot.enter(SlotState.LOST, now)

    def refused(self, number: int, now: float) -> list[Action]:
        """Take back a frame that never reached its worker, which is gone: it had no part in that."""
        slot = self._slots[number]
        job = slot.release(now)
        self.lost(number, now)
        if job is not None:
            self._queue.put_back(job)
        return self._dispatch(now)

    def died(self, number: int, reason: str, now: float) -> list[Action]:
        """Deal with the end of a worker: its frame is tried again, and the slot filled again by the restart policy."""
        slot = self._slots[number]
        expected = slot.state is SlotState.STOPPING
        job = slot.release(now)
        slot.pid = None
        if expected:
            return [self._start(slot, now), *self._dispatch(now)]
        slot.last_error = slot.end_reason or reason
        self._deaths[reason] += 1
        if slot.trying is not None:
            self._exclusions.note(slot.trying, slot.last_error, now)
        actions = self._crashed(job, slot, now) if job is not None else []
        self._schedule_restart(slot, now)
        return [*actions, *self.tick(now)]

    def tick(self, now: float) -> list[Action]:
        """Do all that is due."""
        actions: list[Action] = [shed(job, ShedReason.EXPIRED) for job in self._queue.expire(now)]
        actions += [
            self._start(slot, now) for slot in self._slots if slot.resume_s is not None and slot.resume_s <= now
        ]
        actions += [self._kill(slot) for slot in self._slots if slot.deadline_s is not None and slot.deadline_s <= now]
        for job in self._retries.take_due(now):
            if job.crashes:
                self._queue.put_last(job)  # it may take the next worker down too: the others go first
            else:
                self._queue.put_back(job)
        return [*actions, *self._dispatch(now)]

    def restart_all(self, now: float) -> list[Action]:
        """Replace every worker: the idle ones at once, the busy ones after their frame; wake the parked ones."""
        actions: list[Action] = []
        for slot in self._slots:
            slot.deaths.clear()
            slot.replace = slot.has_process()
            if slot.state is SlotState.IDLE:
                actions.append(self._stop(slot, now))
            elif not slot.has_process():
                actions.append(self._start(slot, now))
        return actions

    def drain(self) -> list[Action]:
        """Take no more frames in and drop the ordinary ones that wait; frames of a press are still looked at."""
        self._draining = True
        return [shed(job, ShedReason.STOPPING) for job in self._queue.clear(keep=Trigger.PRESS)]

    def abandon(self) -> list[Action]:
        """Give everything up that is still unfinished."""
        jobs = [*self._queue.clear(), *self._retries.clear()]
        jobs += [slot.job for slot in self._slots if slot.job is not None]
        return [shed(job, ShedReason.STOPPING) for job in jobs]

    # What is known

    def is_drained(self) -> bool:
        """Return whether the pool was told to drain, and no frame waits or is looked at."""
        return (
            self._draining
            and not len(self._queue)
            and not len(self._retries)
            and all(slot.job is None for slot in self._slots)
        )

    def next_due_s(self) -> float | None:
        """Return when `tick` must be called at the latest, or None."""
        due = [self._queue.next_expiry_s(), self._retries.next_due_s()]
        for slot in self._slots:
            due += [slot.deadline_s, slot.resume_s]
        return min((time_s for time_s in due if time_s is not None), default=None)

    def view(self, now: float) -> PoolView:
        """Return what others may know."""
        return PoolView(
            workers=tuple(slot.view(now) for slot in self._slots),
            waiting=self._queue.depths(),
            retrying=len(self._retries),
            retries=self._retries.total,
            restarts=sum(slot.restarts for slot in self._slots),
            deaths=dict(self._deaths),
            unavailable=(*self._unavailable, *self._excluded(now)),
        )

    def _excluded(self, now: float) -> list[Unavailable]:
        return [Unavailable(*choice, reason) for choice, reason in self._exclusions.current(now).items()]

    # Workers

    def _start(self, slot: Slot, now: float) -> StartWorker:
        slot.resume_s = None
        slot.end_reason = ""
        slot.replace = False
        slot.memory_bytes = 0
        slot.jobs_of_worker = 0
        slot.started_s = now
        slot.trying = None
        slot.detector = None
        slot.deadline_s = now + self._limits.start_timeout_s
        slot.enter(SlotState.STARTING, now)
        return StartWorker(slot.number, frozenset(self._exclusions.current(now)))

    def _kill(self, slot: Slot) -> KillWorker:
        slot.deadline_s = None
        limit_s = self._limits.job_timeout_s if slot.job is not None else self._limits.start_timeout_s
        what = "a frame" if slot.job is not None else "its start"
        slot.end_reason = f"did not finish {what} within {limit_s:g} s"
        return KillWorker(slot.number, slot.end_reason)

    def _schedule_restart(self, slot: Slot, now: float) -> None:
        slot.deaths.append(now)
        slot.restarts += 1
        decision = decide(slot.deaths, now, self._limits.restart)
        if isinstance(decision, Park):
            slot.resume_s = now + decision.rest_s
            slot.enter(SlotState.PARKED, now)
        else:
            slot.resume_s = now + decision.delay_s
            slot.enter(SlotState.WAITING, now)

    def _recycle(self, now: float) -> list[Action]:
        """Replace idle workers that are too large or too old, unless a press waits or no other could take one."""
        if self._queue.depths()[Trigger.PRESS]:
            return []
        actions: list[Action] = []
        for slot in self._slots:  # one after the other: each that goes must leave another
            if slot.state is SlotState.IDLE and self._has_served(slot, now) and self._can_spare(slot):
                actions += [self._stop(slot, now)]
        return actions

    def _has_served(self, slot: Slot, now: float) -> bool:
        limits = self._limits
        return (
            slot.replace
            or slot.memory_bytes > limits.memory_limit_bytes
            or 0 < limits.max_jobs <= slot.jobs_of_worker
            or 0 < limits.max_age_s <= now - slot.started_s
        )

    def _can_spare(self, slot: Slot) -> bool:
        others = [other for other in self._slots if other is not slot]
        return not others or any(other.state in {SlotState.IDLE, SlotState.BUSY} for other in others)

    def _stop(self, slot: Slot, now: float) -> StopWorker:
        slot.deadline_s = now + self._limits.start_timeout_s
        slot.enter(SlotState.STOPPING, now)
        return StopWorker(slot.number)

    # Jobs

    def _dispatch(self, now: float) -> list[Action]:
        """Give waiting frames to idle workers, but for those whose time to go has come."""
        actions = self._recycle(now)
        while idle := [slot for slot in self._slots if slot.state is SlotState.IDLE]:
            job = self._queue.take()
            if job is None:
                break
            if job.expires_s <= now:
                actions.append(shed(job, ShedReason.EXPIRED))
                continue
            slot = self._slots[choose([self._candidate(slot) for slot in idle])]
            actions.append(self._assign(slot, job, now))
        return actions

    def _assign(self, slot: Slot, job: Job, now: float) -> Assign:
        slot.job = job
        slot.job_id = next(self._job_ids)
        slot.assigned_s = now
        slot.deadline_s = now + self._limits.job_timeout_s + KILL_GRACE_S
        slot.enter(SlotState.BUSY, now)
        return Assign(slot.number, slot.job_id, job)

    def _candidate(self, slot: Slot) -> Candidate:
        return Candidate(slot.number, self._service_ms.get(_kind(slot)), slot.since_s)

    def _measure(self, slot: Slot, now: float) -> None:
        kind = _kind(slot)
        self._service_ms[kind] = smoothed(self._service_ms.get(kind), (now - slot.assigned_s) * 1000)

    def _failed(self, job: Job, message: Failed, slot: Slot, now: float) -> list[Action]:
        if message.reason is FailureReason.DETECTOR_ERROR:
            slot.last_error = message.detail
        failure = after_refusal(job, message, self._limits.max_attempts)
        return [self._report(job, failure, slot)] if failure else self._retry(job, now)

    def _crashed(self, job: Job, slot: Slot, now: float) -> list[Action]:
        job = replace(job, attempts=job.attempts + 1, crashes=job.crashes + 1)
        late = now - slot.assigned_s >= self._limits.job_timeout_s
        failure = after_crash(job, slot.last_error, self._limits.max_attempts, late=late)
        return [self._report(job, failure, slot)] if failure else self._retry(job, now)

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

    def _report(self, job: Job, result: Detected | Failure, slot: Slot, pictures: Pictures = NO_PICTURES) -> Report:
        queue_ms = (slot.assigned_s - job.frame.received_s) * 1000
        return Report(Outcome(job.frame, result, job.attempts, queue_ms, slot.detector, pictures))


def _kind(slot: Slot) -> tuple[str, str]:
    return (slot.detector.strategy, slot.detector.model) if slot.detector else ("", "")
