"""What the agent grew out of, to compare with: a process pool as the standard library gives it.

Workers are spawned, a detector is made anew for each job, decoded arrays cross as pickles, and whoever comes first is
looked at first. When the pool breaks it is made anew, as its user would; a job that does not answer in time is given
up, and its worker goes on hanging.
"""

from __future__ import annotations

import contextlib
import itertools
import multiprocessing
import time
from collections import deque
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from concurrent.futures.process import BrokenProcessPool
from typing import TYPE_CHECKING, Final, Self

import cv2
import numpy as np

from edge_agent.benchmark.limit import Burst
from edge_agent.benchmark.processes import cpu_seconds
from edge_agent.detectors import table
from edge_agent.wire import DetectorChoice

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

WAITING: Final = 2
"""Jobs per worker that are with the pool at a time."""
LONGEST_S: Final = 60.0


def detect(pixels: npt.NDArray[np.uint8], strategy: str, model: str, path: str) -> int:
    """Make a detector, look at one picture, and return how many faces it has."""
    return len(table.load(DetectorChoice(strategy, model, path)).detect(pixels))


class Naive:
    """The pool of the standard library, with what its user must do when it breaks."""

    def __init__(self, choice: DetectorChoice, frames: Sequence[bytes] = (), *, workers: int = 2) -> None:
        self._choice = choice
        self._frames = frames
        self._workers = workers
        self._numbers = itertools.count()
        self._pool = self._new()
        self.lost = 0

    def __enter__(self) -> Self:
        """Start the workers."""
        if self._frames:
            for job in [self.offer_next() for _ in range(self._workers)]:
                job.result(LONGEST_S)
        return self

    def __exit__(self, *_: object) -> None:
        """End the workers, also those that hang."""
        self._end()

    def worker_pids(self) -> list[int]:
        """Return the worker processes there are."""
        return list(self._pool._processes)  # noqa: SLF001 - there is no public way to harm them

    def offer_next(self) -> Future[int]:
        """Have the next of the frames looked at."""
        return self.offer(self._frames[next(self._numbers) % len(self._frames)])

    def offer(self, image: bytes) -> Future[int]:
        """Have a picture looked at; it is decoded here."""
        pixels = np.asarray(cv2.imdecode(np.frombuffer(image, np.uint8), cv2.IMREAD_COLOR), np.uint8)
        choice = self._choice
        try:
            return self._pool.submit(detect, pixels, choice.strategy, choice.model, choice.path)
        except BrokenProcessPool:
            self.renew()
            return self._pool.submit(detect, pixels, choice.strategy, choice.model, choice.path)

    def run(self, seconds: float) -> Burst:
        """Keep every worker busy for so many seconds."""
        began_s, cpu_s, count = time.monotonic(), cpu_seconds(), 0
        jobs = deque(self.offer_next() for _ in range(WAITING * self._workers))
        while time.monotonic() - began_s < seconds:
            jobs.popleft().result(LONGEST_S)
            jobs.append(self.offer_next())
            count += 1
        wall_s, left = time.monotonic() - began_s, len(jobs)
        for job in jobs:
            job.result(LONGEST_S)
        return Burst(count, wall_s, (cpu_seconds() - cpu_s) * count / (count + left))

    def wait_for(self, future: Future[int], timeout_s: float) -> bool:
        """Return whether a picture was looked at; it is lost otherwise."""
        try:
            future.result(timeout_s)
        except (FutureTimeoutError, BrokenProcessPool):
            self.lost += 1
            return False
        return True

    def renew(self) -> None:
        """Make the pool anew."""
        self._end()
        self._pool = self._new()

    def _end(self) -> None:
        processes = list(self._pool._processes.values()) if self._pool._processes else []  # noqa: SLF001 - as above
        self._pool.shutdown(wait=False, cancel_futures=True)
        for process in processes:
            with contextlib.suppress(ValueError):
                process.kill()

    def _new(self) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(self._workers, mp_context=multiprocessing.get_context("spawn"))
