"""The limit: one bare process per core, the same decoding and detector in a loop, without queue and MQTT."""

from __future__ import annotations

import multiprocessing
import time
from typing import TYPE_CHECKING, NamedTuple, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from multiprocessing.connection import Connection

    from edge_agent.wire import DetectorChoice

    DetectFunction = Callable[[bytes], int]
    """Detects faces in a JPEG and returns their number."""


class Burst(NamedTuple):
    """A measurement: frames, seconds of wall-clock time, seconds of CPU time."""

    frames: int
    wall_s: float
    cpu_s: float
    utilization: float = 0.0
    """The fraction of the time in which workers had a frame, if known."""

    @property
    def rate(self) -> float:
        """Frames per second."""
        return self.frames / self.wall_s

    @property
    def cpu_ms(self) -> float:
        """Milliseconds of CPU time per frame."""
        return self.cpu_s * 1000 / self.frames


def bare_detection(choice: DetectorChoice, *, keeps_memory: bool = True) -> DetectFunction:
    """Return a worker's decoding and detector, without the rest of it."""
    import cv2  # noqa: PLC0415 - only in the process that loops

    from edge_agent.detectors import table  # noqa: PLC0415 - likewise
    from edge_agent.detectors.centerface import CenterFace  # noqa: PLC0415 - likewise
    from edge_agent.ingest.image_header import read_header  # noqa: PLC0415 - likewise
    from edge_agent.platform.malloc import return_large_blocks  # noqa: PLC0415 - likewise
    from edge_agent.worker.decode import decode  # noqa: PLC0415 - likewise
    from edge_agent.worker.main import KEPT_BYTES  # noqa: PLC0415 - likewise

    cv2.setNumThreads(1)
    if keeps_memory:
        return_large_blocks(KEPT_BYTES)
    detector = table.load(choice)
    side = max(detector.side, CenterFace.side)  # a worker decodes for both stages

    def detect(data: bytes) -> int:
        header = read_header(data)
        picture = decode(data, width=header.width, height=header.height, side=side)
        return len(detector.detect(picture.pixels))

    return detect


class Limit:
    """Processes that loop for a given time; `run` returns their total."""

    def __init__(
        self,
        choice: DetectorChoice,
        frames: Sequence[bytes],
        *,
        processes: int,
        make_detect: Callable[[DetectorChoice], DetectFunction] = bare_detection,
    ) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipes: list[Connection] = []
        for _ in range(processes):
            ours, theirs = context.Pipe()
            context.Process(target=_loop, args=(theirs, choice, frames, make_detect), daemon=True).start()
            theirs.close()
            self._pipes.append(ours)
        for pipe in self._pipes:
            pipe.recv()

    def __enter__(self) -> Self:
        """Return this object."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the processes."""
        for pipe in self._pipes:
            pipe.close()

    def run(self, seconds: float) -> Burst:
        """Loop for that many seconds."""
        for pipe in self._pipes:
            pipe.send(seconds)
        bursts = [Burst(*pipe.recv()) for pipe in self._pipes]
        rate = sum(burst.rate for burst in bursts)
        frames = sum(burst.frames for burst in bursts)
        return Burst(frames, frames / rate, sum(burst.cpu_s for burst in bursts))


def _loop(
    pipe: Connection,
    choice: DetectorChoice,
    frames: Sequence[bytes],
    make_detect: Callable[[DetectorChoice], DetectFunction],
) -> None:
    detect = make_detect(choice)
    detect(frames[0])
    pipe.send(None)
    try:
        while True:
            pipe.send(_burst(detect, frames, pipe.recv()))
    except EOFError:
        pass


def _burst(detect: DetectFunction, frames: Sequence[bytes], seconds: float) -> Burst:
    began_s, cpu_s, count = time.monotonic(), time.process_time(), 0
    while time.monotonic() - began_s < seconds:
        detect(frames[count % len(frames)])
        count += 1
    return Burst(count, time.monotonic() - began_s, time.process_time() - cpu_s)
