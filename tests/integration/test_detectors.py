"""The detectors of the cpu strategy, on real photographs."""

from __future__ import annotations

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
from edge_agent.wire import DetectorChoice
from edge_agent.worker.decode import decode, to_original
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
