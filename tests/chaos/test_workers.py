"""The pool with real processes: they are killed, hang, stop or leak.

Cases 1 to 6, 8, 9 and 12 of the reliability cases in docs/reliability.md.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading

import psutil
import pytest

from edge_agent.domain import (
    DetectorPlan,
    Failure,
    Outcome,
    Shed,
    ShedReason,
    Trigger,
)
from edge_agent.pool import Pool, WorkerPlan
from edge_agent.pool.views import SlotState
from edge_agent.pool.worker_process import exit_of
from edge_agent.reasons import ExitReason, UnavailableReason
from edge_agent.wire import Detected, DetectorChoice, FailureReason
from testing.pictures import jpeg
from testing.pools import LIMITS, MAX_PIXELS, PoolUnderTest, scripted
from testing.processes import is_alive
from testing.shared_data import PROJECT, shared
from testing.values import job
from testing.waiting import wait_until


def test_every_frame_has_an_outcome_and_both_workers_are_used() -> None:
    with PoolUnderTest(scripted(latency_ms=20)) as tested:
        tested.wait_until_idle()
        frames = [tested.offer() for _ in range(20)]
        outcomes = [tested.wait_for(frame) for frame in frames]
        view = tested.wait_until_idle()
    assert all(isinstance(outcome.result, Detected) for outcome in outcomes)
    assert sum(worker.jobs_done for worker in view.workers) == 20
    assert all(worker.jobs_done >= 5 for worker in view.workers)
    assert len(tested.outcomes) == 20


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT])
def test_a_worker_that_is_killed_while_busy_loses_no_frame(number: signal.Signals) -> None:
    with PoolUnderTest(scripted(latency_ms=300)) as tested:
        view = tested.wait_until_idle()
        frames = [tested.offer() for _ in range(2)]
        wait_until(lambda: all(worker.state is SlotState.BUSY for worker in tested.pool.view().workers))
        os.kill(view.workers[0].pid or 0, number)
        outcomes = [tested.wait_for(frame) for frame in frames]
        view = tested.wait_until_idle()
    assert all(isinstance(outcome.result, Detected) for outcome in outcomes)
    assert sorted(outcome.attempts for outcome in outcomes) == [1, 2]
    assert view.restarts == 1
    assert view.workers[0].last_error == exit_of(-number)


def test_an_idle_worker_that_is_killed_is_replaced() -> None:
    with PoolUnderTest() as tested:
        before = tested.wait_until_idle()
        os.kill(before.workers[1].pid or 0, signal.SIGKILL)
        wait_until(lambda: tested.pool.view().restarts == 1)
        after = tested.wait_until_idle()
    assert after.workers[0].pid == before.workers[0].pid
    assert after.workers[1].pid != before.workers[1].pid


def test_a_stopped_worker_is_killed_at_its_deadline() -> None:
    with PoolUnderTest(scripted(latency_ms=100), job_timeout_s=0.5) as tested:
        view = tested.wait_until_idle()
        frames = [tested.offer() for _ in range(2)]
        os.kill(view.workers[0].pid or 0, signal.SIGSTOP)
        outcomes = [tested.wait_for(frame) for frame in frames]
        view = tested.wait_until_idle()
    assert all(isinstance(outcome.result, Detected) for outcome in outcomes)
    assert view.deaths == {ExitReason.TIMED_OUT: 1}


@pytest.mark.parametrize(
    ("act", "reason", "words"),
    [
        ("exit", ExitReason.EXITED, "exited with code 3"),
        ("segfault", ExitReason.CRASHED, "SIGSEGV"),
        ("kill", ExitReason.KILLED, "SIGKILL"),
        ("stop", ExitReason.TIMED_OUT, "did not finish"),
        ("hang", ExitReason.TIMED_OUT, "did not finish in time"),
        ("hang_holding_gil", ExitReason.TIMED_OUT, "did not finish in time"),
    ],
)
def test_only_a_frame_that_kills_workers_is_quarantined(act: str, reason: ExitReason, words: str) -> None:
    with PoolUnderTest(job_timeout_s=0.5) as tested:
        tested.wait_until_idle()
        poison = tested.offer_act(act)
        others = [tested.offer() for _ in range(5)]
        outcome = tested.wait_for(poison)
        assert all(isinstance(tested.wait_for(other).result, Detected) for other in others)
        view = tested.wait_until_idle()
    assert isinstance(outcome.result, Failure)
    assert outcome.result.reason is FailureReason.QUARANTINED
    assert words in outcome.result.detail
    assert view.restarts == 2
    assert view.deaths == {reason: 2}


def test_the_stack_of_a_hang_that_holds_the_gil_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    with PoolUnderTest(job_timeout_s=0.3) as tested:
        tested.wait_for(tested.offer_act("hang_holding_gil"))
    assert "most recent call first" in caplog.text
    assert "did not finish in time" in caplog.text
    assert "mock.py" in caplog.text


@pytest.mark.parametrize("load", ["segfault", "exit", "hang", "stop"])
def test_a_detector_that_kills_its_workers_at_every_start_is_replaced_by_the_next(load: str) -> None:
    broken, sound = scripted(load=load), DetectorChoice("cpu", "yunet_n", str(shared("models", "yunet_n_dynamic.onnx")))
    with PoolUnderTest(broken, sound, start_timeout_s=1.5) as tested:
        view = tested.wait_until_idle()
        assert isinstance(tested.wait_for(tested.offer()).result, Detected)
    assert {worker.detector.strategy for worker in view.workers if worker.detector} == {"cpu"}
    (unavailable,) = view.unavailable
    assert (unavailable.strategy, unavailable.model) == ("mock", "script")
    assert unavailable.fault.reason is (
        UnavailableReason.TIMED_OUT if load in {"hang", "stop"} else UnavailableReason.CRASHED
    )


def test_a_detector_error_is_retried_and_reported_without_a_restart() -> None:
    with PoolUnderTest() as tested:
        outcome = tested.wait_for(tested.offer_act("error"))
        view = tested.wait_until_idle()
    assert isinstance(outcome.result, Failure)
    assert (outcome.result.reason, outcome.attempts) == (FailureReason.DETECTOR_ERROR, 3)
    assert "the script says so" in outcome.result.detail
    assert view.restarts == 0


def test_a_worker_that_leaks_is_replaced_while_it_is_idle() -> None:
    with PoolUnderTest(memory_limit_bytes=150_000_000) as tested:
        before = tested.wait_until_idle()
        for _ in range(12):
            assert isinstance(tested.wait_for(tested.offer_act("leak")).result, Detected)
        pids = {worker.pid for worker in before.workers}
        wait_until(lambda: {worker.pid for worker in tested.pool.view().workers} != pids)
        after = tested.wait_until_idle()
    assert after.restarts == 0


def test_a_detector_that_cannot_be_loaded_is_reported_and_the_next_is_used() -> None:
    broken = DetectorChoice("cpu", "yunet_n", "/nowhere.onnx")
    with PoolUnderTest(broken, scripted()) as tested:
        view = tested.wait_until_idle()
        assert isinstance(tested.wait_for(tested.offer()).result, Detected)
    assert view.workers[0].detector is not None
    assert view.workers[0].detector.strategy == "mock"
    (unavailable,) = view.unavailable
    assert (unavailable.strategy, unavailable.model) == ("cpu", "yunet_n")
    assert unavailable.fault.reason is UnavailableReason.LOAD_FAILED
    assert "/nowhere.onnx" in unavailable.fault.detail


def test_restart_replaces_every_worker_and_loses_no_frame() -> None:
    with PoolUnderTest(scripted(latency_ms=100)) as tested:
        before = tested.wait_until_idle()
        frames = [tested.offer() for _ in range(6)]
        tested.pool.restart()
        assert all(isinstance(tested.wait_for(frame).result, Detected) for frame in frames)
        after = tested.wait_until_idle()
    assert {worker.pid for worker in before.workers}.isdisjoint(worker.pid for worker in after.workers)


def test_stop_finishes_presses_drops_the_rest_and_leaves_no_process() -> None:
    with PoolUnderTest(scripted(latency_ms=100)) as tested:
        view = tested.wait_until_idle()
        presses = [tested.offer() for _ in range(4)]
        ordinary = [tested.offer(trigger="motion", doorbell=f"door{number}") for number in range(4)]
        tested.pool.stop(5.0)
        assert all(isinstance(tested.wait_for(frame).result, Detected) for frame in presses)
        assert [tested.wait_for(frame).result for frame in ordinary] == [Shed(ShedReason.STOPPING)] * 4
    assert not any(is_alive(worker.pid) for worker in view.workers)


def test_the_pool_survives_the_loss_of_its_fork_server() -> None:
    with PoolUnderTest() as tested:
        view = tested.wait_until_idle()
        workers = {worker.pid for worker in view.workers}
        for process in psutil.Process().children():
            if {child.pid for child in process.children()} & workers:
                process.kill()
        assert isinstance(tested.wait_for(tested.offer()).result, Detected)
        tested.pool.restart()
        wait_until(lambda: workers.isdisjoint({worker.pid for worker in tested.pool.view().workers}))
        assert isinstance(tested.wait_for(tested.offer()).result, Detected)
        tested.wait_until_idle()
    wait_until(lambda: not any(map(is_alive, workers)))


def test_a_stopped_fork_server_blocks_nothing() -> None:
    with PoolUnderTest() as tested:
        view = tested.wait_until_idle()
        (server,) = [each for each in psutil.Process().children() if {child.pid for child in each.children()}]
        workers = {worker.pid for worker in view.workers}
        assert {child.pid for child in server.children()} >= workers
        server.suspend()
        tested.pool.restart()
        assert isinstance(tested.wait_for(tested.offer()).result, Detected)
        wait_until(lambda: workers.isdisjoint({worker.pid for worker in tested.pool.view().workers}))
        tested.wait_until_idle()
    assert not is_alive(server.pid)


def test_a_failure_of_the_supervisor_is_reported(caplog: pytest.LogCaptureFixture) -> None:
    crashed = threading.Event()

    def refuse(_outcome: Outcome) -> None:
        message = "nobody listens"
        raise RuntimeError(message)

    pool = Pool(
        LIMITS,
        WorkerPlan(DetectorPlan((scripted(),)), MAX_PIXELS, LIMITS.memory_limit_bytes),
        refuse,
        crashed=crashed.set,
    )
    pool.start()
    pool.offer(job(trigger=Trigger.PRESS, image=jpeg()))
    assert crashed.wait(10)
    pool.stop(0.0)
    assert "nobody listens" in caplog.text


def test_no_worker_outlives_a_parent_that_is_killed_while_one_hangs() -> None:
    program = textwrap.dedent("""
        from testing.pools import PoolUnderTest
        if __name__ == "__main__":
            tested = PoolUnderTest(job_timeout_s=60.0).__enter__()
            view = tested.wait_until_idle()
            tested.offer_act("hang_holding_gil")
            print(*[worker.pid for worker in view.workers], flush=True)
            input()
    """)
    with subprocess.Popen(
        [sys.executable, "-c", program], cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        workers = [int(pid) for pid in parent.stdout.readline().split()]
        assert len(workers) == 2
        parent.kill()
    wait_until(lambda: not any(map(is_alive, workers)))
