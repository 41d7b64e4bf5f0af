"""The whole path of an accelerator, with fake devices: lost in every way, with every press answered."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from edge_agent.domain import Failure
from edge_agent.pool import probe_all
from edge_agent.pool.views import AcceleratorState, AcceleratorView
from edge_agent.reasons import UnavailableReason
from edge_agent.wire import Detected
from testing.pools import MAX_PIXELS, PoolUnderTest, scripted
from testing.waiting import wait_until
from tests.stand_in import Accelerator, Act, IntelGpu, Stick

if TYPE_CHECKING:
    from pathlib import Path

    from edge_agent.domain import Outcome


@pytest.fixture(params=["edgetpu", pytest.param("openvino", marks=pytest.mark.slow)])
def device(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Accelerator:
    if request.param == "edgetpu":
        return Stick(tmp_path)
    gpu = IntelGpu(tmp_path)
    monkeypatch.syspath_prepend(gpu.package)  # new processes take over this path
    return gpu


def with_device(device: Accelerator) -> PoolUnderTest:
    """Return a pool whose CPU is slower than its accelerator."""
    patience = {"job_timeout_s": 5.0, "accelerator_timeout_s": 3.0}  # slow on a busy machine is not a hang
    return PoolUnderTest(scripted(latency_ms=150), accelerators=(device.choice(),), **patience)


def state(pool: PoolUnderTest) -> AcceleratorView:
    return pool.pool.view().accelerators[0]


def wait_until_in_use(pool: PoolUnderTest) -> None:
    wait_until(
        lambda: state(pool).state is AcceleratorState.IN_USE and pool.wait_until_idle().workers[0].detector,
        why=lambda: str(pool.pool.view()),
    )
    wait_until(lambda: strategy_in_use(pool) == state(pool).strategy, why=lambda: str(pool.pool.view()))


def strategy_in_use(pool: PoolUnderTest) -> str:
    """Return the strategy that processes a press now."""
    return strategy(pool.wait_for(pool.offer()))


def strategy(outcome: Outcome) -> str:
    assert isinstance(outcome.result, Detected), outcome
    assert outcome.detector is not None
    return outcome.detector.strategy


@pytest.mark.parametrize(
    ("act", "reason", "words"),
    [
        ("work", None, ""),
        ("no_device", UnavailableReason.DEVICE_MISSING, " was found, or this user has no access to it"),
        ("hang_load", UnavailableReason.TIMED_OUT, "within 2 s"),
        ("crash_load", UnavailableReason.CRASHED, "was ended by SIGABRT"),
        ("error", UnavailableReason.DETECTION_FAILED, "the stand-in was told to fail"),
        ("crash", UnavailableReason.CRASHED, "was ended by SIGABRT"),
    ],
)
def test_a_probe_reports_whether_it_works(
    device: Accelerator, act: Act, reason: UnavailableReason | None, words: str
) -> None:
    device.does(act)
    patience_s = 2.0 if act == "hang_load" else 30.0
    (probed,) = probe_all([device.choice()], MAX_PIXELS, timeout_s=patience_s)
    assert probed.works == (reason is None), probed
    if probed.fault is not None:
        assert probed.fault.reason is reason
        assert words in probed.fault.text


def test_a_working_accelerator_is_used_for_presses(device: Accelerator) -> None:
    with with_device(device) as pool:
        wait_until_in_use(pool)
        assert state(pool).lost_for_s is None
        assert [worker.detector.strategy for worker in pool.pool.view().workers if worker.detector] == [
            device.choice().strategy,
            "mock",
        ]


@pytest.mark.parametrize("act", ["no_device", "hang_load", "crash_load", "error", "crash", "hang"])
def test_a_broken_accelerator_at_the_start_has_no_effect(device: Accelerator, act: Act) -> None:
    device.does(act)
    with with_device(device) as pool:
        assert strategy_in_use(pool) == "mock"
        wait_until(lambda: state(pool).fault is not None, why=lambda: str(pool.pool.view()))
        assert strategy_in_use(pool) == "mock"
        view = pool.pool.view()
        assert (view.restarts, view.accelerator_releases, view.deaths) == (0, 0, {})
        device.does("work")
        wait_until_in_use(pool)


@pytest.mark.parametrize("act", ["error", "crash", "hang"])
def test_a_failure_in_use_loses_no_press_and_recovers(device: Accelerator, act: Act) -> None:
    with with_device(device) as pool:
        wait_until_in_use(pool)
        device.does(act)
        presses = [pool.offer(doorbell=f"door{number}") for number in range(4)]
        outcomes = [pool.wait_for(press) for press in presses]
        assert {strategy(outcome) for outcome in outcomes} == {"mock"}
        assert max(outcome.attempts for outcome in outcomes) == 2
        view = pool.pool.view()
        assert view.accelerator_releases == 1
        assert view.accelerators[0].lost_for_s is not None
        assert view.accelerators[0].fault is not None
        device.does("work")
        wait_until_in_use(pool)
        assert pool.pool.view().accelerator_assignments == 2
        assert state(pool).lost_for_s is None


def test_an_accelerator_can_be_unplugged_and_plugged_in(device: Accelerator) -> None:
    """While it is unplugged, presses are answered; probes fail with the reason; then it is used again."""
    with with_device(device) as pool:
        wait_until_in_use(pool)
        device.does("no_device")
        wait_until(lambda: strategy_in_use(pool) == "mock" and state(pool).lost_for_s is not None)
        wait_until(lambda: reason(pool) is UnavailableReason.DEVICE_MISSING, why=lambda: str(state(pool)))
        assert strategy_in_use(pool) == "mock"
        device.does("work")
        wait_until_in_use(pool)


def reason(pool: PoolUnderTest) -> UnavailableReason | None:
    fault = state(pool).fault
    return fault.reason if fault else None


def test_a_strategy_can_be_chosen_while_it_runs(device: Accelerator) -> None:
    with with_device(device) as pool:
        wait_until_in_use(pool)
        pool.pool.allow_strategy("cpu")
        wait_until(lambda: strategy_in_use(pool) == "mock", why=lambda: str(pool.pool.view()))
        assert state(pool).state is AcceleratorState.OFF
        pool.pool.allow_strategy("auto")
        wait_until_in_use(pool)
        assert pool.pool.view().accelerator_releases == 0


def test_a_picture_that_kills_every_worker_is_quarantined_with_an_accelerator_too(device: Accelerator) -> None:
    with with_device(device) as pool:
        wait_until_in_use(pool)
        device.does("crash")
        outcome = pool.wait_for(pool.offer_act("segfault"))
        assert isinstance(outcome.result, Failure)
        assert outcome.result.reason.value == "quarantined"
        assert strategy_in_use(pool) == "mock"
