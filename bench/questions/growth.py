"""How does throughput grow with workers, doorbells and the size of the pictures?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bench.answer import Answer, Curve, Series
from bench.frames import jpegs
from edge_agent.benchmark.busy_pool import BusyPool

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.setup import Setup

DOORS: Final = (1, 8, 64)
SIZES: Final = ((640, 360), (1280, 720), (1920, 1080), (2560, 1440), (3840, 2160))


def measure(setup: Setup) -> Answer:
    """Run pools of 1 worker up to one more than the cores, then one pool over doorbells, then over sizes."""
    workers = tuple(range(1, setup.workers + 2))
    by_workers: dict[int, list[float]] = {count: [] for count in workers}
    by_size: dict[tuple[int, int], list[float]] = {size: [] for size in SIZES}
    by_doors: dict[int, list[float]] = {count: [] for count in DOORS}
    rounds = max(2, setup.rounds // 2)
    frames = {size: jpegs(setup.images, size=size) for size in SIZES}
    for _ in range(rounds):
        for count in workers:
            by_workers[count].append(_rate(setup, setup.frames, workers=count))
        for size in SIZES:
            by_size[size].append(_rate(setup, frames[size]))
        for doors in DOORS:
            by_doors[doors].append(_rate(setup, setup.frames, doors=doors))
    series = [
        *(Series(f"{count} workers", "frames/s", tuple(each)) for count, each in by_workers.items()),
        *(Series(f"{count} doorbells", "frames/s", tuple(each)) for count, each in by_doors.items()),
        *(Series(f"{width} x {height}", "frames/s", tuple(each)) for (width, height), each in by_size.items()),
    ]
    medians = {each.name: each.median for each in series}
    curves = (
        Curve("growth by workers", "", tuple((float(count), medians[f"{count} workers"]) for count in workers)),
        Curve("growth by picture", "", tuple((w * h / 1e6, medians[f"{w} x {h}"]) for w, h in SIZES)),
    )
    return Answer(__doc__ or "", tuple(series), curves, remarks=(f"{setup.workers} cores",))


def _rate(setup: Setup, frames: Sequence[bytes], *, workers: int | None = None, doors: int | None = None) -> float:
    settings = setup.settings
    if workers is not None:
        settings = settings.model_copy(update={"pool": settings.pool.model_copy(update={"workers": workers})})
    with BusyPool(settings, setup.detectors, frames) as ours:
        return ours.run(setup.burst_s, doors=doors).rate
