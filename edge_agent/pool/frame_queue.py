"""The queue of frames: bounded, press before motion before continuous, fair to all doorbells.

Pure: no lock, no clock, no thread. It has one owner; times are arguments.
"""

from __future__ import annotations

import math
from collections import OrderedDict, deque
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from edge_agent.domain import Job, ShedReason, Trigger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@dataclass(frozen=True, slots=True)
class QueueLimits:
    """Limits: frames and bytes in all, and frames of one doorbell by trigger (None: no limit)."""

    frames: int
    image_bytes: int
    motion_per_doorbell: int

    def per_doorbell(self, trigger: Trigger) -> int | None:
        """Return how many frames of one doorbell may be queued; of continuous frames only the newest."""
        return {Trigger.PRESS: None, Trigger.MOTION: self.motion_per_doorbell, Trigger.CONTINUOUS: 1}[trigger]


@dataclass(frozen=True, slots=True)
class Evicted:
    """A job that left the queue without being processed."""

    job: Job
    reason: ShedReason


class FrameQueue:
    """Jobs by trigger and doorbell: a trigger holds its doorbells in turn order, a doorbell its jobs, oldest first."""

    def __init__(self, limits: QueueLimits) -> None:
        self._limits = limits
        self._turns: dict[Trigger, OrderedDict[str, deque[Job]]] = {trigger: OrderedDict() for trigger in Trigger}
        self._waiting = dict.fromkeys(Trigger, 0)
        self._image_bytes = 0
        self._expiry_s = math.inf
        """No job expires before this time; computed again only then, since most jobs are taken before they expire."""

    def __len__(self) -> int:
        return sum(self._waiting.values())

    @property
    def image_bytes(self) -> int:
        """Bytes of the queued pictures."""
        return self._image_bytes

    def depths(self) -> dict[Trigger, int]:
        """Return the number of queued frames, by trigger."""
        return dict(self._waiting)

    def depth(self, trigger: Trigger) -> int:
        """Return the number of queued frames of a trigger."""
        return self._waiting[trigger]

    def offer(self, job: Job) -> list[Evicted]:
        """Add a job, and return the evicted ones: perhaps the job itself."""
        if len(job.frame.image) > self._limits.image_bytes:
            return [Evicted(job, ShedReason.OVERLOAD)]
        evicted = [Evicted(old, ShedReason.SUPERSEDED) for old in self._surplus(job)]
        for old in evicted:
            self._remove(old.job)
        while self._is_full_for(job):
            victim = self._least_urgent()
            if victim is None or victim.frame.trigger < job.frame.trigger or victim.frame.trigger is Trigger.PRESS:
                return [*evicted, Evicted(job, ShedReason.OVERLOAD)]
            self._remove(victim)
            evicted.append(Evicted(victim, ShedReason.OVERLOAD))
        self._append(job)
        return evicted

    def put_back(self, job: Job) -> None:
        """Put a job that was taken before at the head again; the limits do not apply to it."""
        turns = self._turns[job.frame.trigger]
        turns.setdefault(job.frame.doorbell, deque()).appendleft(job)
        turns.move_to_end(job.frame.doorbell, last=False)
        self._count_in(job)

    def put_last(self, job: Job) -> None:
        """Put a job that was taken before behind all others of its trigger; the limits do not apply to it."""
        self._append(job)

    def pop(self) -> Job | None:
        """Remove and return the next job: highest trigger, next doorbell in turn, its oldest frame."""
        for turns in self._turns.values():
            if turns:
                doorbell, jobs = next(iter(turns.items()))
                turns.move_to_end(doorbell)
                job = jobs[0]
                self._remove(job)
                return job
        return None

    def prioritize(self, doorbell: str, change: Callable[[Job], Job]) -> int:
        """Turn all queued frames of a doorbell into press frames, oldest first; return their number."""
        waiting = [job for job in self if job.frame.doorbell == doorbell and job.frame.trigger is not Trigger.PRESS]
        for job in sorted(waiting, key=lambda job: job.frame.received_s):
            self._remove(job)
            self._append(change(replace(job, frame=replace(job.frame, trigger=Trigger.PRESS))))
        return len(waiting)

    def expire(self, now: float) -> list[Job]:
        """Remove and return the expired jobs."""
        if now < self._expiry_s:
            return []
        late = [job for job in self if job.expires_s <= now]
        for job in late:
            self._remove(job)
        self._expiry_s = min((job.expires_s for job in self), default=math.inf)
        return late

    def next_expiry_s(self) -> float | None:
        """Return when to call `expire` at the latest, or None; it may be earlier than the first expiry."""
        return self._expiry_s if self._expiry_s < math.inf else None

    def clear(self, keep: Trigger | None = None) -> list[Job]:
        """Remove and return everything, except the frames of one trigger."""
        jobs = [job for job in self if job.frame.trigger is not keep]
        for job in jobs:
            self._remove(job)
        return jobs

    def __iter__(self) -> Iterator[Job]:
        for turns in self._turns.values():
            for jobs in turns.values():
                yield from jobs

    def _surplus(self, job: Job) -> list[Job]:
        """Return the oldest jobs to evict so that this one fits into its doorbell's share."""
        limit = self._limits.per_doorbell(job.frame.trigger)
        if limit is None:
            return []
        waiting = self._turns[job.frame.trigger].get(job.frame.doorbell, deque())
        return list(waiting)[: max(0, len(waiting) + 1 - limit)]

    def _is_full_for(self, job: Job) -> bool:
        return (
            len(self) + 1 > self._limits.frames or self._image_bytes + len(job.frame.image) > self._limits.image_bytes
        )

    def _least_urgent(self) -> Job | None:
        """Return the oldest frame of the doorbell with the most queued frames, at the lowest trigger that has any."""
        for trigger in reversed(Trigger):
            turns = self._turns[trigger]
            if turns:
                return max(turns.values(), key=len)[0]
        return None

    def _append(self, job: Job) -> None:
        self._turns[job.frame.trigger].setdefault(job.frame.doorbell, deque()).append(job)
        self._count_in(job)

    def _count_in(self, job: Job) -> None:
        self._waiting[job.frame.trigger] += 1
        self._image_bytes += len(job.frame.image)
        self._expiry_s = min(self._expiry_s, job.expires_s)

    def _remove(self, job: Job) -> None:
        turns = self._turns[job.frame.trigger]
        jobs = turns[job.frame.doorbell]
        jobs.remove(job)
        if not jobs:
            del turns[job.frame.doorbell]
        self._waiting[job.frame.trigger] -= 1
        self._image_bytes -= len(job.frame.image)
