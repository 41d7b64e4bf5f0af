"""Accelerators in the pool, simulated without processes: probed, assigned, lost, probed again."""

from __future__ import annotations

import pytest

from edge_agent.domain import DetectorPlan
from edge_agent.pool.actions import EndProbe, KillWorker, StartProbe, StartWorker, StopWorker
from edge_agent.pool.views import AcceleratorState, AcceleratorView, SlotState
from edge_agent.reasons import DetectorFault, ExitReason, UnavailableReason, WorkerExit
from edge_agent.wire import DetectorChoice, Unavailable
from testing.values import CRASHED, EXITED, KILLED, NO_STICK, PLAN, job
from tests.unit.test_pool_core import SimulatedPool

pytestmark = pytest.mark.usefixtures("wording")

STICK = DetectorChoice("edgetpu", "ssd", device="usb:0")
OTHER_STICK = DetectorChoice("edgetpu", "ssd", device="usb:1")
GPU = DetectorChoice("gpu", "yunet_n", device="0")


class SimulatedPoolWithAccelerators(SimulatedPool):
    """A pool with accelerators; the test decides the probes' results."""

    def __init__(self, *accelerators: DetectorChoice, workers: int = 2) -> None:
        super().__init__(DetectorPlan(PLAN.choices, accelerators), workers=workers)

    def probe(self, number: int = 0, fault: DetectorFault | None = None) -> None:
        self.do(self.core.on_probe_result(number, fault, self.now))

    def assign(self, number: int = 0, slot: int = 0) -> None:
        """Let a probe succeed, and a worker start with the accelerator."""
        self.probe(number)
        self.die(slot, EXITED)
        self.ready(slot, "edgetpu")

    def probes(self) -> int:
        return sum(isinstance(each, StartProbe) for each in self.actions)

    def started(self, slot: int) -> int | None:
        """Return the accelerator of a slot's last worker."""
        return [each.accelerator for each in self.actions if isinstance(each, StartWorker) and each.slot == slot][-1]

    def accelerator(self, number: int = 0) -> AcceleratorView:
        return self.core.view(self.now).accelerators[number]

    def wait_for_probe(self) -> float:
        """Pass time until the next probe begins; return the wait."""
        before, began_s = self.probes(), self.now
        while self.probes() == before:
            self.pass_time(0.5)
        return self.now - began_s


def test_all_workers_start_on_the_cpu_while_the_accelerator_is_probed() -> None:
    played = SimulatedPoolWithAccelerators(STICK)
    assert [type(each) for each in played.actions] == [StartWorker, StartWorker, StartProbe]
    assert [played.started(0), played.started(1)] == [None, None]
    assert played.accelerator().state is AcceleratorState.PROBING


def test_one_worker_is_replaced_by_one_with_the_accelerator() -> None:
    played = SimulatedPoolWithAccelerators(STICK)
    played.probe()
    assert played.actions[-1] == StopWorker(0)
    played.die(0, EXITED)
    assert played.started(0) == 0
    assert played.started(1) is None
    played.ready(0, "edgetpu")
    assert played.accelerator() == AcceleratorView("edgetpu", "ssd", "usb:0", AcceleratorState.IN_USE)
    assert played.core.view(played.now).accelerator_assignments == 1
    assert played.core.view(played.now).restarts == 0


def test_accelerators_are_assigned_one_after_the_other() -> None:
    """At least one worker accepts frames at any time."""
    played = SimulatedPoolWithAccelerators(STICK, OTHER_STICK, GPU, workers=2)
    for number in range(3):
        played.probe(number)
    assert [played.state(0), played.state(1)] == [SlotState.STOPPING, SlotState.IDLE]
    played.die(0, EXITED)
    played.ready(0, "edgetpu")
    assert [played.state(0), played.state(1)] == [SlotState.IDLE, SlotState.STOPPING]
    played.die(1, EXITED)
    assert [played.started(0), played.started(1)] == [0, 1]
    assert played.accelerator(2).state is AcceleratorState.AVAILABLE


