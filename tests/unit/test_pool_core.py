"""The pool's decisions, simulated without processes: time is a number."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import pytest

from edge_agent.backoff import backoff_s
from edge_agent.domain import (
    NO_PICTURES,
    DetectorPlan,
    Failure,
    Job,
    Outcome,
    Pictures,
    Shed,
    ShedReason,
    Trigger,
)
from edge_agent.pool.actions import Action, Assign, KillWorker, Report, StartWorker, StopWorker
from edge_agent.pool.circuit_breaker import FIRST_REST_S, CircuitBreaker
from edge_agent.pool.core import KILL_GRACE_S, PoolCore
from edge_agent.pool.restart_policy import OpenCircuit, Restart, decide
from edge_agent.pool.views import SlotState
from edge_agent.reasons import DetectorFault, ExitReason, UnavailableReason, WorkerExit
from edge_agent.wire import Detected, DetectorChoice, Failed, FailureReason, Loading, Unavailable
from testing.values import CRASHED, EXITED, KILLED, LIMITS, PLAN, detected, job, ready

pytestmark = pytest.mark.usefixtures("wording")

TWO: Final = DetectorPlan((DetectorChoice("cpu", "yunet_n"), DetectorChoice("cpu", "centerface")))


class SimulatedPool:
    """A core with simulated workers."""

    def __init__(self, detectors: DetectorPlan = PLAN, **limits: Any) -> None:
        self.core = PoolCore(replace(LIMITS, **limits), detectors)
        self.now = 100.0
        self.actions: list[Action] = []
        self.do(self.core.start(self.now))
        for slot in range(replace(LIMITS, **limits).workers):
            self.ready(slot)

    def do(self, actions: list[Action]) -> list[Action]:
        self.actions += actions
        return actions

    def ready(self, slot: int, strategy: str = "cpu", model: str = "yunet_n") -> list[Action]:
        self.core.on_started(slot, 1000 + slot)
        return self.do(self.core.on_ready(slot, ready(strategy, model), self.now))

    def offer(self, *jobs: Job) -> None:
        for each in jobs:
            self.do(self.core.offer(each, self.now))

    def answer(self, slot: int, **changes: Any) -> list[Action]:
        answer = replace_struct(detected(), job_id=self.assigned(slot).job_id, **changes)
        return self.do(self.core.on_answer(slot, answer, NO_PICTURES, self.now))

    def fail(self, slot: int, reason: FailureReason = FailureReason.DETECTOR_ERROR) -> None:
        message = Failed(self.assigned(slot).job_id, reason, "no")
        self.do(self.core.on_answer(slot, message, NO_PICTURES, self.now))

    def die(self, slot: int, end: WorkerExit = KILLED) -> list[Action]:
        self.core.on_exiting(slot, self.now)
        return self.do(self.core.on_exit(slot, end, self.now))

    def pass_time(self, seconds: float) -> list[Action]:
        self.now += seconds
        return self.do(self.core.tick(self.now))

    def revive(self, slot: int) -> None:
        """Restart an exited worker as soon as allowed."""
        while self.state(slot) is not SlotState.STARTING:
            self.pass_time(0.5)
        self.ready(slot)

    def start_of(self, slot: int) -> StartWorker:
        return [each for each in self.actions if isinstance(each, StartWorker) and each.slot == slot][-1]

    def assigned(self, slot: int) -> Assign:
        return [each for each in self.actions if isinstance(each, Assign) and each.slot == slot][-1]

    def state(self, slot: int) -> SlotState:
        return self.core.view(self.now).workers[slot].state

    @property
    def outcomes(self) -> list[Outcome]:
        return [each.outcome for each in self.actions if isinstance(each, Report)]

    @property
    def assignments(self) -> list[Job]:
        return [each.job for each in self.actions if isinstance(each, Assign)]


def replace_struct(answer: Detected, **changes: Any) -> Detected:
    fields = {name: getattr(answer, name) for name in answer.__struct_fields__}
    return Detected(**(fields | changes))


def test_workers_start_and_get_one_frame_each() -> None:
    played = SimulatedPool()
    first, second, third = job("a"), job("b"), job("c")
    played.offer(first, second, third)
    assert [each.slot for each in played.actions if isinstance(each, StartWorker)] == [0, 1]
    assert played.assignments == [first, second]
    played.answer(1)
    assert played.assignments == [first, second, third]
    assert played.assigned(1).job is third


def test_a_result_is_reported_once_with_its_worker() -> None:
    played = SimulatedPool()
    played.offer(job())
    answer = detected(job_id=played.assigned(0).job_id)
    assert played.core.on_answer(0, answer, Pictures(b"jpeg"), 101.0)
    assert played.core.on_answer(0, answer, Pictures(b"jpeg"), 102.0) == []


def test_a_result_of_another_job_is_ignored() -> None:
    played = SimulatedPool()
    played.offer(job())
    assert played.core.on_answer(0, detected(job_id=99), NO_PICTURES, played.now) == []
    assert played.state(0) is SlotState.BUSY


def test_the_last_message_of_a_worker_is_used_and_its_frame_is_not_retried() -> None:
    played = SimulatedPool()
    played.offer(job())
    played.core.on_exiting(0, played.now)
    played.answer(0)
    played.die(0)
    assert [type(each.result) for each in played.outcomes] == [Detected]
    assert played.core.view(played.now).retries == 0


def test_a_frame_whose_worker_died_is_retried_after_a_delay() -> None:
    played = SimulatedPool()
    wanted = job(trigger=Trigger.PRESS)
    played.offer(wanted)
    played.die(0)
    assert len(played.assignments) == 1
    played.pass_time(0.05)
    assert len(played.assignments) == 1
    played.pass_time(0.1)
    assert played.assignments[1].frame is wanted.frame
    assert played.assignments[1].crashes == 1
    played.answer(1)
    assert played.outcomes[0].attempts == 2


def test_a_frame_that_killed_two_workers_is_quarantined() -> None:
    played = SimulatedPool()
    played.offer(job(trigger=Trigger.PRESS))
    played.die(0)
    played.pass_time(0.2)
    played.die(1, CRASHED)
    (outcome,) = played.outcomes
    assert isinstance(outcome.result, Failure)
    assert outcome.result.reason is FailureReason.QUARANTINED
    assert CRASHED.text in outcome.result.detail


def test_a_retried_frame_is_queued_behind_the_others() -> None:
    played = SimulatedPool()
    suspect, other = job("front", Trigger.PRESS), job("back", Trigger.PRESS)
    played.offer(suspect, job("side", Trigger.PRESS))
    played.die(0)
    played.offer(other)
    played.pass_time(0.5)
    played.answer(1)
    assert played.assignments[-1] is other
    played.answer(1)
    assert played.assignments[-1].frame is suspect.frame


def test_a_detector_error_is_tried_three_times() -> None:
    played = SimulatedPool()
    played.offer(job(trigger=Trigger.PRESS))
    for _ in range(3):
        slot = [each for each in played.actions if isinstance(each, Assign)][-1].slot
        played.fail(slot)
        played.pass_time(1.0)
    (outcome,) = played.outcomes
    assert isinstance(outcome.result, Failure)
    assert (outcome.result.reason, outcome.attempts) == (FailureReason.DETECTOR_ERROR, 3)


def test_a_bad_image_is_not_tried_again() -> None:
    played = SimulatedPool()
    played.offer(job())
    played.fail(0, FailureReason.BAD_IMAGE)
    (outcome,) = played.outcomes
    assert outcome.result == Failure(FailureReason.BAD_IMAGE, "no")


def test_a_hanging_worker_is_killed_after_its_limit() -> None:
    played = SimulatedPool()
    played.offer(job())
    assert played.pass_time(LIMITS.job_timeout_s) == []
    assert played.pass_time(KILL_GRACE_S) == [KillWorker(0, WorkerExit(ExitReason.TIMED_OUT, "a frame within 5 s"))]
    assert played.pass_time(1.0) == []


def test_a_worker_that_does_not_start_is_killed_and_restarted() -> None:
    core = PoolCore(LIMITS, PLAN)
    core.start(0.0)
    assert [type(each) for each in core.tick(LIMITS.start_timeout_s)] == [KillWorker, KillWorker]
    assert StartWorker(0) in core.on_exit(0, KILLED, 21.0)
    error = core.view(21.0).workers[0].last_error
    assert error is not None
    assert (error.reason, error.detail) == (ExitReason.TIMED_OUT, "its start within 20 s")


def test_the_first_restart_is_immediate_and_later_waits_double() -> None:
    played = SimulatedPool()
    assert StartWorker(0) in played.die(0)
    waits = []
    for _ in range(2):
        played.ready(0)
        played.die(0)
        due_s = played.core.next_due_s()
        assert due_s is not None
        waits.append(due_s - played.now)
        played.pass_time(waits[-1])
    assert waits[0] == pytest.approx(0.1, abs=0.02)
    assert waits[1] == pytest.approx(0.2, abs=0.02)


def test_a_worker_that_keeps_dying_backs_off() -> None:
    played = SimulatedPool()
    for _ in range(3):
        played.die(0)
        played.revive(0)
    played.die(0)
    assert played.state(0) is SlotState.CIRCUIT_OPEN
    played.offer(job())
    assert played.assignments
    assert StartWorker(0) in played.pass_time(30.0)


def test_exits_outside_the_period_do_not_count() -> None:
    played = SimulatedPool()
    for _ in range(6):
        played.die(0)
        played.revive(0)
        played.pass_time(61.0)
    assert played.state(0) is SlotState.IDLE


@pytest.mark.parametrize("limits", [{}, {"max_jobs": 1}, {"max_age_s": 10.0}])
def test_a_worker_is_recycled_by_memory_or_number_of_jobs(limits: dict[str, Any]) -> None:
    played = SimulatedPool(**limits)
    played.offer(job())
    played.now += 10.0 if "max_age_s" in limits else 0.0
    played.answer(0, memory_bytes=100 if limits else 300_000_000)
    assert StopWorker(0) in played.actions
    assert played.state(0) is SlotState.STOPPING
    assert StartWorker(0) in played.core.on_exit(0, EXITED, played.now)
    assert played.core.view(played.now).restarts == 0


def test_an_idle_worker_is_recycled_by_age() -> None:
    played = SimulatedPool(max_age_s=10.0)
    assert played.core.next_due_s() == 110.0
    assert StopWorker(0) in played.pass_time(10.0)
    assert played.core.next_due_s() != 110.0, "the supervisor would never idle"
    played.do(played.core.drain())
    assert [played.state(slot) for slot in (0, 1)] == [SlotState.STOPPING, SlotState.IDLE]


def test_worker_age_wakes_no_ending_pool() -> None:
    played = SimulatedPool(max_age_s=10.0)
    played.do(played.core.drain())
    assert played.core.next_due_s() is None


def test_the_only_worker_keeps_its_detector() -> None:
    played = SimulatedPool(TWO, workers=1)
    for _ in range(2):
        played.core.on_loading(0, Loading("cpu", "yunet_n"))
        played.die(0, CRASHED)
        while played.state(0) is not SlotState.STARTING:
            played.pass_time(0.5)
    played.ready(0, model="centerface")
    played.pass_time(1.2 * FIRST_REST_S)
    assert played.state(0) is SlotState.IDLE


def test_no_worker_is_replaced_while_a_press_is_queued_or_it_is_the_last() -> None:
    played = SimulatedPool()
    played.offer(*(job(trigger=Trigger.PRESS) for _ in range(3)))
    played.answer(0, memory_bytes=300_000_000)
    assert played.state(0) is SlotState.BUSY
    played.die(1)
    played.answer(0, memory_bytes=300_000_000)
    assert StopWorker(0) not in played.actions


def test_restart_replaces_workers_one_by_one() -> None:
    played = SimulatedPool()
    played.offer(job("a"), job("b"))
    assert played.core.restart_all(played.now) == []
    played.answer(0)
    played.answer(1)
    assert [each.slot for each in played.actions if isinstance(each, StopWorker)] == [0]
    played.die(0, EXITED)
    played.ready(0)
    assert [each.slot for each in played.actions if isinstance(each, StopWorker)] == [0, 1]


def test_restart_ends_a_workers_backoff() -> None:
    played = SimulatedPool()
    for _ in range(4):
        played.die(0)
        if played.state(0) is not SlotState.CIRCUIT_OPEN:
            played.revive(0)
    assert StartWorker(0) in played.core.restart_all(played.now)


def test_a_frame_that_expires_in_the_queue_is_shed() -> None:
    played = SimulatedPool()
    late = job("c", expires_s=played.now + 2.0)
    played.offer(job("a"), job("b"), late)
    played.pass_time(2.0)
    (outcome,) = played.outcomes
    assert (outcome.frame, outcome.result) == (late.frame, Shed(ShedReason.EXPIRED))


def test_a_press_prioritizes_queued_frames_and_retries() -> None:
    played = SimulatedPool()
    played.offer(job("front", received_s=100.0))
    played.die(0)
    played.core.prioritize("front", played.now)
    played.pass_time(0.5)
    assert played.assignments[-1].frame.trigger is Trigger.PRESS


def test_a_frame_that_never_reached_its_worker_counts_no_attempt() -> None:
    played = SimulatedPool()
    wanted = job()
    played.offer(wanted)
    actions = played.core.on_undelivered(0, played.now)
    (assigned,) = [each for each in actions if isinstance(each, Assign)]
    assert (assigned.slot, assigned.job.attempts, assigned.job.frame) == (1, 0, wanted.frame)


def test_the_faster_worker_gets_the_frame() -> None:
    played = SimulatedPool()
    played.die(1)
    played.core.on_ready(1, ready("edgetpu"), played.now)
    for slot, milliseconds in ((0, 50), (1, 5)):
        played.offer(job(f"door{slot}"))
        played.now += milliseconds / 1000
        played.answer([each for each in played.actions if isinstance(each, Assign)][-1].slot)
    slots = []
    for number in range(3):
        played.offer(job(f"next{number}"))
        slots.append([each for each in played.actions if isinstance(each, Assign)][-1].slot)
        played.now += 0.005
        played.answer(slots[-1])
    assert set(slots) == {1}


def test_draining_keeps_presses_and_ends_when_all_are_done() -> None:
    played = SimulatedPool()
    played.offer(job("a"), job("b"), job("c"), job("d", Trigger.PRESS))
    shed = played.core.drain()
    assert [each.outcome.result for each in shed if isinstance(each, Report)] == [Shed(ShedReason.STOPPING)]
    played.offer(job("e"))
    assert played.outcomes[-1].result == Shed(ShedReason.STOPPING)
    for slot in (0, 1):
        played.answer(slot)
    assert not played.core.is_drained()
    played.answer(0)
    assert played.core.is_drained()


def test_abandon_ends_every_frame() -> None:
    played = SimulatedPool()
    played.offer(job("a"), job("b"), job("c"))
    played.die(0)
    assert len(played.core.abandon()) == 3


def test_a_worker_without_a_detector_reports_the_reason() -> None:
    core = PoolCore(LIMITS, PLAN)
    core.start(0.0)
    core.on_unusable(0, (Unavailable("cpu", "yunet_n", DetectorFault(UnavailableReason.LOAD_FAILED, "no file")),))
    core.on_exit(0, EXITED, 1.0)
    view = core.view(1.0)
    assert view.workers[0].last_error is not None
    assert view.workers[0].last_error.reason is ExitReason.NO_DETECTOR
    assert view.deaths == {ExitReason.NO_DETECTOR: 1}


@pytest.mark.parametrize(
    ("attempt", "least", "most"), [(1, 0.1, 0.11), (2, 0.2, 0.21), (5, 1.6, 1.61), (50, 30.0, 30.0), (5000, 30.0, 30.0)]
)
def test_a_backoff_doubles_with_a_little_jitter_up_to_its_limit(attempt: int, least: float, most: float) -> None:
    assert least <= backoff_s(attempt, 0.1, 30.0) <= most


def test_the_circuit_of_a_fatal_detector_opens_longer_each_time() -> None:
    exclusions, choice = CircuitBreaker(), ("edgetpu", "ssd")
    rests = []
    for now in (0.0, 1000.0):
        exclusions.record_failure(choice, CRASHED, now)
        assert exclusions.open_circuits(now) == {}
        exclusions.record_failure(choice, CRASHED, now)
        assert exclusions.open_circuits(now)[choice].reason is UnavailableReason.CRASHED
        rests.append(next(rest for rest in range(1000) if not exclusions.open_circuits(now + rest)))
    assert rests[1] > 1.5 * rests[0] >= 90
    exclusions.record_success(choice)
    assert exclusions.open_circuits(1000.0) == {}


def _with_the_lesser_detector() -> SimulatedPool:
    """Return a pool whose two workers died loading the better detector, and use the other one since."""
    played = SimulatedPool(TWO)
    for slot in (0, 1):
        played.die(slot)
        while played.state(slot) is not SlotState.STARTING:
            played.pass_time(0.5)
        played.core.on_loading(slot, Loading("cpu", "yunet_n"))
    for slot in (0, 1):
        played.die(slot, CRASHED)
    for slot in (0, 1):
        while played.state(slot) is not SlotState.STARTING:
            played.pass_time(0.5)
        assert played.start_of(slot).without == {("cpu", "yunet_n")}
        played.ready(slot, model="centerface")
    return played


def test_a_fatal_detector_is_retried_by_one_worker_and_then_used_by_all() -> None:
    played = _with_the_lesser_detector()
    played.pass_time(1.2 * FIRST_REST_S)
    assert [played.state(slot) for slot in (0, 1)] == [SlotState.STOPPING, SlotState.IDLE]
    played.core.on_exiting(0, played.now)
    played.do(played.core.on_exit(0, EXITED, played.now))
    assert played.start_of(0).without == frozenset()
    played.ready(0)
    assert [played.state(slot) for slot in (0, 1)] == [SlotState.IDLE, SlotState.STOPPING]


def test_a_detector_that_is_still_fatal_costs_one_worker_at_a_time() -> None:
    played = _with_the_lesser_detector()
    played.pass_time(1.2 * FIRST_REST_S)
    played.do(played.core.on_exit(0, EXITED, played.now))
    for _ in range(2):
        played.core.on_loading(0, Loading("cpu", "yunet_n"))
        played.die(0, CRASHED)
        while played.state(0) is not SlotState.STARTING:
            played.pass_time(0.5)
    assert played.start_of(0).without == {("cpu", "yunet_n")}
    played.ready(0, model="centerface")
    assert [played.state(slot) for slot in (0, 1)] == [SlotState.IDLE, SlotState.IDLE]
    assert played.core.view(played.now).workers[1].restarts == 2


@pytest.mark.parametrize(
    ("deaths", "decision"),
    [([0.0], Restart(0.0)), ([0.0, 100.0], Restart(0.0)), ([97.0, 98.0, 99.0, 100.0], OpenCircuit(30.0))],
)
def test_the_restart_policy(deaths: list[float], decision: Restart | OpenCircuit) -> None:
    assert decide(deaths, 100.0, LIMITS.restart) == decision
