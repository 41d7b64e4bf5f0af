"""The worker's main loop: load a detector, then process one task after the other until the parent stops it.

The fork server loads this module and its imports: nothing here may start a thread.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final, NamedTuple

import cv2
import msgspec
import numpy as np

from edge_agent.detectors import table
from edge_agent.errors import DetectorUnavailableError, ImageError
from edge_agent.platform.malloc import return_large_blocks
from edge_agent.wire import (
    Batch,
    Detected,
    DetectorFault,
    Failed,
    FailureReason,
    Loading,
    Privacy,
    Ready,
    Rejected,
    SecondStage,
    SharedBuffer,
    SnapshotMode,
    StageTimes,
    Stop,
    Task,
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
from edge_agent.worker.cascade import Cascade, CascadeInput, CascadeResult
from edge_agent.worker.decode import Picture, decode, to_original
from edge_agent.worker.face_filter import filter_faces
from edge_agent.worker.face_quality import quality
from edge_agent.worker.frame_difference import is_unchanged, thumbnail
from edge_agent.worker.sandbox import enter_sandbox

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from multiprocessing.connection import Connection

    from edge_agent.detectors.base import Detector
    from edge_agent.wire import DetectorChoice, Face, FromWorker, WorkerSpec

GREY: Final = 128
KEPT_BYTES: Final = 8 << 20
"""More than any array of a frame of 1080p, so that the next frame gets the same memory: new memory took a fifth of its
time.
"""


def serve(  # noqa: PLR0913, PLR0917 - everything that a worker gets
    pipe: Connection,
    buffer: SharedBuffer,
    spec_data: bytes,
    parent_pipe: Connection,
    fault_log: SharedBuffer,
    models: Sequence[SharedBuffer] = (),
) -> None:
    """Run a worker until the parent stops it or exits; `models` are those of `spec.files()`."""
    spec = with_models(decode_spec(spec_data), models)
    guards.leave_signals_to_parent()
    guards.die_with_parent(parent_pipe)
    guards.record_faults(fault_log)
    guards.limit_memory(spec.memory_limit_bytes)
    return_large_blocks(KEPT_BYTES)
    sandbox = enter_sandbox(spec)
    cv2.setNumThreads(1)
    began_s = time.monotonic()
    detector, unavailable = load_first(
        spec.choices, lambda choice: pipe.send_bytes(encode(Loading(choice.strategy, choice.model)))
    )
    if detector is None:
        pipe.send_bytes(encode(Unusable(unavailable)))
        return
    if spec.probe:
        pipe.send_bytes(encode(run_probe(detector, began_s)))
        return
    second, missing = load_second_stage(spec.second_stage)
    unavailable += missing
    load_ms = (time.monotonic() - began_s) * 1000
    by_night = spec.second_stage is not None and spec.second_stage.by_night
    cascade = Cascade(detector, second, by_night=by_night)
    ready = Ready(detector.strategy, detector.model, load_ms, unavailable, batch=cascade.batch, sandbox=sandbox)
    pipe.send_bytes(encode(ready))
    worker = Worker(cascade, buffer)
    try:
        while not isinstance(message := decode_to_worker(pipe.recv_bytes()), Stop):
            tasks = message.tasks if isinstance(message, Batch) else (message,)
            with guards.time_limit(tasks[0].time_limit_s):
                answers = worker.process_all(tasks)
            for answer in answers:
                pipe.send_bytes(encode(answer))
    except (EOFError, ConnectionError):
        pass  # the parent has exited, and reads no reply any more


def with_models(spec: WorkerSpec, models: Sequence[SharedBuffer]) -> WorkerSpec:
    """Return the start of a worker with the paths of its models in memory."""
    paths = {file: f"/proc/self/fd/{model.fileno()}" for file, model in zip(spec.files(), models, strict=True)}

    def loaded(choice: DetectorChoice) -> DetectorChoice:
        return msgspec.structs.replace(choice, path=paths[choice.file]) if choice.file else choice

    second = spec.second_stage
    return msgspec.structs.replace(
        spec,
        choices=tuple(map(loaded, spec.choices)),
        second_stage=second and msgspec.structs.replace(second, choice=loaded(second.choice)),
    )


def load_first(
    choices: Iterable[DetectorChoice], announce: Callable[[DetectorChoice], None]
) -> tuple[Detector | None, tuple[Unavailable, ...]]:
    """Return the first detector that loads, and why those before it did not; report each before it is tried."""
    unavailable: list[Unavailable] = []
    for choice in choices:
        announce(choice)
        try:
            return table.load(choice), tuple(unavailable)
        except DetectorUnavailableError as error:
            unavailable.append(Unavailable(choice.strategy, choice.model, error.fault))
    return None, tuple(unavailable)


def run_probe(detector: Detector, began_s: float) -> Ready | Unusable:
    """Run a detector on a grey picture; return that it works, or why it does not."""
    load_ms = (time.monotonic() - began_s) * 1000
    began_s = time.monotonic()
    try:
        detector.detect(np.full((480, 640, 3), GREY, np.uint8))
    except Exception as error:  # noqa: BLE001 - a driver can make a library raise anything
        fault = DetectorFault(UnavailableReason.DETECTION_FAILED, f"{type(error).__name__}: {error}")
        return Unusable((Unavailable(detector.strategy, detector.model, fault),))
    return Ready(detector.strategy, detector.model, load_ms, inference_ms=(time.monotonic() - began_s) * 1000)


def load_second_stage(mode: SecondStage | None) -> tuple[Detector | None, tuple[Unavailable, ...]]:
    """Return the second stage's detector, or why it is unavailable: the worker runs without it."""
    if mode is None:
        return None, ()
    try:
        return table.load(mode.choice), ()
    except DetectorUnavailableError as error:
        return None, (Unavailable(mode.choice.strategy, mode.choice.model, error.fault),)