def test_no_worker_is_replaced_while_it_is_busy_or_a_press_waits() -> None:
    played = SimulatedPoolWithAccelerators(STICK, workers=1)
    played.offer(job())
    played.probe()
    assert played.state(0) is SlotState.BUSY
    played.answer(0)
    assert played.state(0) is SlotState.STOPPING


def test_failed_probes_are_repeated_with_growing_waits() -> None:
    played = SimulatedPoolWithAccelerators(STICK)
    waits = []
    for _ in range(4):
        played.probe(fault=NO_STICK)
        assert played.accelerator().state is AcceleratorState.UNAVAILABLE
        assert played.accelerator().fault == NO_STICK
        waits.append(played.wait_for_probe())
    assert waits == pytest.approx([5, 10, 20, 40], abs=4.5)
    assert played.accelerator().lost_for_s is None


def test_a_hanging_probe_is_killed() -> None:
    played = SimulatedPoolWithAccelerators(STICK)
    played.pass_time(10.0)
    assert EndProbe(0) in played.actions
    assert played.accelerator().fault == DetectorFault(UnavailableReason.TIMED_OUT, "within 10 s")
    played.probe(fault=KILLED.as_detector_fault())
    assert played.accelerator().fault == DetectorFault(UnavailableReason.TIMED_OUT, "within 10 s")


def test_a_frame_on_which_the_accelerator_fails_is_retried_by_another_worker() -> None:
    played = SimulatedPoolWithAccelerators(STICK)
    played.assign()
    lost = job()
    played.offer(lost)
    assert played.assigned(0).job is lost
    played.fail(0)
    assert any(isinstance(each, KillWorker) and each.slot == 0 for each in played.actions)
    again = played.assigned(1).job
    assert (again.frame, again.attempts, again.crashes) == (lost.frame, 1, 0)
    assert played.outcomes == []
    played.die(0)
    assert played.started(0) is None
    view = played.core.view(played.now)
    assert (view.accelerator_releases, view.workers[0].last_error) == (1, WorkerExit(ExitReason.DETECTOR_ERROR, "no"))
    assert played.accelerator().fault == DetectorFault(UnavailableReason.DETECTION_FAILED, "no")
    assert played.accelerator().lost_for_s == 0


@pytest.mark.parametrize(
    ("end", "reason"),
    [
        (CRASHED, UnavailableReason.CRASHED),
        (WorkerExit(ExitReason.TIMED_OUT, "in time"), UnavailableReason.TIMED_OUT),
        (WorkerExit(ExitReason.NOT_STARTED, "no memory"), UnavailableReason.START_FAILED),
    ],
)
def test_a_worker_that_dies_with_its_accelerator_costs_no_frame_and_no_wait(
    end: WorkerExit, reason: UnavailableReason
) -> None:
    played = SimulatedPoolWithAccelerators(STICK, workers=1)
    played.assign()
    lost = job()
    played.offer(lost)
    played.die(0, end)
    assert played.state(0) is SlotState.STARTING
    assert played.started(0) is None
    fault = played.accelerator().fault
    assert fault is not None
    assert fault.reason is reason
    played.ready(0)
    again = played.assigned(0).job
    assert (again.frame, again.attempts, again.crashes) == (lost.frame, 1, 0)


def test_accelerator_failures_never_quarantine_a_frame() -> None:
    """Only a worker on the CPU can quarantine a frame."""
    played = SimulatedPoolWithAccelerators(STICK, workers=1)
    played.assign()
    played.offer(job())
    played.die(0)
    played.ready(0)
    for crashes in range(2):
        played.pass_time(1.0)
        assert played.assigned(0).job.crashes == crashes
        played.die(0)
        played.revive(0)
    assert [each.result.reason.value for each in played.outcomes if hasattr(each.result, "reason")] == ["quarantined"]


