"""The whole EdgeTPU path, with a fake device: lost in every way, with every press answered."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from edge_agent.detectors.edgetpu import EdgeTpu, load_delegate
from edge_agent.domain import Failure
from edge_agent.errors import DetectorUnavailableError
from edge_agent.pool import probe_all
from edge_agent.pool.views import AcceleratorState, AcceleratorView
from edge_agent.reasons import DetectorFault, UnavailableReason
from edge_agent.wire import Box, Detected, DetectorChoice
from testing.pools import MAX_PIXELS, PoolUnderTest, scripted
from testing.waiting import wait_until
from tests.stand_in import Act, Stick

if TYPE_CHECKING:
    from pathlib import Path

    from edge_agent.domain import Outcome


@pytest.fixture
def stick(tmp_path: Path) -> Stick:
    return Stick(tmp_path)


def choice(stick: Stick, device: str = "any") -> DetectorChoice:
    return DetectorChoice("edgetpu", "ssd_mobilenet_v2", str(stick.model), device, {"library": str(stick.library)})


def with_stick(stick: Stick) -> PoolUnderTest:
    """Return a pool whose CPU is slower than its EdgeTPU."""
    patience = {"job_timeout_s": 5.0, "accelerator_timeout_s": 3.0}  # slow on a busy machine is not a hang
    return PoolUnderTest(scripted(latency_ms=150), accelerators=(choice(stick),), **patience)


def state(pool: PoolUnderTest) -> AcceleratorView:
    return pool.pool.view().accelerators[0]


def wait_until_in_use(pool: PoolUnderTest) -> None:
    wait_until(
        lambda: state(pool).state is AcceleratorState.IN_USE and pool.wait_until_idle().workers[0].detector,
        why=lambda: str(pool.pool.view()),
    )
    wait_until(lambda: strategy_in_use(pool) == "edgetpu", why=lambda: str(pool.pool.view()))


def strategy_in_use(pool: PoolUnderTest) -> str:
    """Return the strategy that processes a press now."""
    return strategy(pool.wait_for(pool.offer()))


def strategy(outcome: Outcome) -> str:
    assert isinstance(outcome.result, Detected), outcome
    assert outcome.detector is not None
    return outcome.detector.strategy


def test_a_face_is_found_where_it_is(stick: Stick) -> None:
    image = np.zeros((480, 640, 3), np.uint8)
    cv2.rectangle(image, (200, 100), (299, 219), (255, 255, 255), cv2.FILLED)
    detector = EdgeTpu(choice(stick))
    (face,) = detector.detect(image)
    assert face.box == Box(200, 100, 100, 120)
    assert face.confidence == pytest.approx(0.9)
    assert detector.detect(np.zeros((100, 50, 3), np.uint8)) == []


def test_missing_parts_are_reported(stick: Stick) -> None:
    with pytest.raises(DetectorUnavailableError, match=r"the library libnowhere\.so cannot be loaded") as missing:
        load_delegate("libnowhere.so", "any")
    assert missing.value.fault.reason is UnavailableReason.LIBRARY_MISSING
    stick.does("no_device")
    with pytest.raises(DetectorUnavailableError, match="no EdgeTPU usb:1 was found") as unplugged:
        load_delegate(str(stick.library), "usb:1")
    assert unplugged.value.fault.reason is UnavailableReason.DEVICE_MISSING


@pytest.mark.parametrize(
    ("act", "reason", "words"),
    [
        ("work", None, ""),
        ("no_device", UnavailableReason.DEVICE_MISSING, "no EdgeTPU was found"),
        ("hang_load", UnavailableReason.TIMED_OUT, "within 2 s"),
        ("crash_load", UnavailableReason.CRASHED, "was ended by SIGABRT"),
        ("error", UnavailableReason.DETECTION_FAILED, "RuntimeError: the stand-in was told to fail"),
        ("crash", UnavailableReason.CRASHED, "was ended by SIGABRT"),
    ],
)
def test_a_probe_reports_whether_it_works(stick: Stick, act: Act, reason: UnavailableReason | None, words: str) -> None:
    stick.does(act)
    patience_s = 2.0 if act == "hang_load" else 30.0
    (probed,) = probe_all([choice(stick)], MAX_PIXELS, timeout_s=patience_s)
    assert probed.works == (reason is None)
    if probed.fault is not None:
        assert probed.fault.reason is reason
        assert words in probed.fault.text


def test_a_working_edgetpu_is_used_for_presses(stick: Stick) -> None:
    with with_stick(stick) as pool:
        wait_until_in_use(pool)
        assert state(pool).lost_for_s is None
        assert [worker.detector.strategy for worker in pool.pool.view().workers if worker.detector] == [
            "edgetpu",
            "mock",
        ]


@pytest.mark.parametrize("act", ["no_device", "hang_load", "crash_load", "error", "crash", "hang"])
def test_a_broken_edgetpu_at_the_start_has_no_effect(stick: Stick, act: Act) -> None:
    stick.does(act)
    with with_stick(stick) as pool:
        assert strategy_in_use(pool) == "mock"
        wait_until(lambda: state(pool).fault is not None, why=lambda: str(pool.pool.view()))
        assert strategy_in_use(pool) == "mock"
        view = pool.pool.view()
        assert (view.restarts, view.accelerator_releases, view.deaths) == (0, 0, {})
        stick.does("work")
        wait_until_in_use(pool)


@pytest.mark.parametrize("act", ["error", "crash", "hang"])
def test_an_edgetpu_failure_loses_no_press_and_recovers(stick: Stick, act: Act) -> None:
    with with_stick(stick) as pool:
        wait_until_in_use(pool)
        stick.does(act)
        presses = [pool.offer(doorbell=f"door{number}") for number in range(4)]
        outcomes = [pool.wait_for(press) for press in presses]
        assert {strategy(outcome) for outcome in outcomes} == {"mock"}
        assert max(outcome.attempts for outcome in outcomes) == 2
        view = pool.pool.view()
        assert view.accelerator_releases == 1
        assert view.accelerators[0].lost_for_s is not None
        assert view.accelerators[0].fault is not None
        stick.does("work")
        wait_until_in_use(pool)
        assert pool.pool.view().accelerator_assignments == 2
        assert state(pool).lost_for_s is None


def test_an_edgetpu_can_be_unplugged_and_plugged_in(stick: Stick) -> None:
    """While it is unplugged, presses are answered; probes fail with the reason; then it is used again."""
    with with_stick(stick) as pool:
        wait_until_in_use(pool)
        stick.does("no_device")
        wait_until(lambda: strategy_in_use(pool) == "mock" and state(pool).lost_for_s is not None)
        unplugged = DetectorFault(UnavailableReason.DEVICE_MISSING, "EdgeTPU")
        wait_until(lambda: state(pool).fault == unplugged, why=lambda: str(state(pool)))
        assert strategy_in_use(pool) == "mock"
        stick.does("work")
        wait_until_in_use(pool)


def test_a_strategy_can_be_chosen_while_it_runs(stick: Stick) -> None:
    with with_stick(stick) as pool:
        wait_until_in_use(pool)
        pool.pool.allow_strategy("cpu")
        wait_until(lambda: strategy_in_use(pool) == "mock", why=lambda: str(pool.pool.view()))
        assert state(pool).state is AcceleratorState.OFF
        pool.pool.allow_strategy("auto")
        wait_until_in_use(pool)
        assert pool.pool.view().accelerator_releases == 0


def test_a_picture_that_kills_every_worker_is_quarantined_with_an_edgetpu_too(stick: Stick) -> None:
    with with_stick(stick) as pool:
        wait_until_in_use(pool)
        stick.does("crash")
        outcome = pool.wait_for(pool.offer_act("segfault"))
        assert isinstance(outcome.result, Failure)
        assert outcome.result.reason.value == "quarantined"
        assert strategy_in_use(pool) == "mock"
