"""The slots and who holds them: when a worker is started, replaced, given an accelerator, or ended. Pure."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from edge_agent.model import SlotState
from edge_agent.pool.accelerators import Accelerators
from edge_agent.pool.actions import Action, EndProbe, KillWorker, StartProbe, StartWorker, StopWorker
from edge_agent.pool.exclusion import Exclusions
from edge_agent.pool.restart_policy import Park, decide
from edge_agent.pool.slot import Slot
from edge_agent.pool.wear import can_be_spared, has_served
from edge_agent.reasons import ExitReason, WorkerExit
from edge_agent.wire import Unavailable

if TYPE_CHECKING:
    from edge_agent.model import DetectorPlan
    from edge_agent.pool.limits import PoolLimits
    from edge_agent.wire import Ready, Trying


class Crew:
    """The workers of a pool, as values."""

    def __init__(self, limits: PoolLimits, detectors: DetectorPlan) -> None:
        self.slots = [Slot(number) for number in range(limits.workers)]
        self.accelerators = Accelerators(detectors.accelerators, limits.probe)
        self.deaths: Counter[ExitReason] = Counter()
        self._limits = limits
        self._choices = [(each.strategy, each.model) for each in detectors.choices]
        self._exclusions = Exclusions()
        self._unavailable: tuple[Unavailable, ...] = ()

    # What happens

    def start(self, slot: Slot, now: float) -> list[Action]:
        """Have a new worker hold a slot."""
        slot.clear(now)
        if slot.accelerator is None and not self._choices:
            slot.last_error = WorkerExit(ExitReason.NO_DETECTOR, "no accelerator does")
            slot.enter(SlotState.PARKED, now)
            return []
        slot.deadline_s = now + self._start_limit_s(slot)
        slot.enter(SlotState.STARTING, now)
        return [StartWorker(slot.number, frozenset(self._exclusions.current(now)), slot.accelerator)]

    def trying(self, slot: Slot, message: Trying) -> None:
        """Note which detector a worker loads."""
        slot.trying = (message.strategy, message.model)

    def unusable(self, slot: Slot, unavailable: tuple[Unavailable, ...]) -> None:
        """Note why a worker found no detector; its process ends by itself."""
        slot.trying = None
        said = "; ".join(f"{each.strategy} {each.model}: {each.fault.text}" for each in unavailable)
        slot.end = WorkerExit(ExitReason.NO_DETECTOR, said)
        slot.fault = unavailable[-1].fault if unavailable else None
        if slot.accelerator is None:
            self._unavailable = unavailable

    def ready(self, slot: Slot, message: Ready, now: float) -> None:
        """Begin to use a worker; if its detector is better than what others have, they are to try it too."""
        slot.become_ready(message, now)
        self._exclusions.clear((message.strategy, message.model))
        if slot.accelerator is None:
            self._unavailable = message.unavailable
            for other in self.slots:
                other.replace = other.replace or self._rank(other) > self._rank(slot)
        else:
            self.accelerators.loaded(slot.accelerator, now)

    def stop(self, slot: Slot, now: float) -> StopWorker:
        """Have an idle worker exit."""
        slot.deadline_s = now + self._limits.start_timeout_s
        slot.enter(SlotState.STOPPING, now)
        return StopWorker(slot.number)

    def replace(self, slot: Slot, now: float) -> list[Action]:
        """Fill the slot of a worker that exited as it was told, with or without an accelerator."""
        if slot.accelerator is not None and not self.accelerators.is_allowed(slot.accelerator):
            self.accelerators.release(slot.accelerator)
            slot.accelerator = None
        return self.start(slot, now)

    def died(self, slot: Slot, end: WorkerExit, now: float) -> None:
        """Note that a worker ended unasked, and how; what was known of it before tells more than its process."""
        slot.last_error = end = slot.end or end
        slot.restarts += 1
        self.deaths[end.reason] += 1
        if slot.accelerator is None and slot.trying is not None:
            self._exclusions.note(slot.trying, end, now)

    def schedule_restart(self, slot: Slot, now: float) -> None:
        """Say when the slot of a worker that died is filled again."""
        slot.deaths.append(now)
        decision = decide(slot.deaths, now, self._limits.restart)
        if isinstance(decision, Park):
            slot.resume_s = now + decision.rest_s
            slot.enter(SlotState.PARKED, now)
        else:
            slot.resume_s = now + decision.delay_s
            slot.enter(SlotState.WAITING, now)

    def demote(self, slot: Slot, now: float) -> None:
        """Take the accelerator, which failed as `last_error` says, from a slot."""
        if slot.accelerator is not None and slot.last_error is not None:
            self.accelerators.failed(slot.accelerator, slot.fault or slot.last_error.as_detector_fault(), now)
            slot.accelerator = None

    def discharge(self, slot: Slot, now: float) -> KillWorker:
        """End a worker whose accelerator failed while the worker itself lives: nobody knows what it still holds."""
        self.stop(slot, now)
        said = slot.last_error.text if slot.last_error else ""
        return KillWorker(slot.number, WorkerExit(ExitReason.ACCELERATOR_LOST, said))

    def allow(self, strategy: str) -> None:
        """Use accelerators of one strategy alone, or of all (`auto`); the others are given back after their frame."""
        self.accelerators.allow(strategy)
        for slot in self.slots:
            if slot.accelerator is not None and not self.accelerators.is_allowed(slot.accelerator):
                slot.replace = True

    def restart_all(self, now: float) -> list[Action]:
        """Replace every worker: the idle ones at once, the busy ones after their frame; wake the parked ones."""
        actions: list[Action] = []
        for slot in self.slots:
            slot.deaths.clear()
            slot.replace = slot.has_process()
            if slot.state is SlotState.IDLE:
                actions.append(self.stop(slot, now))
            elif not slot.has_process():
                actions += self.start(slot, now)
        return actions

    # What is due

    def tick(self, now: float) -> list[Action]:
        """Start the workers whose time has come, and end those whose time has passed.

        When a detector need not be left out any more, one worker that has a lesser one makes room to try it, if there
        is another one to look meanwhile.
        """
        actions: list[Action] = []
        if self._exclusions.have_ended(now) and len(self.slots) > 1:
            lesser = max(self.slots, key=self._rank)
            lesser.replace = lesser.replace or self._rank(lesser) > 0
        for slot in self.slots:
            if slot.resume_s is not None and slot.resume_s <= now:
                actions += self.start(slot, now)
        return [*actions, *(self._kill(slot) for slot in self.slots if slot.is_overdue(now))]

    def probe(self, now: float) -> list[Action]:
        """End the probes that take too long, and begin those that are due."""
        late: list[Action] = [EndProbe(number) for number in self.accelerators.overdue(now)]
        return [*late, *(StartProbe(number) for number in self.accelerators.start_due(now))]

    def recycle(self, now: float) -> list[Action]:
        """Replace idle workers that have served, and one for each accelerator that waits for a worker."""
        actions: list[Action] = []
        actions.extend(  # one after the other: each that goes must leave another
            self.stop(slot, now)
            for slot in self.slots
            if has_served(slot, self._limits, now) and can_be_spared(slot, self.slots)
        )
        for slot in self.slots:
            if slot.accelerator is None and (not slot.has_process() or can_be_spared(slot, self.slots)):
                actions += self._promote(slot, now)
        return actions

    def next_due_s(self) -> float | None:
        """Return when `tick` or `probe` has something to do, or None."""
        due = [self.accelerators.next_due_s(), self._exclusions.next_end_s()]
        for slot in self.slots:
            due += [slot.deadline_s, slot.resume_s]
        return min((time_s for time_s in due if time_s is not None), default=None)

    def next_age_s(self) -> float | None:
        """Return when the next idle worker that can be spared has grown too old, or None."""
        if not self._limits.max_age_s:
            return None
        idle = [slot for slot in self.slots if can_be_spared(slot, self.slots)]
        return min((slot.started_s + self._limits.max_age_s for slot in idle), default=None)

    # What is known

    def job_limit_s(self, slot: Slot) -> float:
        """Return how long a slot's worker may look at a frame."""
        return self._limits.job_timeout_s if slot.accelerator is None else self._limits.accelerator_timeout_s

    def unavailable(self, now: float) -> tuple[Unavailable, ...]:
        """Return the detectors that should work on every worker and do not, with the reason."""
        excluded = self._exclusions.current(now).items()
        return (*self._unavailable, *(Unavailable(*choice, fault) for choice, fault in excluded))

    def _rank(self, slot: Slot) -> int:
        """Return the place of a worker's detector in the list of preference; 0 where it has none of that list."""
        has = (slot.detector.strategy, slot.detector.model) if slot.detector and slot.accelerator is None else ("", "")
        return self._choices.index(has) if has in self._choices else 0

    def _start_limit_s(self, slot: Slot) -> float:
        return self._limits.start_timeout_s if slot.accelerator is None else self._limits.probe.timeout_s

    def _kill(self, slot: Slot) -> KillWorker:
        slot.deadline_s = None
        limit_s = self.job_limit_s(slot) if slot.jobs else self._start_limit_s(slot)
        what = "a frame" if slot.jobs else "its start"
        slot.end = WorkerExit(ExitReason.TIMED_OUT, f"{what} within {limit_s:g} s")
        return KillWorker(slot.number, slot.end)

    def _promote(self, slot: Slot, now: float) -> list[Action]:
        """Give the slot's next worker an accelerator, if one waits."""
        number = self.accelerators.take()
        if number is None:
            return []
        slot.accelerator = number
        return [self.stop(slot, now)] if slot.has_process() else self.start(slot, now)