def test_a_lost_accelerator_needs_two_successful_probes() -> None:
    played = SimulatedPoolWithAccelerators(STICK)
    played.assign()
    played.die(0)
    played.ready(0)
    played.wait_for_probe()
    played.probe()
    assert played.state(0) is SlotState.IDLE
    played.wait_for_probe()
    played.probe()
    assert played.state(0) is SlotState.STOPPING
    played.die(0, EXITED)
    played.ready(0, "edgetpu")
    assert played.accelerator().lost_for_s is None
    view = played.core.view(played.now)
    assert (view.accelerator_assignments, view.accelerator_releases) == (2, 1)


def test_repeated_losses_of_an_accelerator_lengthen_its_backoff() -> None:
    played = SimulatedPoolWithAccelerators(STICK)
    played.assign()
    waits = []
    for steady_s in (0.0, 1.0, 61.0):
        played.pass_time(steady_s)
        played.die(0)
        played.ready(0)
        waits.append(played.wait_for_probe())
        played.probe()
        played.wait_for_probe()
        played.assign()
    assert waits == pytest.approx([5, 10, 5], abs=2.5)


def test_an_accelerator_that_its_worker_cannot_load_is_lost() -> None:
    played = SimulatedPoolWithAccelerators(STICK)
    played.probe()
    played.die(0, EXITED)
    played.core.on_unusable(0, (Unavailable("edgetpu", "ssd", NO_STICK),))
    played.die(0, EXITED)
    assert played.started(0) is None
    assert played.accelerator().fault == NO_STICK
    assert played.core.view(played.now).unavailable == ()


def test_a_strategy_can_be_disabled_and_enabled() -> None:
    played = SimulatedPoolWithAccelerators(STICK)
    played.assign()
    played.do(played.core.allow_strategy("cpu", played.now))
    assert played.state(0) is SlotState.STOPPING
    played.die(0, EXITED)
    assert played.started(0) is None
    assert played.accelerator().state is AcceleratorState.OFF
    played.ready(0)
    played.do(played.core.allow_strategy("auto", played.now))
    assert played.state(0) is SlotState.STOPPING
    played.die(0, EXITED)
    assert played.started(0) == 0


def test_a_busy_accelerator_is_released_after_its_frame() -> None:
    played = SimulatedPoolWithAccelerators(STICK, workers=1)
    played.assign()
    played.offer(job())
    played.do(played.core.allow_strategy("gpu", played.now))
    assert played.state(0) is SlotState.BUSY
    played.answer(0)
    assert played.state(0) is SlotState.STOPPING


def test_a_restart_keeps_the_accelerator() -> None:
    played = SimulatedPoolWithAccelerators(STICK)
    played.assign()
    played.do(played.core.restart_all(played.now))
    played.die(0, EXITED)
    assert played.started(0) == 0


def test_without_any_other_detector_the_workers_wait_for_the_accelerator() -> None:
    played = SimulatedPool.__new__(SimulatedPoolWithAccelerators)
    SimulatedPool.__init__(played, DetectorPlan((), (STICK,)), workers=1)
    assert played.state(0) is SlotState.CIRCUIT_OPEN
    assert isinstance(played, SimulatedPoolWithAccelerators)
    played.probe()
    assert played.state(0) is SlotState.STARTING
    assert played.started(0) == 0


def test_driver_memory_does_not_recycle_the_worker() -> None:
    played = SimulatedPoolWithAccelerators(GPU)
    played.assign()
    played.offer(job())
    played.answer(0, memory_bytes=3_000_000_000)
    assert played.state(0) is SlotState.IDLE


def test_a_draining_pool_starts_no_probes() -> None:
    played = SimulatedPoolWithAccelerators(STICK)
    played.probe(fault=NO_STICK)
    played.core.drain()
    before = played.probes()
    played.pass_time(100.0)
    assert played.probes() == before
