"""The short form: a minute of measuring, and which targets this machine meets."""

from __future__ import annotations

import os
import platform
import statistics
import time
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec
import psutil

from edge_agent import __version__
from edge_agent.benchmark.busy_pool import BusyPool
from edge_agent.benchmark.flood import Flood
from edge_agent.benchmark.limit import Limit
from edge_agent.benchmark.processes import memory_mb
from edge_agent.domain import Trigger
from edge_agent.errors import PoolStartError
from edge_agent.platform.host_metrics import read_kernel_file

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from edge_agent.domain import DetectorPlan
    from edge_agent.settings.model import Settings

ROUNDS: Final = 5
BURST_S: Final = 2.0
SINGLE: Final = 30
PRESSES: Final = 30
WAITING: Final = 100
DOORS: Final = 25
"""Doorbells that flood, with WAITING / DOORS frames of each waiting: no more than the queue keeps."""


class Findings(msgspec.Struct, frozen=True):
    """What was measured; rates in frames per second, medians where nothing else is said."""

    version: str
    processor: str
    machine: str
    cores: int
    memory_gb: float
    python: str
    detector: str
    frames: str
    workers: int
    limit_rate: float
    pool_rate: float
    pool_over_limit: float
    utilisation: float
    latency_ms: float
    latency_p95_ms: float
    press_in_flood_p95_ms: float
    press_over_unloaded: float
    start_s: float
    worker_mb: float
    frames_offered: int
    frames_lost: int


class Target(msgspec.Struct, frozen=True):
    """A target, the figure as it is shown, and whether that is enough."""

    name: str
    wanted: str
    value: str
    met: bool


def measure(
    settings: Settings, detectors: DetectorPlan, frames: Sequence[bytes], shown: str, step: Callable[[str], None]
) -> Findings:
    """Measure; `step` is told what is being done. Raise PoolStartError where no detector of the processor is there."""
    if not detectors.choices:
        message = "there is no detector for the processor in the settings: add cpu to detection.strategies"
        raise PoolStartError(message)
    choice, workers = detectors.choices[0], settings.pool.workers
    step("starting")
    began_s = time.monotonic()
    with BusyPool(settings, detectors, frames) as pool:
        start_s = time.monotonic() - began_s
        step("one frame at a time")
        single = [pool.ask(Trigger.MOTION)[1] for _ in range(SINGLE)]
        step("presses behind 100 frames")
        alone = by_picture([pool.ask(Trigger.PRESS) for _ in range(SINGLE)])
        flooded = Flood(pool, WAITING - 1, DOORS).press(PRESSES)  # the queue keeps WAITING: the press is one
        with Limit(choice, frames, processes=workers) as limit:
            bursts = []
            for number in range(ROUNDS):
                step(f"full load, beside the limit, {number + 1} of {ROUNDS}")
                bursts.append((limit.run(BURST_S), pool.run(BURST_S)))
        worker_mb = max(memory_mb(worker.pid or 0) for worker in pool.pool.view().workers)
    return Findings(
        version=__version__,
        processor=processor(),
        machine=platform.machine(),
        cores=len(os.sched_getaffinity(0)),
        memory_gb=round(psutil.virtual_memory().total / 1e9, 1),
        python=platform.python_version(),
        detector=f"{choice.strategy} {choice.model}",
        frames=shown,
        workers=workers,
        limit_rate=round(statistics.median(bare.rate for bare, _ in bursts), 2),
        pool_rate=round(statistics.median(ours.rate for _, ours in bursts), 2),
        pool_over_limit=round(statistics.median(ours.rate / bare.rate for bare, ours in bursts), 3),
        utilisation=round(statistics.median(ours.busy for _, ours in bursts), 3),
        latency_ms=round(statistics.median(single), 1),
        latency_p95_ms=round(_p95(single), 1),
        press_in_flood_p95_ms=round(_p95([ms for _, ms in flooded]), 1),
        press_over_unloaded=round(_p95([ms / alone[picture] for picture, ms in flooded]), 2),
        start_s=round(start_s, 2),
        worker_mb=round(worker_mb, 1),
        frames_offered=pool.offered,
        frames_lost=pool.lost,
    )


def targets(found: Findings) -> list[Target]:
    """Return the targets, and which are met."""
    loss = 100 * found.frames_lost / found.frames_offered
    return [
        Target("a frame, from offered to answered", "< 500 ms", f"{found.latency_ms:.0f} ms", found.latency_ms < 500),  # noqa: PLR2004 - as the text says
        Target("frames per second", "> 5", f"{found.pool_rate:.1f}", found.pool_rate > 5),  # noqa: PLR2004 - likewise
        Target("a worker's memory", "< 200 MB", f"{found.worker_mb:.0f} MB", found.worker_mb < 200),  # noqa: PLR2004 - likewise
        Target("start to the first answer", "< 5 s", f"{found.start_s:.2f} s", found.start_s < 5),  # noqa: PLR2004 - likewise
        Target("frames lost", "< 1 %", f"{loss:.1f} %", loss < 1),
        Target("utilisation of the workers", "> 80 %", f"{found.utilisation:.0%}", found.utilisation > 0.8),  # noqa: PLR2004 - likewise
        Target("full load over the limit", ">= 0.97", f"{found.pool_over_limit:.2f}", found.pool_over_limit >= 0.97),  # noqa: PLR2004 - likewise
        Target(
            "a press behind 100 frames, p95, over one alone",
            "<= 2.2",
            f"{found.press_over_unloaded:.1f}",
            found.press_over_unloaded <= 2.2,  # noqa: PLR2004 - likewise
        ),
    ]


def processor() -> str:
    """Return the processor's name: on a Raspberry Pi that of the board."""
    lines = read_kernel_file(Path("/proc/cpuinfo")).splitlines()
    names = {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return names.get("Model") or names.get("model name") or platform.machine()


def by_picture(asked: Sequence[tuple[int, float]]) -> dict[int, float]:
    """Return the median milliseconds of each picture: a second look makes one picture slower than another."""
    found: defaultdict[int, list[float]] = defaultdict(list)
    for picture, took_ms in asked:
        found[picture].append(took_ms)
    return {picture: statistics.median(values) for picture, values in found.items()}


def _p95(values: Sequence[float]) -> float:
    return statistics.quantiles(values, n=20, method="inclusive")[-1]
