"""The limit: as many bare processes as cores, the same decoding and detector in a loop, no queue, no MQTT."""

from __future__ import annotations

import multiprocessing
import time
from typing import TYPE_CHECKING, Final, NamedTuple, Self

import cv2
import numpy as np

from bench.dlib_hog import dlib_look
from edge_agent.detectors import registry
from edge_agent.detectors.letterbox import Canvas, fit
from edge_agent.detectors.yunet import OUTPUTS, YuNet, faces_in
from edge_agent.image_header import read_header
from edge_agent.worker.decode import decode

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from multiprocessing.connection import Connection

    from edge_agent.wire import DetectorChoice

PLAIN_SIDE: Final = 640


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


def plain_look(choice: DetectorChoice) -> Callable[[bytes], int]:
    """Return the loop that anyone would write: `cv2.imdecode`, resize, YuNet-n at 640."""
    network, canvas = YuNet(choice).network, Canvas()

    def look(data: bytes) -> int:
        image = np.asarray(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR), np.uint8)
        layout = fit(image.shape[1], image.shape[0], side=PLAIN_SIDE, multiple=32)
        blob = cv2.dnn.blobFromImage(canvas.draw(image, layout))
        return len(faces_in(network.run(OUTPUTS, {"input": blob}), layout, image))

    return look


def bare_look(choice: DetectorChoice) -> Callable[[bytes], int]:
    """Return a worker's decoding and detector, and nothing else of it."""
    detector = registry.load(choice)

    def look(data: bytes) -> int:
        header = read_header(data)
        picture = decode(data, width=header.width, height=header.height, side=detector.side)
        return len(detector.detect(picture.pixels))

    return look


LOOKS: Final = {"bare": bare_look, "plain": plain_look, "dlib": dlib_look}


class Limit:
    """Processes that loop for a while when they are told to; what `run` returns is of all of them together."""

    def __init__(self, choice: DetectorChoice, frames: Sequence[bytes], *, processes: int, look: str = "bare") -> None:
        context = multiprocessing.get_context("spawn")
        self._pipes: list[Connection] = []
        for _ in range(processes):
            ours, theirs = context.Pipe()
            context.Process(target=_loop, args=(theirs, choice, frames, look), daemon=True).start()
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


def _loop(pipe: Connection, choice: DetectorChoice, frames: Sequence[bytes], look: str) -> None:
    cv2.setNumThreads(1)
    make = LOOKS[look]
    if make is None:
        message = f"the loop {look} cannot run here"
        raise RuntimeError(message)
    see = make(choice)
    see(frames[0])
    pipe.send(None)
    try:
        while True:
            pipe.send(_burst(see, frames, pipe.recv()))
    except EOFError:
        pass


def _burst(see: Callable[[bytes], int], frames: Sequence[bytes], seconds: float) -> Burst:
    began_s, cpu_s, count = time.monotonic(), time.process_time(), 0
    while time.monotonic() - began_s < seconds:
        see(frames[count % len(frames)])
        count += 1
    return Burst(count, time.monotonic() - began_s, time.process_time() - cpu_s)
