"""Batches, for a detector that processes several pictures faster at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest

from edge_agent.detectors import table
from edge_agent.detectors.base import BatchDetector
from edge_agent.domain import NO_PICTURES, DetectorPlan, Job, Trigger
from edge_agent.errors import DetectorUnavailableError
from edge_agent.pool.actions import Assign
from edge_agent.pool.views import SlotState
from edge_agent.reasons import DetectorFault, UnavailableReason
from edge_agent.wire import (
    Box,
    Detected,
    DetectorChoice,
    Face,
    FaceRules,
    Failed,
    FailureReason,
    Ready,
    SharedBuffer,
    SnapshotMode,
    Task,
)
from edge_agent.worker.cascade import Cascade
from edge_agent.worker.main import Worker
from testing.photos import photos
from testing.pictures import jpeg
from testing.shared_data import shared
from testing.values import CRASHED, EXITED, PLAN, detected, job
from tests.unit.test_pool_core import SimulatedPool

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

pytestmark = pytest.mark.usefixtures("wording")

GPU = DetectorChoice("gpu", "yunet_n", device="0")


class SimulatedPoolWithGpu(SimulatedPool):
    """A pool of two workers; the first has a GPU and processes four frames at once."""

    def __init__(self) -> None:
        super().__init__(DetectorPlan(PLAN.choices, (GPU,)))
        self.do(self.core.on_probe_result(0, None, self.now))
        self.die(0, EXITED)
        self.core.on_started(0, 1)
        self.do(self.core.on_ready(0, Ready("gpu", "yunet_n", 50.0, batch=4), self.now))

    def occupy(self) -> None:
        """Assign a frame to both workers."""
        self.offer(job("busy0"), job("busy1"))

    def batch(self) -> list[Job]:
        """Return the last batch of the worker with the GPU."""
        last = self.assigned(0)
        return [last.job, *(each for _, each in last.more)]

    def answer_ids(self, *ids: int) -> None:
        for job_id in ids:
            self.do(self.core.on_answer(0, detected(job_id=job_id), NO_PICTURES, self.now))


def test_queued_frames_form_a_batch_with_one_outcome_each() -> None:
    played = SimulatedPoolWithGpu()
    played.occupy()
    waiting = [job(f"door{number}") for number in range(6)]
    played.offer(*waiting)
    played.answer_ids(played.assigned(0).job_id)
    assert played.batch() == waiting[:4]
    first, *others = [played.assigned(0).job_id, *(job_id for job_id, _ in played.assigned(0).more)]
    played.answer_ids(*others)
    assert played.state(0) is SlotState.BUSY
    played.answer_ids(first)
    assert played.batch() == waiting[4:]
    assert len(played.outcomes) == 5


def test_a_press_frame_is_never_batched_and_goes_first() -> None:
    """A press does not wait for the pictures of another doorbell."""
    played = SimulatedPoolWithGpu()
    played.occupy()
    press = job("front", Trigger.PRESS)
    played.offer(job("a"), job("b"), press)
    played.answer_ids(played.assigned(0).job_id)
    assert played.batch() == [press]


def test_a_failed_frame_does_not_affect_the_rest_of_its_batch() -> None:
    played = SimulatedPoolWithGpu()
    played.occupy()
    waiting = [job(f"door{number}") for number in range(3)]
    played.offer(*waiting)
    played.answer_ids(played.assigned(0).job_id)
    failing = played.assigned(0)
    message = Failed(failing.job_id, FailureReason.DETECTOR_ERROR, "CUDA is out of memory")
    played.do(played.core.on_answer(0, message, NO_PICTURES, played.now))
    for _ in waiting:
        played.answer(1)
    looked = [each.frame for each in played.assignments[-3:]]
    assert looked == [each.frame for each in waiting]
    assert played.core.view(played.now).accelerator_releases == 1


def test_a_worker_exit_loses_no_frame_of_the_batch() -> None:
    played = SimulatedPoolWithGpu()
    played.occupy()
    waiting = [job(f"door{number}") for number in range(3)]
    played.offer(*waiting)
    played.answer_ids(played.assigned(0).job_id)
    played.die(0, CRASHED)
    for _ in range(4):
        played.answer(1)
    assert {outcome.frame for outcome in played.outcomes} >= {each.frame for each in waiting}
    assert all(isinstance(outcome.result, Detected) for outcome in played.outcomes)


def test_a_worker_without_an_accelerator_gets_no_batches() -> None:
    played = SimulatedPool()
    played.offer(*(job(f"door{number}") for number in range(6)))
    played.answer(0)
    assert all(not each.more for each in played.actions if isinstance(each, Assign))


class Counting:
    """A batch detector; it finds a face whose width is the picture's number in the batch."""

    strategy, model, uses_pixels, side, batch = "gpu", "counting", False, 640, 4

    def detect(self, image: Any) -> list[Face]:
        return self.detect_all([image])[0]

    def detect_all(self, images: Sequence[Any]) -> list[list[Face]]:
        return [[Face(Box(0, 0, 10 + number, 10), 0.9)] for number in range(len(images))]


@pytest.fixture
def buffer() -> Iterator[SharedBuffer]:
    buffer = SharedBuffer.create()
    yield buffer
    buffer.close()


def test_a_worker_answers_each_task_of_a_batch_with_its_own_pictures(buffer: SharedBuffer) -> None:
    images = [jpeg(seed=1), b"\xff\xd8\xffno picture", jpeg(640, 480, seed=2)]
    tasks: list[Task] = []
    for number, image in enumerate(images):
        offset = sum(map(len, images[:number]))
        buffer.write(image, offset)
        size = (640, 480) if number == 2 else (320, 240)
        tasks.append(Task(number, len(image), *size, FaceRules(0.7), 5.0, SnapshotMode.ALWAYS, offset=offset))
    first, bad, last = Worker(Cascade(Counting()), buffer).process_all(tasks)
    assert isinstance(first, Detected)
    assert isinstance(bad, Failed)
    assert isinstance(last, Detected)
    assert bad.reason is FailureReason.BAD_IMAGE
    assert [answer.faces[0].box.width for answer in (first, last)] == [10, 11]
    assert last.pictures_offset == first.snapshot_size + first.best_face_size
    assert buffer.read(3, last.pictures_offset) == b"\xff\xd8\xff"


def test_yunet_finds_the_same_in_a_batch_as_alone() -> None:
    """On onnxruntime's CPU provider; not tested on a GPU."""
    path = str(shared("models", "yunet_n_dynamic.onnx"))
    rehearsal = DetectorChoice("gpu", "yunet_n", path, "0", {"provider": "CPUExecutionProvider"})
    detector = table.load(rehearsal)
    assert isinstance(detector, BatchDetector)
    images = [np.asarray(cv2.imread(str(photo.path)), np.uint8) for photo in photos()[:12]]
    assert detector.detect_all(images) == [detector.detect(image) for image in images]


def test_without_cuda_the_provider_is_the_reason() -> None:
    path = str(shared("models", "yunet_n_dynamic.onnx"))
    choice = DetectorChoice("gpu", "yunet_n", path, "0", {"provider": "CUDAExecutionProvider"})
    with pytest.raises(DetectorUnavailableError) as unavailable:
        table.load(choice)
    assert unavailable.value.fault == DetectorFault(UnavailableReason.PROVIDER_MISSING, "CUDAExecutionProvider")