class _Decoded(NamedTuple):
    """A task with its decoded picture."""

    task: Task
    picture: Picture
    decode_ms: float


class _BufferWriter:
    """Free space in the shared buffer while pictures are written to it, one after the other."""

    def __init__(self, buffer: SharedBuffer) -> None:
        self._buffer = buffer
        self._used = 0

    def put(self, data: bytes) -> int:
        """Append `data`; return its offset."""
        start = self._used
        if data:
            self._buffer.write(data, start)
            self._used += len(data)
        return start


def _failed(task: Task, error: Exception) -> Failed:
    return Failed(task.job_id, FailureReason.DETECTOR_ERROR, f"{type(error).__name__}: {error}")


class Worker:
    """Processes tasks with the cascade, and the buffer that carries their pictures."""

    def __init__(self, cascade: Cascade, buffer: SharedBuffer) -> None:
        self._cascade = cascade
        self._buffer = buffer

    def process_all(self, tasks: Sequence[Task]) -> list[FromWorker]:
        """Process several tasks, together if the detector can; each failure is that task's own reply."""
        decoded = [self._prepare(task) for task in tasks]
        ready = [each for each in decoded if isinstance(each, _Decoded)]
        began_s = time.perf_counter()
        try:
            found = self._cascade.detect_all([CascadeInput(each.picture.pixels, each.task.cascade) for each in ready])
        except Exception as error:  # noqa: BLE001 - the boundary of one task: the next one must not be affected
            return [each if not isinstance(each, _Decoded) else _failed(each.task, error) for each in decoded]
        inference_ms = (time.perf_counter() - began_s) * 1000 / max(1, len(ready))
        results, writer = iter(found), _BufferWriter(self._buffer)
        return [
            each if not isinstance(each, _Decoded) else self._build_result(each, next(results), inference_ms, writer)
            for each in decoded
        ]

    def _prepare(self, task: Task) -> _Decoded | Failed | Unchanged:
        began_s = time.perf_counter()
        try:
            data = self._buffer.read(task.size, task.offset)
            picture = decode(
                data, width=task.width, height=task.height, side=self._cascade.side, rotation=task.rotation
            )
        except ImageError as error:
            return Failed(task.job_id, error.reason, error.detail)
        except Exception as error:  # noqa: BLE001 - as above
            return _failed(task, error)
        if task.reference and not task.cascade and is_unchanged(self._thumbnail(picture), task.reference):
            return Unchanged(task.job_id, guards.resident_bytes())
        return _Decoded(task, picture, (time.perf_counter() - began_s) * 1000)

    def _thumbnail(self, picture: Picture) -> bytes:
        return thumbnail(picture.pixels) if self._cascade.uses_pixels else b""

    def _build_result(
        self, decoded: _Decoded, found: CascadeResult, inference_ms: float, writer: _BufferWriter
    ) -> Detected | Failed:
        began_s = time.perf_counter()
        task, picture = decoded.task, decoded.picture
        try:
            originals = [to_original(face, picture) for face in found.faces]
            counting, rejected = filter_faces(originals, task.rules, picture.size)
            faces = tuple(msgspec.structs.replace(face, quality=quality(face, picture)) for face in counting)
            snapshot, best_face = self._render(task, picture, faces, rejected)
            offset = writer.put(snapshot + best_face)
        except Exception as error:  # noqa: BLE001 - as above
            return _failed(task, error)
        render_ms = (time.perf_counter() - began_s) * 1000
        return Detected(
            job_id=task.job_id,
            image=picture.size,
            faces=faces,
            rejected=rejected,
            times=StageTimes(decode=decoded.decode_ms, inference=inference_ms, render=render_ms),
            memory_bytes=guards.resident_bytes(),
            snapshot_size=len(snapshot),
            best_face_size=len(best_face),
            second_model=found.second_model,
            pictures_offset=offset,
            thumbnail=b"" if found.faces else self._thumbnail(picture),
        )

    @staticmethod
    def _render(
        task: Task, picture: Picture, faces: tuple[Face, ...], rejected: tuple[Rejected, ...]
    ) -> tuple[bytes, bytes]:
        """Return the annotated picture and the best face, as JPEG; b'' for one that is not requested."""
        wished = task.snapshot is SnapshotMode.ALWAYS or (task.snapshot is SnapshotMode.WITH_FACES and faces)
        if not wished or task.privacy is Privacy.EVENTS_ONLY:
            return b"", b""
        boxes = [*(face.box for face in faces), *(each.box for each in rejected)]
        shown = picture if task.privacy is Privacy.FULL else blurred(picture, boxes)
        snapshot = to_jpeg(annotate(shown, faces, task.label), task.picture_bytes)
        best_face = b""
        if faces and task.privacy is Privacy.FULL:
            best_face = to_jpeg(crop(picture, max(faces, key=lambda face: face.quality)), task.picture_bytes)
        return snapshot, best_face
