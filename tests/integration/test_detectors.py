"""The detectors of the cpu strategy, on real photographs."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from typing import TYPE_CHECKING

import cv2
import msgspec
import numpy as np
import pytest

from edge_agent.detectors import table
from edge_agent.ingest.image_header import read_header
from edge_agent.wire import Detected, DetectorChoice, FaceRules, ImageSize, SharedBuffer, SnapshotMode, Task
from edge_agent.worker.cascade import Cascade
from edge_agent.worker.decode import decode, to_original
from edge_agent.worker.main import Worker
from testing.photos import Photo, close_up, photos
from testing.shared_data import shared

if TYPE_CHECKING:
    from pathlib import Path

    from edge_agent.detectors.base import Detector

FILES = {
    "yunet_n": "yunet_n_dynamic.onnx",
    "yunet_opencv": "yunet_n_640_640.onnx",
    "centerface": "centerface.onnx",
    "blazeface": "blazeface_full_range.tflite",
}


def _load(model: str) -> Detector:
    return table.load(DetectorChoice("cpu", model, str(shared("models", FILES[model]))))


def _line(detector: Detector, photo: Photo) -> str:
    data = photo.path.read_bytes()
    header = read_header(data)
    picture = decode(data, width=header.width, height=header.height, side=detector.side)
    faces = [to_original(face, picture) for face in detector.detect(picture.pixels)]
    return json.dumps({"image": photo.path.name, "faces": msgspec.to_builtins(faces)})


@pytest.mark.parametrize(("model", "every"), [("yunet_n", 2), ("yunet_opencv", 8), ("centerface", 8)])
def test_precision_and_recall_on_a_sample(model: str, every: int, tmp_path: Path) -> None:
    detector = _load(model)
    truth = shared("data", "dev", "gt.jsonl").read_text(encoding="utf-8").splitlines()[::every]
    (tmp_path / "truth.jsonl").write_text("\n".join(truth), encoding="utf-8")
    lines = [_line(detector, photo) for photo in photos()[::every]]
    (tmp_path / "found.jsonl").write_text("\n".join(lines), encoding="utf-8")
    command = [
        sys.executable, str(shared("data", "score.py")), str(tmp_path / "found.jsonl"),
        "--gt", str(tmp_path / "truth.jsonl"), "--threshold", "0.7", "--json",
    ]  # fmt: skip
    scores = json.loads(subprocess.run(command, capture_output=True, check=True, text=True).stdout)
    assert scores["missing"] == 0
    assert scores["real"]["precision"] >= 0.93
    assert scores["real"]["recall"] >= 0.95


@pytest.mark.parametrize("model", list(FILES))
def test_a_face_is_found_where_it_is_with_its_landmarks(model: str) -> None:
    photo = close_up()
    image = np.asarray(cv2.imread(str(photo.path)), np.uint8)
    best = _load(model).detect(image)[0]
    x, y, width, height = photo.boxes[0]
    assert best.confidence > 0.7
    assert abs(best.box.x + best.box.width / 2 - (x + width / 2)) < width / 3
    assert abs(best.box.y + best.box.height / 2 - (y + height / 2)) < height / 3
    right_eye, left_eye, nose = (best.landmarks[name] for name in ("right_eye", "left_eye", "nose"))
    assert right_eye[0] < left_eye[0]
    assert left_eye[1] < nose[1]


@pytest.mark.parametrize("model", list(FILES))
@pytest.mark.parametrize("shape", [(1, 1), (1, 2000), (2000, 1), (37, 53), (480, 640)])
def test_any_size_of_picture_can_be_processed(model: str, shape: tuple[int, int]) -> None:
    detector = _load(model)
    assert detector.detect(np.zeros((*shape, 3), np.uint8)) == []


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_faces_of_a_rotated_camera_are_those_of_the_upright_picture(rotation: int) -> None:
    """The camera's picture is turned the other way; boxes, zones and the published picture are upright."""
    upright = np.asarray(cv2.imread(str(close_up().path)), np.uint8)
    expected = _load("yunet_n").detect(upright)[0].box
    height, width = upright.shape[:2]
    camera = np.ascontiguousarray(np.rot90(upright, rotation // 90))  # numpy turns counterclockwise
    data = cv2.imencode(".jpg", camera, (cv2.IMWRITE_JPEG_QUALITY, 95))[1].tobytes()
    centre = (expected.x + expected.width / 2) / width, (expected.y + expected.height / 2) / height
    around = tuple((centre[0] + x, centre[1] + y) for x, y in ((-0.1, -0.1), (0.1, -0.1), (0.1, 0.1), (-0.1, 0.1)))
    rules = FaceRules(0.7, zones=(around,))
    camera_height, camera_width = camera.shape[:2]
    with contextlib.closing(SharedBuffer.create()) as buffer:
        buffer.write(data)
        task = Task(1, len(data), camera_width, camera_height, rules, 5.0, SnapshotMode.ALWAYS, rotation=rotation)
        (answer,) = Worker(Cascade(_load("yunet_n")), buffer).process_all([task])
        assert isinstance(answer, Detected), answer
        assert answer.image == ImageSize(width, height)
        found = answer.faces[0].box
        assert (found.x, found.y, found.width, found.height) == pytest.approx(
            (expected.x, expected.y, expected.width, expected.height), abs=0.04 * height
        )
        shown = cv2.imdecode(np.frombuffer(buffer.read(answer.snapshot_size), np.uint8), cv2.IMREAD_COLOR)
        assert shown is not None
        scaled = cv2.resize(upright, (shown.shape[1], shown.shape[0]))
        assert np.abs(scaled.astype(int) - shown).mean() < 8


@pytest.mark.parametrize("rotation", [90, 180, 270])
def test_turned_faces_are_often_missed_without_the_setting(rotation: int) -> None:
    found = [_best_confidences(photo, rotation) for photo in photos()[::16]]
    turned, upright = (sum(each[number] >= 0.7 for each in found) for number in (0, 1))
    assert upright > 10
    assert turned < 0.8 * upright


def _best_confidences(photo: Photo, rotation: int) -> tuple[float, float]:
    """Return the best confidence in a turned picture, and in the upright one."""
    upright = np.asarray(cv2.imread(str(photo.path)), np.uint8)
    turned = np.ascontiguousarray(np.rot90(upright, rotation // 90))
    detector = _load("yunet_n")
    best = [max((face.confidence for face in detector.detect(each)), default=0.0) for each in (turned, upright)]
    return best[0], best[1]
