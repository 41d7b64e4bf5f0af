"""Frames per second at full load, beside the pool of the standard library, turn by turn in one run."""

from __future__ import annotations

import time
from collections import defaultdict
from typing import TYPE_CHECKING, Final

from bench.baseline import Baseline
from bench.figures import show
from edge_agent.app import find_detectors
from edge_agent.settings_sources import load_settings
from tests.pools import PoolUnderTest

if TYPE_CHECKING:
    from pathlib import Path

BATCH: Final = 40
WAITING: Final = 4


def measure(picture: Path, rounds: int) -> None:
    """Look at BATCH pictures in each pool, turn by turn, and print frames per second and the ratio."""
    image = picture.read_bytes()
    (choice, *_) = find_detectors(load_settings(None, {})).choices
    rates: defaultdict[str, list[float]] = defaultdict(list)
    with PoolUnderTest(choice, job_timeout_s=10.0) as ours, Baseline(choice) as baseline:
        ours.wait_for(ours.offer(image))
        baseline.wait_for(baseline.offer(image), 60)
        for _ in range(rounds):
            rates["edge-agent"].append(_ours(ours, image))
            rates["standard library"].append(_naive(baseline, image))
    rates["ratio"] = [ours / naive for ours, naive in zip(*rates.values(), strict=True)]
    show(f"{BATCH} pictures of {len(image) / 1000:.0f} kB at a time, 2 workers", "frames/s", rates)


def _ours(pool: PoolUnderTest, image: bytes) -> float:
    began_s = time.monotonic()
    frames = [pool.offer(image) for _ in range(WAITING)]
    for number in range(BATCH):
        pool.wait_for(frames[number])
        if len(frames) < BATCH:
            frames.append(pool.offer(image))
    pool.outcomes.clear()
    return BATCH / (time.monotonic() - began_s)


def _naive(baseline: Baseline, image: bytes) -> float:
    began_s = time.monotonic()
    futures = [baseline.offer(image) for _ in range(WAITING)]
    for number in range(BATCH):
        baseline.wait_for(futures[number], 60)
        if len(futures) < BATCH:
            futures.append(baseline.offer(image))
    return BATCH / (time.monotonic() - began_s)
