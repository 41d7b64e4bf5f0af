"""The start of the pool, and the memory of its workers."""

from __future__ import annotations

import queue
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import psutil

from bench.figures import show
from edge_agent.app import build_pool, find_detectors, image_limits
from edge_agent.ingest import read_frame
from edge_agent.model import Job, Message, Outcome
from edge_agent.settings_sources import load_settings
from edge_agent.wire import FaceRules, SnapshotWish

if TYPE_CHECKING:
    from pathlib import Path

FRAMES = 50


def measure(picture: Path, runs: int) -> None:
    """Start the pool anew several times, give it frames, and read its workers' memory."""
    series: dict[str, list[float]] = {"first": [], "rss": [], "uss": []}
    for _ in range(runs):
        _run(picture.read_bytes(), series)
    show("from the pool's start to its first answer", "s", {"first answer": series["first"]})
    show(
        f"a worker after {FRAMES} frames with pictures drawn",
        "MB",
        {"resident": series["rss"], "its own (USS)": series["uss"]},
    )


def _run(image: bytes, series: dict[str, list[float]]) -> None:
    settings = load_settings(None, {})
    detectors = find_detectors(settings)
    outcomes: queue.SimpleQueue[Outcome] = queue.SimpleQueue()
    began_s = time.monotonic()
    pool = build_pool(settings, detectors, outcomes.put)
    pool.start()
    try:
        for number in range(FRAMES):
            now = time.monotonic()
            message = Message("", image, properties={"frame_id": str(number), "trigger": "press"})
            arrival = read_frame(message, "bench", image_limits(settings), now_s=now, now_at=datetime.now(UTC))
            pool.offer(Job(arrival.frame, FaceRules(0.7), now + 60, SnapshotWish.ALWAYS))
            outcomes.get()
            if number == 0:
                series["first"].append(time.monotonic() - began_s)
        for worker in pool.view().workers:
            memory = psutil.Process(worker.pid).memory_full_info()
            series["rss"].append(memory.rss / 1e6)
            series["uss"].append(memory.uss / 1e6)
    finally:
        pool.stop(0.0)
