"""How long from a worker's exit or hang to the next result, compared with the naive pool?"""

from __future__ import annotations

import os
import signal
import time
from collections import defaultdict
from typing import TYPE_CHECKING, Final

from bench.answer import Answer, Series
from bench.naive import Naive
from edge_agent.pool.views import SlotState
from edge_agent.wire import Detected
from testing.pictures import jpeg
from testing.pools import WIDTHS, PoolUnderTest, scripted
from testing.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.setup import Setup

LIMIT_S: Final = 1.0
"""The time limit of a frame, in both pools."""
BUSY: Final = scripted(latency_ms=100)


def measure(setup: Setup) -> Answer:
    """Inject every fault in turn in both pools."""
    seconds: defaultdict[str, list[float]] = defaultdict(list)
    lost: defaultdict[str, int] = defaultdict(int)
    with PoolUnderTest(BUSY, job_timeout_s=LIMIT_S) as ours, Naive(BUSY) as naive:
        naive.wait_for(naive.offer(jpeg()), 60)
        for _ in range(max(3, setup.rounds // 2)):
            for fault, inject in FAULTS.items():
                ours.wait_until_idle()
                ours.pool.restart()
                ours.wait_until_idle()
                seconds[fault].append(inject(ours, lost, "edge-agent"))
                if fault in NAIVE_FAULTS:
                    seconds[f"{fault}: naive pool"].append(NAIVE_FAULTS[fault](naive))
        lost["naive pool"] = naive.lost
    remark = "frames lost: " + ", ".join(f"{name} {count}" for name, count in lost.items())
    series = tuple(Series(name, "s", tuple(values)) for name, values in seconds.items())
    return Answer(__doc__ or "", series, remarks=(f"a frame may take {LIMIT_S:g} s in both pools", remark))


def _answered(ours: PoolUnderTest, frames: list[str], lost: defaultdict[str, int], name: str) -> None:
    lost[name] += sum(not isinstance(ours.wait_for(frame).result, Detected) for frame in frames)


def _kill_busy(ours: PoolUnderTest, lost: defaultdict[str, int], name: str) -> float:
    """Kill a busy worker; its own frame is the next result."""
    frame = ours.offer()
    busy = wait_until(lambda: [each for each in ours.pool.view().workers if each.state is SlotState.BUSY])[0]
    os.kill(busy.pid or 0, signal.SIGKILL)
    began_s = time.monotonic()
    _answered(ours, [frame], lost, name)
    return time.monotonic() - began_s


def _replace_idle(ours: PoolUnderTest, _lost: defaultdict[str, int], _name: str) -> float:
    """Kill an idle worker, and wait for its replacement."""
    restarts, pid = ours.pool.view().restarts, ours.pool.view().workers[0].pid or 0
    began_s = time.monotonic()
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: ours.pool.view().restarts > restarts)
    ours.wait_until_idle()
    return time.monotonic() - began_s


def _hang(act: str) -> Callable[[PoolUnderTest, defaultdict[str, int], str], float]:
    def inject(ours: PoolUnderTest, lost: defaultdict[str, int], name: str) -> float:
        """Hang both workers on a frame each, then wait for a result."""
        began_s = time.monotonic()
        for width in (WIDTHS[act], WIDTHS[act]):
            ours.offer(jpeg(width, 80))
        _answered(ours, [ours.offer()], lost, name)
        return time.monotonic() - began_s

    return inject


def _naive_kill(naive: Naive) -> float:
    future = naive.offer(jpeg())
    wait_until(lambda: future.running() or future.done())
    os.kill(naive.worker_pids()[0], signal.SIGKILL)
    began_s = time.monotonic()
    while not naive.wait_for(future, LIMIT_S * 30):
        future = naive.offer(jpeg())
    return time.monotonic() - began_s


def _naive_hang(naive: Naive) -> float:
    """Hang both workers, detect it by the timeout, replace the pool, and submit again."""
    began_s = time.monotonic()
    hanging = [naive.offer(jpeg(WIDTHS["hang_holding_gil"], 80)) for _ in range(2)]
    future = naive.offer(jpeg())
    naive.wait_for(hanging[0], LIMIT_S)
    if not naive.wait_for(future, LIMIT_S):
        naive.renew()
        naive.wait_for(naive.offer(jpeg()), 60)
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
