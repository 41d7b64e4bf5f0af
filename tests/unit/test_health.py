"""The agent's health: the rules, their delays, and the published messages."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.domain import ShedReason, Trigger, WorkerDetector
from edge_agent.doorbells.events import Stamp
from edge_agent.doorbells.payloads import encode
from edge_agent.platform.host_metrics import HostView
from edge_agent.pool.views import (
    AcceleratorState,
    AcceleratorView,
    PoolView,
    SlotState,
    WorkerView,
)
from edge_agent.reasons import ConnectError
from edge_agent.telemetry import error_events
from edge_agent.telemetry.counters import Counters
from edge_agent.telemetry.error_events import COMPONENTS, of_problem
from edge_agent.telemetry.health import Run
from edge_agent.telemetry.problem_codes import ProblemCode
from edge_agent.telemetry.problems import BrokerView, Problem, Snapshot, find_problems
from edge_agent.telemetry.registry import Telemetry, Unsent
from edge_agent.telemetry.status import Status
from edge_agent.telemetry.timings import RecentView
from edge_agent.wire import FailureReason, Unavailable
from testing.values import KILLED, NO_STICK, NOON, NOT_INSTALLED, detected, failure, frame, outcome, shed

if TYPE_CHECKING:
    from edge_agent.telemetry.health import HealthPayload

HOST = HostView(100_000_000)
BROKER = BrokerView(connected=True, since_at=NOON, protocol="5", connections=1)
AWAY = BrokerView(connected=False, since_at=NOON, reason=ConnectError.TIMED_OUT, detail="timed out")
QUIET = RecentView(0, {}, {})
LOST = AcceleratorView("edgetpu", "ssd", "usb:0", AcceleratorState.UNAVAILABLE, NO_STICK, lost_for_s=60.0)


def pool(*states: SlotState, strategy: str = "cpu", **changes: Any) -> PoolView:
    workers = tuple(
        WorkerView(slot, state, 0.0, 1, WorkerDetector(slot, strategy, "m"), 3, 5.0, 1, 100_000_000, KILLED)
        for slot, state in enumerate(states)
    )
    return replace(PoolView(workers, dict.fromkeys(Trigger, 0), 0, 0, 1, {}, ()), **changes)


WELL = Snapshot(pool(SlotState.IDLE, SlotState.BUSY), BROKER, HOST, QUIET, NOON)


PROBLEMS: list[tuple[dict[str, Any], str, str]] = [
        ({"pool": pool(SlotState.CIRCUIT_OPEN, SlotState.CIRCUIT_OPEN)}, "no_workers",
         "No worker stays alive, so no picture is processed: the last worker was ended by SIGKILL"),
        ({"pool": pool(SlotState.IDLE, SlotState.CIRCUIT_OPEN)}, "worker_circuit_open",
         "Worker 1 died too often and pauses"),
        ({"pool": pool(SlotState.IDLE, SlotState.BACKOFF)}, "worker_away", "Worker 1 is being replaced"),
        ({"deaths": 3}, "workers_dying", "Workers died 3 times in the last minute; the last one was ended by SIGKILL"),
        ({"pool": pool(SlotState.IDLE, unavailable=(Unavailable("cpu", "x", NOT_INSTALLED),))}, "detector_unavailable",
         "The detector cpu x cannot be used: a-package is not installed"),
        ({"broker": AWAY}, "broker_lost",
         r"No connection to the broker since \d\d:\d\d: timed out"),
        ({"broker": replace(BROKER, refused="The broker refuses x")}, "broker_refuses", "The broker refuses x"),
        ({"recent": RecentView(45, {}, {"overload": 4, "expired": 1})}, "overload", "10 % were dropped"),
        ({"recent": RecentView(5, {"bad_image": 5}, {"unchanged": 90})}, "frames_failing",
         "5 of the last 10 pictures could not be read: check what the camera sends"),
        ({"faults": {ProblemCode.STATE: "the disk is full"}}, "state", "the disk is full"),
        ({"host": replace(HOST, cpu_temperature_c=80.0)}, "hot", "at 80 °C"),
        ({"host": replace(HOST, throttled=True)}, "throttled", "is throttled"),
        ({"host": replace(HOST, under_voltage=True)}, "under_voltage", "voltage is too low"),
        ({"host": replace(HOST, memory_total_bytes=10**9, memory_free_bytes=40_000_000)}, "memory_low", "Only 40 MB"),
        ({"host": replace(HOST, disk_free_bytes=1_000_000)}, "disk_low", "Only 1 MB"),
    ]  # fmt: skip


@pytest.mark.parametrize(("changes", "code", "words"), PROBLEMS)
def test_each_problem_has_a_sentence(changes: dict[str, Any], code: str, words: str) -> None:
    found = find_problems(replace(WELL, **changes))
    assert re.search(words, found[0].text), (code, found[0].text)


@pytest.mark.usefixtures("wording")
@pytest.mark.parametrize(("changes", "code"), [case[:2] for case in PROBLEMS])
def test_each_problem_has_a_code_whatever_its_sentence(changes: dict[str, Any], code: str) -> None:
    found = find_problems(replace(WELL, **changes))
    assert found[0].code == code
    assert found[0].severity == ("failed" if code == "no_workers" else "degraded")
    assert of_problem(found[0]).component == COMPONENTS.get(found[0].code, "host")


def test_a_healthy_agent_has_no_problem() -> None:
    starting = pool(SlotState.IDLE, SlotState.BUSY, SlotState.STARTING, SlotState.STOPPING)
    few = RecentView(0, {"bad_image": 1}, {})
    pushed_aside = RecentView(50, {}, {"superseded": 50, "unchanged": 500})
    host = replace(HOST, cpu_temperature_c=60.0, throttled=False, under_voltage=False, disk_free_bytes=10**10)
    for recent in (few, pushed_aside):
        assert find_problems(replace(WELL, pool=starting, recent=recent, host=host)) == ()


def test_the_temperature_problem_has_hysteresis() -> None:
    warm = replace(WELL, host=replace(HOST, cpu_temperature_c=77.0))
    assert find_problems(warm) == ()
    assert [each.code for each in find_problems(warm, frozenset({ProblemCode.HOT}))] == ["hot"]


def test_only_an_accelerator_that_was_in_use_counts_as_lost() -> None:
    never = replace(LOST, device="usb:1", lost_for_s=None)
    missing = (Unavailable("gpu", "", NOT_INSTALLED),)
    assert find_problems(replace(WELL, pool=pool(SlotState.IDLE, accelerators=(never,), missing=missing))) == ()
    assert (
        find_problems(
            replace(WELL, pool=pool(SlotState.IDLE, accelerators=(replace(LOST, state=AcceleratorState.OFF),)))
        )
        == ()
    )
    service_ms = {"edgetpu": 10.0, "cpu": 61.0}
    lost = pool(SlotState.IDLE, accelerators=(LOST, never), service_ms=service_ms)
    (problem,) = find_problems(replace(WELL, pool=lost))
    assert re.fullmatch(
        r"Coral lost since \d\d:\d\d \(no EdgeTPU usb:0 was found, .*\); running on the CPU, about 6 times slower",
        problem.text,
    )


def problem(code: ProblemCode = ProblemCode.HOT, **changes: Any) -> Problem:
    return Problem(code, f"{code} is wrong", **changes)


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def test_a_problem_starts_and_ends_with_its_delays() -> None:
    status, slow = Status(NOON), problem(appear_s=3.0, clear_s=5.0)
    assert status.update([slow], 10.0, at(10)) == ()
    assert (status.verdict().status, status.next_due_s()) == ("ok", 13.0)
    assert status.update([], 12.0, at(12)) == ()
    assert status.next_due_s() is None
    status.update([slow], 20.0, at(20))
    assert status.update([slow], 23.0, at(23)) == (slow,)
    assert status.verdict().status == "degraded"
    assert status.verdict().since_at == at(23)
    assert status.verdict().problems[0].since == at(20)
    status.update([], 30.0, at(30))
    assert (status.verdict().status, status.next_due_s()) == ("degraded", 35.0)
    assert re.fullmatch(r"hot is wrong \(over since \d\d:\d\d:30\)", status.verdict().reasons[0])
    assert status.update([slow], 34.0, at(34)) == (), "it is still the same problem"
    status.update([], 36.0, at(36))
    status.update([], 41.0, at(41))
    assert (status.verdict().status, status.verdict().since_at) == ("ok", at(41))


def test_the_worst_problem_decides() -> None:
    status = Status(NOON)
    worst = problem(ProblemCode.NO_WORKERS, severity="failed")
    status.update([problem(), worst, problem(about="2")], 0.0, NOON)
    assert status.verdict().status == "failed"
    assert [each.code for each in status.verdict().problems] == ["no_workers", "hot", "hot"]
    assert (status.since_s(ProblemCode.NO_WORKERS), status.since_s(ProblemCode.STATE)) == (0.0, None)


@given(st.lists(st.tuples(st.floats(0.01, 20.0), st.booleans()), max_size=60))
def test_the_status_does_not_flap(steps: list[tuple[float, bool]]) -> None:
    """The status changes no faster than its delays allow."""
    status, now, changed_s, word = Status(NOON), 0.0, -100.0, "ok"
    slow = problem(appear_s=3.0, clear_s=5.0)
    for wait_s, present in steps:
        now += wait_s
        status.update([slow] if present else [], now, at(now))
        if status.verdict().status != word:
            assert now - changed_s >= (3.0 if word == "ok" else 5.0)
            word, changed_s = status.verdict().status, now


def telemetry() -> Telemetry:
    return Telemetry(Run("1.0", NOON), "boot", 0.0)


def assess(registry: Telemetry, view: PoolView, now: float, host: HostView = HOST) -> HealthPayload:
    registry.broker = BROKER
    return registry.assess(view, host, now, at(now))[0]


def test_health_covers_each_part() -> None:
    registry = telemetry()
    service = pool(SlotState.IDLE, accelerators=(LOST, replace(LOST, lost_for_s=None)),
                   missing=(Unavailable("gpu", "", NOT_INSTALLED),))  # fmt: skip
    told = json.loads(encode(assess(registry, service, 10.0, replace(HOST, disk_free_bytes=5_000_000_000))))
    (worker,) = told["workers"]
    assert (worker["last_error"], worker["last_error_detail"]) == ("killed", KILLED.text)
    assert (worker["state"], worker["jobs"], worker["utilization_percent"], worker["memory_mb"]) == (
        "idle",
        3,
        50.0,
        100.0,
    )
    assert (told["status"], told["problems"][0]["code"]) == ("degraded", "accelerator_lost")
    assert told["reasons"] == [told["problems"][0]["text"]]
    assert told["accelerators"][0] == {
        "strategy": "edgetpu", "model": "ssd", "device": "usb:0", "state": "unavailable",
        "reason": "device_missing", "detail": NO_STICK.text, "lost_at": "2026-01-02T11:59:10Z",
    }  # fmt: skip
    assert told["accelerators"][1]["lost_at"] is None
    assert told["missing"] == [{"strategy": "gpu", "reason": "package_missing", "detail": NOT_INSTALLED.text}]
    assert told["broker"] == {
        "connected": True, "since": "2026-01-02T12:00:00Z", "protocol": "5", "connections": 1, "reason": None,
        "detail": None,
    }  # fmt: skip
    assert (told["host"]["disk_free_mb"], told["host"]["throttled"], told["memory_mb"]) == (5000.0, None, 200.0)


def test_worker_exits_count_for_a_minute() -> None:
    registry = telemetry()
    assert assess(registry, pool(SlotState.IDLE, restarts=2), 1.0).status == "ok"
    assert assess(registry, pool(SlotState.IDLE, restarts=3), 2.0).status == "degraded"
    assert assess(registry, pool(SlotState.IDLE, restarts=3), 61.0).reasons[0].endswith(")")
    assert assess(registry, pool(SlotState.IDLE, restarts=3), 67.0).status == "ok"


def test_no_working_worker_is_a_failure_after_a_delay_timed_from_the_start() -> None:
    registry = telemetry()
    assert assess(registry, pool(SlotState.STARTING), 1.0).status == "ok"
    assert registry.no_worker_since_s() == 1.0
    assert registry.next_due_s() <= 31.0
    assert assess(registry, pool(SlotState.BACKOFF), 31.0).status == "failed"
    assess(registry, pool(SlotState.IDLE), 32.0)
    assert registry.no_worker_since_s() is None
    assert assess(registry, pool(SlotState.CIRCUIT_OPEN), 60.0).status == "failed"


RESULTS = st.sampled_from(
    [detected(2), detected(0), failure(), failure(FailureReason.BAD_IMAGE), *map(shed, ShedReason)]
)


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("receive"), st.sampled_from(Trigger), st.integers(0, 3)),
            st.tuples(st.just("finish"), RESULTS, st.integers(0, 100)),
        ),
        max_size=100,
    )
)
def test_metrics_always_add_up(steps: list[tuple[str, Any, int]]) -> None:
    """Including duplicate frames, and frames that a press prioritizes."""
    registry, waiting = telemetry(), []
    for step, what, number in steps:
        if step == "receive":
            taken = frame(trigger=what, event_id=f"event-{number}")
            registry.counters.receive(taken)
            waiting.append(taken)
        elif waiting:
            taken = waiting.pop(number % len(waiting))
            trigger = Trigger.PRESS if number % 2 else taken.trigger
            registry.counters.count(replace(outcome(what), frame=replace(taken, trigger=trigger)))
        told = registry.metrics(pool(SlotState.IDLE), HOST, Unsent(0, 0), 1.0)
        gone = sum(map(sum, (told.answered.values(), told.failed.values(), told.shed.values())))
        assert sum(told.received.values()) == gone + told.in_flight
        assert told.in_flight == len(waiting)


def test_every_frame_is_counted_out_once() -> None:
    registry = telemetry()
    results = (detected(2), detected(0), failure(), shed(ShedReason.SUPERSEDED), shed(ShedReason.STOPPING))
    for result in results:
        for trigger in (Trigger.PRESS, Trigger.CONTINUOUS):
            done = outcome(result, trigger)
            registry.counters.receive(done.frame)
            registry.counters.count(done)
    told = registry.metrics(pool(SlotState.IDLE), HOST, Unsent(1, 2), 1.0)
    assert told.answered == {"face": 2, "no_face": 2}
    assert told.failed == {"timeout": 2, "superseded": 1}
    assert told.shed == {"superseded": 1, "stopping": 2}
    assert told.received == {"press": 5, "motion": 0, "continuous": 5}
    assert (told.in_flight, told.unsent, told.unsent_dropped) == (0, 1, 2)
    assert told.utilization_percent == {"0": 100.0}


def test_an_unexpected_outcome_breaks_the_sum() -> None:
    counters = Counters()
    counters.count(outcome())
    assert counters.in_flight() == 0
    assert counters.received.total() - counters.answered.total() == -1


STAMP = Stamp("boot", 7, now_s=0.0, now_at=NOON)


def test_an_error_event_names_the_component_the_frame_and_the_detector() -> None:
    failed = replace(outcome(failure()), detector=WorkerDetector(1, "cpu", "yunet_n"))
    error_event = error_events.of_frame(failed)
    assert error_event is not None
    publication = error_events.error("hall", error_event, STAMP)
    told = json.loads(publication.payload)
    assert (publication.topic, publication.retain) == ("edge_agent/hall/error", False)
    assert told["event_id"] == "error-boot-7"
    assert (told["component"], told["error_type"], told["message"]) == ("worker", "timeout", "because of timeout")
    assert (told["detector"], told["worker"], told["doorbell"]) == ("cpu yunet_n", 1, "front")
    assert told["frame_event_id"] == failed.frame.event_id
    assert error_events.of_frame(outcome()) is None
    assert error_events.of_frame(outcome(shed(), Trigger.CONTINUOUS)) is None


def test_each_worker_exit_is_one_error_event() -> None:
    before = pool(SlotState.IDLE, SlotState.IDLE)
    after = replace(before, workers=(before.workers[0], replace(before.workers[1], restarts=2)))
    (died,) = error_events.of_workers(before, after)
    assert (died.component, died.error_type, died.message, died.worker) == ("worker", "died", KILLED.text, 1)
    assert list(error_events.of_workers(after, after)) == []


@pytest.mark.parametrize(
    ("problem", "component"),
    [
        (problem(ProblemCode.ACCELERATOR_LOST, about="edgetpu usb:0"), "accelerator"),
        (problem(ProblemCode.WORKER_CIRCUIT_OPEN, about="1"), "worker"),
        (problem(ProblemCode.HOT), "host"),
        (problem(ProblemCode.BROKER_LOST), "broker"),
    ],
)
def test_a_new_problem_is_an_error_event(problem: Problem, component: str) -> None:
    error_event = error_events.of_problem(problem)
    assert (error_event.component, error_event.error_type, error_event.message) == (
        component,
        problem.code,
        problem.text,
    )
