"""The pool's core under random frames, results, exits, hangs and jumps of time."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Final

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from edge_agent.domain import NO_PICTURES, Failure, Job, Trigger
from edge_agent.pool.actions import Action, Assign, KillWorker, Report, StartProbe, StartWorker, StopWorker
from edge_agent.pool.core import PoolCore
from edge_agent.pool.views import SlotState
from edge_agent.wire import DetectorChoice, Failed, FailureReason
from testing.values import KILLED, LIMITS, NO_STICK, PLAN, detected, job, ready
from tests.unit.test_pool_core import replace_struct

WORKERS: Final = 3
SLOTS = st.integers(0, WORKERS - 1)
EXPIRY_S: Final = {Trigger.PRESS: 30.0, Trigger.MOTION: 5.0, Trigger.CONTINUOUS: 2.0}


class PoolMachine(RuleBasedStateMachine):
    """The model: the offered frames, the reported frames, and each process's frame and device."""

    def __init__(self) -> None:
        super().__init__()
        plan = replace(PLAN, accelerators=(DetectorChoice("edgetpu", "ssd", device="any"),))
        self.core = PoolCore(replace(LIMITS, workers=WORKERS, max_jobs=5), plan)
        self.probing = False
        self.accelerated: set[int] = set()
        self.now = 0.0
        self.offered: dict[str, Job] = {}
        self.reported: Counter[str] = Counter()
        self.crashes: Counter[str] = Counter()
        self.alive: set[int] = set()
        self.loading: set[int] = set()
        self.held: dict[int, Assign] = {}
        self.stopping: set[int] = set()
        self.do(self.core.start(self.now))

    def do(self, actions: list[Action]) -> None:
        for action in actions:
            match action:
                case StartProbe():
                    assert not self.accelerated, "one process at a time holds an accelerator"
                    self.probing = True
                case StartWorker(slot, _, accelerator):
                    assert slot not in self.alive, "a slot holds one process"
                    if accelerator is not None:
                        assert not self.accelerated, "one process at a time holds an accelerator"
                        self.accelerated.add(slot)
                    self.alive.add(slot)
                    self.loading.add(slot)
                    self.core.on_started(slot, 1)
                case Assign(slot):
                    assert slot in self.alive - self.loading - self.stopping
                    assert slot not in self.held, "a worker holds one frame"
                    self.held[slot] = action
                case StopWorker(slot):
                    assert slot not in self.held
                    self.stopping.add(slot)
                case KillWorker(slot):
                    self.die(slot)
                case Report(outcome):
                    self.reported[outcome.frame.event_id] += 1
                    if isinstance(outcome.result, Failure) and outcome.result.reason is FailureReason.QUARANTINED:
                        assert self.crashes[outcome.frame.event_id] == 2

    def die(self, slot: int) -> None:
        held = self.held.pop(slot, None)
        if held is not None and slot not in self.accelerated:
            self.crashes[held.job.frame.event_id] += 1
        self.accelerated.discard(slot)
        self.alive.discard(slot)
        self.loading.discard(slot)
        self.stopping.discard(slot)
        self.core.on_exiting(slot, self.now)
        self.do(self.core.on_exit(slot, KILLED, self.now))

    @rule(doorbell=st.sampled_from(["front", "back", "side"]), trigger=st.sampled_from(Trigger))
    def offer(self, doorbell: str, trigger: Trigger) -> None:
        new = job(doorbell, trigger, received_s=self.now, expires_s=self.now + EXPIRY_S[trigger])
        self.offered[new.frame.event_id] = new
        self.do(self.core.offer(new, self.now))

    @rule(doorbell=st.sampled_from(["front", "back", "side"]))
    def press(self, doorbell: str) -> None:
        self.do(self.core.prioritize(doorbell, self.now))

    @rule(slot=SLOTS)
    def become_ready(self, slot: int) -> None:
        if slot in self.loading:
            self.loading.discard(slot)
            self.do(self.core.on_ready(slot, ready(), self.now))

    @rule(slot=SLOTS, works=st.booleans(), large=st.booleans())
    def answer(self, slot: int, works: bool, large: bool) -> None:
        held = self.held.pop(slot, None)
        if held is not None:
            done = replace_struct(detected(), job_id=held.job_id, memory_bytes=300_000_000 if large else 1)
            failed = Failed(held.job_id, FailureReason.DETECTOR_ERROR, "no")
            self.do(self.core.on_answer(slot, done if works else failed, NO_PICTURES, self.now))
            self.do(self.core.on_answer(slot, done, NO_PICTURES, self.now))

    @rule(slot=SLOTS)
    def end(self, slot: int) -> None:
        if slot in self.alive:
            self.die(slot)

    @rule(slot=SLOTS)
    def stop_as_asked(self, slot: int) -> None:
        if slot in self.stopping:
            self.die(slot)

    @rule(seconds=st.sampled_from([0.01, 0.2, 1.0, 6.0, 40.0, 86_400.0]))
    def pass_time(self, seconds: float) -> None:
        self.now += seconds
        self.do(self.core.tick(self.now))

    @rule(works=st.booleans())
    def end_probe(self, works: bool) -> None:
        if self.probing:
            self.probing = False
            self.do(self.core.on_probe_result(0, None if works else NO_STICK, self.now))

    @rule(strategy=st.sampled_from(["auto", "edgetpu", "cpu"]))
    def allow(self, strategy: str) -> None:
        self.do(self.core.allow_strategy(strategy, self.now))

    @rule()
    def restart(self) -> None:
        self.do(self.core.restart_all(self.now))

    @invariant()
    def no_frame_is_reported_twice(self) -> None:
        assert all(count == 1 for count in self.reported.values())
        assert self.reported.keys() <= self.offered.keys()

    @invariant()
    def every_frame_is_reported_or_unfinished(self) -> None:
        assert len(self.offered) == len(self.reported) + self.core.view(self.now).unfinished

    @invariant()
    def what_is_due_lies_ahead(self) -> None:
        due_s = self.core.next_due_s()
        assert due_s is None or due_s > self.now - 1e-9 or self.core.view(self.now).workers

    @invariant()
    def views_agree_with_the_processes(self) -> None:
        for worker in self.core.view(self.now).workers:
            assert (worker.slot in self.alive) == (worker.state not in {SlotState.BACKOFF, SlotState.CIRCUIT_OPEN})
            assert (worker.state is SlotState.BUSY) == (worker.slot in self.held)

    @precondition(lambda self: len(self.offered) > 0)
    @rule()
    def everything_settles_when_the_workers_work(self) -> None:
        for _ in range(200):
            for slot in range(WORKERS):
                self.stop_as_asked(slot)
                self.become_ready(slot)
                self.answer(slot, works=True, large=False)
            self.pass_time(1.0)
            if len(self.reported) == len(self.offered):
                return
        message = f"never reported: {self.offered.keys() - self.reported.keys()}"
        raise AssertionError(message)


PoolMachine.TestCase.settings = settings(
    max_examples=60, stateful_step_count=40, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
TestPoolMachine = PoolMachine.TestCase
