"""How long it takes from a fault to the next good answer, beside the pool of the standard library."""

from __future__ import annotations

import os
import signal
import time
from collections import defaultdict
from typing import TYPE_CHECKING, Final

from bench.baseline import Baseline
from bench.figures import show
from edge_agent.model import SlotState
from edge_agent.wire import Detected
from tests.pictures import jpeg
from tests.pools import WIDTHS, PoolUnderTest, scripted
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

LIMIT_S: Final = 1.0
"""How long a frame may take, in both pools."""
BUSY: Final = scripted(latency_ms=100)


def measure(rounds: int) -> None:
    """Play every fault in turn in both pools, `rounds` times, and print seconds and lost frames."""
    seconds: defaultdict[str, list[float]] = defaultdict(list)
    lost: defaultdict[str, int] = defaultdict(int)
    with PoolUnderTest(BUSY, job_timeout_s=LIMIT_S) as ours, Baseline(BUSY) as baseline:
        baseline.wait_for(baseline.offer(jpeg()), 60)
        for _ in range(rounds):
            for fault, harm in FAULTS.items():
                ours.wait_until_idle()
                ours.pool.restart()
                ours.wait_until_idle()
                seconds[f"{fault}: edge-agent"].append(harm(ours, lost, f"{fault}: edge-agent"))
                if fault in NAIVE_FAULTS:
                    seconds[f"{fault}: standard library"].append(NAIVE_FAULTS[fault](baseline))
            lost["standard library"] = baseline.lost
    show("from the fault to the next good answer", "s", seconds)
    print("frames lost:", dict(lost))


def _answered(ours: PoolUnderTest, frames: list[str], lost: defaultdict[str, int], name: str) -> None:
    lost[name] += sum(not isinstance(ours.wait_for(frame).result, Detected) for frame in frames)


def _kill_busy(ours: PoolUnderTest, lost: defaultdict[str, int], name: str) -> float:
    """Kill a worker at work; its own frame is the next good answer."""
    frame = ours.offer()
    busy = wait_until(lambda: [each for each in ours.pool.view().workers if each.state is SlotState.BUSY])[0]
    os.kill(busy.pid or 0, signal.SIGKILL)
    began_s = time.monotonic()
    _answered(ours, [frame], lost, name)
    return time.monotonic() - began_s


def _replace_idle(ours: PoolUnderTest, _lost: defaultdict[str, int], _name: str) -> float:
    """Kill an idle worker, and wait until another has taken its place."""
    restarts, pid = ours.pool.view().restarts, ours.pool.view().workers[0].pid or 0
    began_s = time.monotonic()
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: ours.pool.view().restarts > restarts)
    ours.wait_until_idle()
    return time.monotonic() - began_s


def _hang(act: str) -> Callable[[PoolUnderTest, defaultdict[str, int], str], float]:
    def harm(ours: PoolUnderTest, lost: defaultdict[str, int], name: str) -> float:
        """Hang both workers on a frame each, then ask for a good answer."""
        began_s = time.monotonic()
        for width in (WIDTHS[act], WIDTHS[act]):
            ours.offer(jpeg(width, 80))
        _answered(ours, [ours.offer()], lost, name)
        return time.monotonic() - began_s

    return harm


def _naive_kill(baseline: Baseline) -> float:
    future = baseline.offer(jpeg())
    wait_until(lambda: future.running() or future.done())
    os.kill(baseline.worker_pids()[0], signal.SIGKILL)
    began_s = time.monotonic()
    while not baseline.wait_for(future, LIMIT_S * 30):
        future = baseline.offer(jpeg())
    return time.monotonic() - began_s


def _naive_hang(baseline: Baseline) -> float:
    """Hang both workers, notice it by the time-out, make the pool anew, and ask again."""
    began_s = time.monotonic()
    hanging = [baseline.offer(jpeg(WIDTHS["hang_holding_gil"], 80)) for _ in range(2)]
    future = baseline.offer(jpeg())
    baseline.wait_for(hanging[0], LIMIT_S)
    if not baseline.wait_for(future, LIMIT_S):
        baseline.renew()
        baseline.wait_for(baseline.offer(jpeg()), 60)
    return time.monotonic() - began_s


FAULTS: Final = {
    "a worker is killed at work": _kill_busy,
    "an idle worker is killed": _replace_idle,
    "both workers hang, the GIL held": _hang("hang_holding_gil"),
    "both workers are stopped": _hang("stop"),
}
NAIVE_FAULTS: Final = {
    "a worker is killed at work": _naive_kill,
    "both workers hang, the GIL held": _naive_hang,
}
