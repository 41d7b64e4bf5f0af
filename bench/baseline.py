"""What the agent grew out of, to compare with: a process pool as the standard library gives it.

A detector is made anew for each job, decoded arrays cross as pickles, workers are spawned. When the pool breaks it is
made anew, as its user would; a job that does not answer in time is given up, and its worker goes on hanging.
"""

from __future__ import annotations

import contextlib
import multiprocessing
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from concurrent.futures.process import BrokenProcessPool
from typing import TYPE_CHECKING, Self

import cv2
import numpy as np

from edge_agent.detectors import registry
from edge_agent.wire import DetectorChoice

if TYPE_CHECKING:
    import numpy.typing as npt

WORKERS = 2


def detect(pixels: npt.NDArray[np.uint8], strategy: str, model: str, path: str) -> int:
    """Make a detector, look at one picture, and return how many faces it has."""
    return len(registry.load(DetectorChoice(strategy, model, path)).detect(pixels))


class Baseline:
    """The pool of the standard library, with what its user must do when it breaks."""

    def __init__(self, choice: DetectorChoice) -> None:
        self._choice = choice
        self._pool = self._new()
        self.lost = 0

    def __enter__(self) -> Self:
        """Start the workers."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the workers, also those that hang."""
        self._end()

    def worker_pids(self) -> list[int]:
        """Return the worker processes there are."""
        return list(self._pool._processes)  # noqa: SLF001 - there is no public way to harm them

    def offer(self, image: bytes) -> Future[int]:
        """Have a picture looked at; it is decoded here."""
        pixels = np.asarray(cv2.imdecode(np.frombuffer(image, np.uint8), cv2.IMREAD_COLOR), np.uint8)
        choice = self._choice
        try:
            return self._pool.submit(detect, pixels, choice.strategy, choice.model, choice.path)
        except BrokenProcessPool:
            self.renew()
            return self._pool.submit(detect, pixels, choice.strategy, choice.model, choice.path)

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

    @staticmethod
    def _new() -> ProcessPoolExecutor:
        return ProcessPoolExecutor(WORKERS, mp_context=multiprocessing.get_context("spawn"))
