"""The worker's life: load a detector, then answer one task after the other until the parent says stop.

This module and what it imports are loaded in the fork server: nothing here may start a thread.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final, NamedTuple

import cv2
import msgspec
import numpy as np

from edge_agent.detectors import registry
from edge_agent.errors import DetectorUnavailableError, ImageError
from edge_agent.wire import (
    Batch,
    Detected,
    DetectorFault,
    Failed,
    FailureReason,
    Privacy,
    Ready,
    Rejected,
    SecondLook,
    SharedBuffer,
    SnapshotWish,
    StageTimes,
    Stop,
    Task,
    Trying,
    Unavailable,
    UnavailableReason,
    Unchanged,
    Unusable,
    decode_spec,
    decode_to_worker,
    encode,
)
from edge_agent.worker import guards
from edge_agent.worker.annotate import annotate, blurred, crop, to_jpeg
from edge_agent.worker.change import is_same, thumbnail
from edge_agent.worker.confinement import confine
from edge_agent.worker.decode import Picture, decode, to_sent
from edge_agent.worker.finder import FaceFinder, Found, View
from edge_agent.worker.judge import judge
from edge_agent.worker.quality import quality

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from multiprocessing.connection import Connection

    from edge_agent.detectors.base import Detector
    from edge_agent.wire import DetectorChoice, Face, FromWorker

GREY: Final = 128


def serve(pipe: Connection, buffer: SharedBuffer, spec_data: bytes, life: Connection, fault_log: SharedBuffer) -> None:
    """Be a worker until the parent says stop or goes away."""
    spec = decode_spec(spec_data)
    guards.leave_signals_to_parent()
    guards.die_with_parent(life)
    guards.record_faults(fault_log)
    guards.limit_memory(spec.memory_limit_bytes)
    confined = confine(spec)
    cv2.setNumThreads(1)
    began_s = time.monotonic()
    detector, unavailable = load_first(
        spec.choices, lambda choice: pipe.send_bytes(encode(Trying(choice.strategy, choice.model)))
    )
    if detector is None:
        pipe.send_bytes(encode(Unusable(unavailable)))
        return
    if spec.probe:
        pipe.send_bytes(encode(trial(detector, began_s)))
        return
    second, missing = load_second(spec.second_look)
    unavailable += missing
    load_ms = (time.monotonic() - began_s) * 1000
    by_night = spec.second_look is not None and spec.second_look.by_night
    finder = FaceFinder(detector, second, by_night=by_night)
    ready = Ready(detector.strategy, detector.model, load_ms, unavailable, batch=finder.batch, confined=confined)
    pipe.send_bytes(encode(ready))
    worker = Worker(finder, buffer)
    try:
        while not isinstance(message := decode_to_worker(pipe.recv_bytes()), Stop):
            tasks = message.tasks if isinstance(message, Batch) else (message,)
            with guards.time_limit(tasks[0].time_limit_s):
                answers = worker.answer_all(tasks)
            for answer in answers:
                pipe.send_bytes(encode(answer))
    except (EOFError, ConnectionError):
        pass  # the parent has gone, and takes no answer any more
    finally:
        finder.close()


def load_first(
    choices: Iterable[DetectorChoice], announce: Callable[[DetectorChoice], None]
) -> tuple[Detector | None, tuple[Unavailable, ...]]:
    """Return the first detector that can run here, and why those before it cannot; announce each before it is tried."""
    unavailable: list[Unavailable] = []
    for choice in choices:
        announce(choice)
        try:
            return registry.load(choice), tuple(unavailable)
        except DetectorUnavailableError as error:
            unavailable.append(Unavailable(choice.strategy, choice.model, error.fault))
    return None, tuple(unavailable)


def trial(detector: Detector, began_s: float) -> Ready | Unusable:
    """Have a detector look at a grey picture; return that it works, or why it does not."""
    load_ms = (time.monotonic() - began_s) * 1000
    began_s = time.monotonic()
    try:
        detector.detect(np.full((480, 640, 3), GREY, np.uint8))
    except Exception as error:  # noqa: BLE001 - what a driver makes a library raise is anybody's guess
        fault = DetectorFault(UnavailableReason.DETECTION_FAILED, f"{type(error).__name__}: {error}")
        return Unusable((Unavailable(detector.strategy, detector.model, fault),))
    return Ready(detector.strategy, detector.model, load_ms, look_ms=(time.monotonic() - began_s) * 1000)


def load_second(wish: SecondLook | None) -> tuple[Detector | None, tuple[Unavailable, ...]]:
    """Return the detector for a second look, or why there is none: the worker works without it."""
    if wish is None:
        return None, ()
    try:
        return registry.load(wish.choice), ()
    except DetectorUnavailableError as error:
        return None, (Unavailable(wish.choice.strategy, wish.choice.model, error.fault),)


class _Seen(NamedTuple):
    """A task with its decoded picture."""

    task: Task
    picture: Picture
    decode_ms: float


class _Room:
    """The shared buffer while pictures are put into it, one after the other."""

    def __init__(self, buffer: SharedBuffer) -> None:
        self._buffer = buffer
        self._used = 0

    def put(self, data: bytes) -> int:
        """Put `data` behind what is there; return where."""
        start = self._used
        if data:
            self._buffer.write(data, start)
            self._used += len(data)
        return start


def _measured(face: Face, picture: Picture) -> Face:
    """Return a face with the quality of its picture."""
    return msgspec.structs.replace(face, quality=quality(face, picture))


def _failed(task: Task, error: Exception) -> Failed:
    return Failed(task.job_id, FailureReason.DETECTOR_ERROR, f"{type(error).__name__}: {error}")


class Worker:
    """What finds faces, and the buffer through which its pictures come."""

    def __init__(self, finder: FaceFinder, buffer: SharedBuffer) -> None:
        self._finder = finder
        self._buffer = buffer

    def answer(self, task: Task) -> FromWorker:
        """Do what the task says; whatever goes wrong is an answer too."""
        return self.answer_all((task,))[0]

    def answer_all(self, tasks: Sequence[Task]) -> list[FromWorker]:
        """Do what the tasks say, together where the detector can; whatever goes wrong with one is its own answer."""
        seen = [self._prepare(task) for task in tasks]
        ready = [each for each in seen if isinstance(each, _Seen)]
        began_s = time.perf_counter()
        try:
            found = self._finder.find_all([View(each.picture.pixels, each.task.thorough) for each in ready])
        except Exception as error:  # noqa: BLE001 - the boundary of one look: the next one must not suffer
            return [each if not isinstance(each, _Seen) else _failed(each.task, error) for each in seen]
        look_ms = (time.perf_counter() - began_s) * 1000 / max(1, len(ready))
        results, room = iter(found), _Room(self._buffer)
        return [
            each if not isinstance(each, _Seen) else self._conclude(each, next(results), look_ms, room) for each in seen
        ]

    def _prepare(self, task: Task) -> _Seen | Failed | Unchanged:
        began_s = time.perf_counter()
        try:
            data = self._buffer.read(task.size, task.offset)
            picture = decode(data, width=task.width, height=task.height, side=self._finder.side)
        except ImageError as error:
            return Failed(task.job_id, error.reason, error.detail)
        except Exception as error:  # noqa: BLE001 - as above
            return _failed(task, error)
        if task.reference and not task.thorough and is_same(self._thumbnail(picture), task.reference):
            return Unchanged(task.job_id, guards.resident_bytes())
        return _Seen(task, picture, (time.perf_counter() - began_s) * 1000)

    def _thumbnail(self, picture: Picture) -> bytes:
        return thumbnail(picture.pixels) if self._finder.sees_light else b""

    def _conclude(self, seen: _Seen, found: Found, look_ms: float, room: _Room) -> Detected | Failed:
        began_s = time.perf_counter()
        task, picture = seen.task, seen.picture
        try:
            sent = [to_sent(face, picture) for face in found.faces]
            counting, rejected = judge(sent, task.rules, picture.size)
            faces = tuple(_measured(face, picture) for face in counting)
            snapshot, portrait = self._render(task, picture, faces, rejected)
            offset = room.put(snapshot + portrait)
        except Exception as error:  # noqa: BLE001 - as above
            return _failed(task, error)
        render_ms = (time.perf_counter() - began_s) * 1000
        return Detected(
            job_id=task.job_id,
            image=picture.size,
            faces=faces,
            rejected=rejected,
            times=StageTimes(decode=seen.decode_ms, inference=look_ms, render=render_ms),
            memory_bytes=guards.resident_bytes(),
            snapshot_size=len(snapshot),
            portrait_size=len(portrait),
            second_model=found.second_model,
            pictures_offset=offset,
            thumbnail=b"" if found.faces else self._thumbnail(picture),
        )

    @staticmethod
    def _render(
        task: Task, picture: Picture, faces: tuple[Face, ...], rejected: tuple[Rejected, ...]
    ) -> tuple[bytes, bytes]:
        """Return the annotated picture and that of the best face, as JPEG; b'' for one that is not to be drawn."""
        wished = task.snapshot is SnapshotWish.ALWAYS or (task.snapshot is SnapshotWish.WITH_FACES and faces)
        if not wished or task.privacy is Privacy.EVENTS_ONLY:
            return b"", b""
        boxes = [*(face.box for face in faces), *(each.box for each in rejected)]
        shown = picture if task.privacy is Privacy.FULL else blurred(picture, boxes)
        snapshot = to_jpeg(annotate(shown, faces, task.label))
        portrait = b""
        if faces and task.privacy is Privacy.FULL:
            portrait = to_jpeg(crop(picture, max(faces, key=lambda face: face.quality)))
        return snapshot, portrait
