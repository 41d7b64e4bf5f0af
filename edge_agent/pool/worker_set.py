"""The slots: when a worker is started, replaced, assigned an accelerator, or ended. Pure."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from edge_agent.pool.accelerators import Accelerators
from edge_agent.pool.actions import Action, EndProbe, KillWorker, StartProbe, StartWorker, StopWorker
from edge_agent.pool.circuit_breaker import CircuitBreaker
from edge_agent.pool.recycling import can_be_spared, should_recycle
from edge_agent.pool.restart_policy import OpenCircuit, decide
from edge_agent.pool.slot import Slot
from edge_agent.pool.views import SlotState
from edge_agent.reasons import ExitReason, WorkerExit
from edge_agent.wire import Unavailable

if TYPE_CHECKING:
    from edge_agent.domain import DetectorPlan
    from edge_agent.pool.limits import PoolLimits
    from edge_agent.wire import Loading, Ready


class WorkerSet:
    """The workers of a pool, as values."""

    def __init__(self, limits: PoolLimits, detectors: DetectorPlan) -> None:
        self.slots = [Slot(number) for number in range(limits.workers)]
        self.accelerators = Accelerators(detectors.accelerators, limits.probe)
        self.deaths: Counter[ExitReason] = Counter()
        self._limits = limits
        self._choices = [(each.strategy, each.model) for each in detectors.choices]
        self._breaker = CircuitBreaker()
        self._unavailable: tuple[Unavailable, ...] = ()

    # Events

    def start(self, slot: Slot, now: float) -> list[Action]:
        """Start a worker in a slot."""
        slot.clear(now)
        if slot.accelerator is None and not self._choices:
            slot.last_error = WorkerExit(ExitReason.NO_DETECTOR, "no accelerator works")
            slot.enter(SlotState.CIRCUIT_OPEN, now)
            return []
        slot.deadline_s = now + self._start_limit_s(slot)
        slot.enter(SlotState.STARTING, now)
        return [StartWorker(slot.number, frozenset(self._breaker.open_circuits(now)), slot.accelerator)]

    def on_loading(self, slot: Slot, message: Loading) -> None:
        """Record which detector a worker is loading."""
        slot.trying = (message.strategy, message.model)

    def on_unusable(self, slot: Slot, unavailable: tuple[Unavailable, ...]) -> None:
        """Record why a worker found no detector; its process exits by itself."""
        slot.trying = None
        said = "; ".join(f"{each.strategy} {each.model}: {each.fault.text}" for each in unavailable)
        slot.end = WorkerExit(ExitReason.NO_DETECTOR, said)
        slot.fault = unavailable[-1].fault if unavailable else None
        if slot.accelerator is None:
            self._unavailable = unavailable

    def on_ready(self, slot: Slot, message: Ready, now: float) -> None:
        """Use a worker from now on; if its detector is better than that of others, they should try it too."""
        slot.become_ready(message, now)
        self._breaker.record_success((message.strategy, message.model))
        if slot.accelerator is None:
            self._unavailable = message.unavailable
            for other in self.slots:
                other.replace = other.replace or self._rank(other) > self._rank(slot)
        else:
            self.accelerators.on_loaded(slot.accelerator, now)

    def stop(self, slot: Slot, now: float) -> StopWorker:
        """Ask an idle worker to exit."""
        slot.deadline_s = now + self._limits.start_timeout_s
        slot.enter(SlotState.STOPPING, now)
        return StopWorker(slot.number)

    def refill(self, slot: Slot, now: float) -> list[Action]:
        """Refill the slot of a worker that exited on request, with or without an accelerator."""
        if slot.accelerator is not None and not self.accelerators.is_allowed(slot.accelerator):
            self.accelerators.release(slot.accelerator)
            slot.accelerator = None
        return self.start(slot, now)

    def on_exit(self, slot: Slot, end: WorkerExit, now: float) -> None:
        """Record that a worker ended unexpectedly, and how; its own earlier reason says more than an exit code."""
        slot.last_error = end = slot.end or end
        slot.restarts += 1
        self.deaths[end.reason] += 1
        if slot.accelerator is None and slot.trying is not None:
            self._breaker.record_failure(slot.trying, end, now)

    def schedule_restart(self, slot: Slot, now: float) -> None:
        """Decide when the slot of a worker that died is refilled."""
        slot.deaths.append(now)
        decision = decide(slot.deaths, now, self._limits.restart)
        if isinstance(decision, OpenCircuit):
            slot.resume_s = now + decision.open_s
            slot.enter(SlotState.CIRCUIT_OPEN, now)
        else:
            slot.resume_s = now + decision.delay_s
            slot.enter(SlotState.BACKOFF, now)

    def release_accelerator(self, slot: Slot, now: float) -> None:
        """Take the accelerator, which failed by `last_error`, from a slot."""
        if slot.accelerator is not None and slot.last_error is not None:
            self.accelerators.on_failure(slot.accelerator, slot.fault or slot.last_error.as_detector_fault(), now)
            slot.accelerator = None

    def kill_released(self, slot: Slot, now: float) -> KillWorker:
        """Kill a worker whose accelerator failed while the process lives: it may still hold the device."""
        self.stop(slot, now)
        said = slot.last_error.text if slot.last_error else ""
        return KillWorker(slot.number, WorkerExit(ExitReason.ACCELERATOR_LOST, said))

    def allow_strategy(self, strategy: str) -> None:
        """Allow the accelerators of one strategy, or all (`auto`); the others are released after their frame."""
        self.accelerators.allow_strategy(strategy)
        for slot in self.slots:
            if slot.accelerator is not None and not self.accelerators.is_allowed(slot.accelerator):
                slot.replace = True

    def restart_all(self, now: float) -> list[Action]:
        """Replace every worker: idle ones at once, busy ones after their frame; close the open circuits."""
        actions: list[Action] = []
        for slot in self.slots:
            slot.deaths.clear()
            slot.replace = slot.has_process()
            if slot.state is SlotState.IDLE:
                actions.append(self.stop(slot, now))
            elif not slot.has_process():
                actions += self.start(slot, now)
        return actions

    # Timers

    def tick(self, now: float) -> list[Action]:
        """Start the workers that are due, and kill those past their deadline.

        When the exclusion of a detector ends, one worker with a lesser detector is replaced to try it, if another
        worker can take frames meanwhile.
        """
        actions: list[Action] = []
        if self._breaker.have_closed(now) and len(self.slots) > 1:
            lesser = max(self.slots, key=self._rank)
            lesser.replace = lesser.replace or self._rank(lesser) > 0
        for slot in self.slots:
            if slot.resume_s is not None and slot.resume_s <= now:
                actions += self.start(slot, now)
        return [*actions, *(self._kill(slot) for slot in self.slots if slot.is_overdue(now))]

    def probe(self, now: float) -> list[Action]:
        """Kill the probes that timed out, and start those that are due."""
        late: list[Action] = [EndProbe(number) for number in self.accelerators.overdue(now)]
        return [*late, *(StartProbe(number) for number in self.accelerators.start_due(now))]

    def recycle(self, now: float) -> list[Action]:
        """Replace idle workers that are too old or too large, and one for each available accelerator."""
        actions: list[Action] = []
        actions.extend(  # one at a time: another worker must be able to take frames
            self.stop(slot, now)
            for slot in self.slots
            if should_recycle(slot, self._limits, now) and can_be_spared(slot, self.slots)
        )
        for slot in self.slots:
            if slot.accelerator is None and (not slot.has_process() or can_be_spared(slot, self.slots)):
                actions += self._assign_accelerator(slot, now)
        return actions

    def next_due_s(self) -> float | None:
        """Return when `tick` or `probe` is due, or None."""
        due = [self.accelerators.next_due_s(), self._breaker.next_close_s()]
        for slot in self.slots:
            due += [slot.deadline_s, slot.resume_s]
        return min((time_s for time_s in due if time_s is not None), default=None)

    def next_age_s(self) -> float | None:
        """Return when the next idle worker becomes too old, or None."""
        if not self._limits.max_age_s:
            return None
        idle = [slot for slot in self.slots if can_be_spared(slot, self.slots)]
        return min((slot.started_s + self._limits.max_age_s for slot in idle), default=None)

    # State

    def job_limit_s(self, slot: Slot) -> float:
        """Return the time limit of a slot's worker for one frame."""
        return self._limits.job_timeout_s if slot.accelerator is None else self._limits.accelerator_timeout_s

    def unavailable(self, now: float) -> tuple[Unavailable, ...]:
        """Return the detectors that should work on every worker but fail, with the reason."""
        excluded = self._breaker.open_circuits(now).items()
        return (*self._unavailable, *(Unavailable(*choice, fault) for choice, fault in excluded))

    def _rank(self, slot: Slot) -> int:
        """Return the position of a worker's detector in the order of preference; 0 if it is not in the list."""
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

    def _assign_accelerator(self, slot: Slot, now: float) -> list[Action]:
        """Assign an available accelerator to the slot's next worker."""
        number = self.accelerators.assign()
        if number is None:
            return []
        slot.accelerator = number
        return [self.stop(slot, now)] if slot.has_process() else self.start(slot, now)
