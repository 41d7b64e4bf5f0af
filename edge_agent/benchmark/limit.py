"""The limit: as many bare processes as cores, the same decoding and detector in a loop, no queue, no MQTT."""

from __future__ import annotations

import multiprocessing
import time
from typing import TYPE_CHECKING, NamedTuple, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from multiprocessing.connection import Connection

    from edge_agent.wire import DetectorChoice

    DetectionPolicy = Callable[[bytes], int]
    """Looks at a JPEG and returns how many faces it shows."""


class Burst(NamedTuple):
    """What was done in a span of time: frames, seconds by the clock, seconds of processor time."""

    frames: int
    wall_s: float
    cpu_s: float
    busy: float = 0.0
    """The share of the time in which workers had a frame, where that is known."""

    @property
    def rate(self) -> float:
        """Frames per second."""
        return self.frames / self.wall_s

    @property
    def cpu_ms(self) -> float:
        """Milliseconds of processor time per frame."""
        return self.cpu_s * 1000 / self.frames


def bare_detection(choice: DetectorChoice) -> DetectionPolicy:
    """Return a worker's decoding and detector, and nothing else of it."""
    import cv2  # noqa: PLC0415 - in the process that loops alone

    from edge_agent.detectors import table  # noqa: PLC0415 - likewise
    from edge_agent.ingest.image_header import read_header  # noqa: PLC0415 - likewise
    from edge_agent.worker.decode import decode  # noqa: PLC0415 - likewise

    cv2.setNumThreads(1)
    detector = table.load(choice)

    def look(data: bytes) -> int:
        header = read_header(data)
        picture = decode(data, width=header.width, height=header.height, side=detector.side)
        return len(detector.detect(picture.pixels))

    return look


class Limit:
    """Processes that loop for a while when they are told to; what `run` returns is of all of them together."""

    def __init__(
        self,
        choice: DetectorChoice,
        frames: Sequence[bytes],
        *,
        processes: int,
        make: Callable[[DetectorChoice], DetectionPolicy] = bare_detection,
    ) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipes: list[Connection] = []
        for _ in range(processes):
            ours, theirs = context.Pipe()
            context.Process(target=_loop, args=(theirs, choice, frames, make), daemon=True).start()
            theirs.close()
            self._pipes.append(ours)
        for pipe in self._pipes:
            pipe.recv()

    def __enter__(self) -> Self:
        """Return this."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the processes."""
        for pipe in self._pipes:
            pipe.close()

    def run(self, seconds: float) -> Burst:
        """Loop for so many seconds."""
        for pipe in self._pipes:
            pipe.send(seconds)
        bursts = [Burst(*pipe.recv()) for pipe in self._pipes]
        rate = sum(burst.rate for burst in bursts)
        frames = sum(burst.frames for burst in bursts)
        return Burst(frames, frames / rate, sum(burst.cpu_s for burst in bursts))


def _loop(
    pipe: Connection, choice: DetectorChoice, frames: Sequence[bytes], make: Callable[[DetectorChoice], DetectionPolicy]
) -> None:
    look = make(choice)
    look(frames[0])
    pipe.send(None)
    try:
        while True:
            pipe.send(_burst(look, frames, pipe.recv()))
    except EOFError:
        pass


def _burst(look: DetectionPolicy, frames: Sequence[bytes], seconds: float) -> Burst:
    began_s, cpu_s, count = time.monotonic(), time.process_time(), 0
    while time.monotonic() - began_s < seconds:
        look(frames[count % len(frames)])
        count += 1
    return Burst(count, time.monotonic() - began_s, time.process_time() - cpu_s)
