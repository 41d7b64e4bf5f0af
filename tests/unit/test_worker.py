"""How a worker processes a picture."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.detectors import table
from edge_agent.detectors.boxes import rescale, score_for, suppress, to_faces
from edge_agent.detectors.letterbox import Canvas, fit
from edge_agent.errors import DetectorUnavailableError, ImageError
from edge_agent.reasons import UnavailableReason
from edge_agent.wire import (
    PICTURE_BYTES,
    Box,
    Detected,
    DetectorChoice,
    Face,
    FaceRules,
    Failed,
    FailureReason,
    ImageSize,
    Privacy,
    SharedBuffer,
    SnapshotMode,
    Task,
    decode_from_worker,
    decode_to_worker,
    encode,
)  # fmt: skip
from edge_agent.worker.annotate import LONGEST_SIDE, annotate, blurred, crop, to_jpeg
from edge_agent.worker.cascade import Cascade
from edge_agent.worker.decode import Picture, decode, to_original
from edge_agent.worker.face_filter import filter_faces
from edge_agent.worker.face_quality import quality
from edge_agent.worker.main import Worker, load_first
from testing.pictures import jpeg
from testing.values import detected

if TYPE_CHECKING:
    from collections.abc import Iterator

    from edge_agent.worker.annotate import Image


def _rotated(data: bytes, orientation: int) -> bytes:
    """Return a JPEG with EXIF rotation, like those of phones and some cameras."""
    tiff = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01" + orientation.to_bytes(2, "big") + b"\0\0\0\0\0\0"
    segment = b"Exif\0\0" + tiff
    return data[:2] + b"\xff\xe1" + (len(segment) + 2).to_bytes(2, "big") + segment + data[2:]


@pytest.mark.parametrize(
    ("width", "height", "decoded"),
    [(640, 480, (480, 640)), (1280, 720, (360, 640)), (2600, 1300, (325, 650)), (50, 40, (40, 50))],
)
def test_a_large_picture_is_reduced_while_it_is_decoded(width: int, height: int, decoded: tuple[int, int]) -> None:
    picture = decode(jpeg(width, height), width=width, height=height, side=640)
    assert picture.pixels.shape == (*decoded, 3)
    assert picture.size == ImageSize(width, height)


@pytest.mark.parametrize(
    ("orientation", "size"), [(1, (1300, 700)), (3, (1300, 700)), (6, (700, 1300)), (8, (700, 1300))]
)
def test_exif_rotation_is_applied(orientation: int, size: tuple[int, int]) -> None:
    picture = decode(_rotated(jpeg(1300, 700), orientation), width=1300, height=700, side=640)
    assert (picture.size.width, picture.size.height) == size


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
@pytest.mark.parametrize(("rotation", "turns"), [(0, 0), (90, 3), (180, 2), (270, 1)])
def test_a_picture_is_turned_clockwise_after_the_exif_rotation(orientation: int, rotation: int, turns: int) -> None:
    data = _rotated(jpeg(1300, 700), orientation)
    before = decode(data, width=1300, height=700, side=640)
    picture = decode(data, width=1300, height=700, side=640, rotation=rotation)
    assert np.array_equal(picture.pixels, np.rot90(before.pixels, turns))  # numpy turns counterclockwise
    assert picture.scale == pytest.approx(before.scale[::-1] if turns % 2 else before.scale)


def test_undecodable_data_is_a_bad_image() -> None:
    with pytest.raises(ImageError) as raised:
        decode(b"\xff\xd8\xff" + b"\0" * 100, width=10, height=10, side=640)
    assert raised.value.reason == "bad_image"


def test_faces_are_in_pixels_of_the_original_picture() -> None:
    picture = Picture(np.zeros((360, 640, 3), np.uint8), ImageSize(1280, 720))
    found = to_original(Face(Box(10, 20, 30, 40), 0.9, {"nose": (25, 40)}), picture)
    assert found == Face(Box(20, 40, 60, 80), 0.9, {"nose": (50, 80)})


@pytest.mark.parametrize("shape", [(1080, 1920), (1920, 1080), (60, 80), (20, 2000)])
def test_an_annotated_picture_is_small_and_marks_the_face(shape: tuple[int, int]) -> None:
    height, width = shape
    picture = Picture(np.full((height, width, 3), 90, np.uint8), ImageSize(width, height))
    drawn = annotate(picture, [Face(Box(width // 4, height // 4, width // 3, height // 3), 0.87)], "front  noon")
    assert max(drawn.shape[:2]) == min(LONGEST_SIDE, max(shape))
    assert (drawn != 90).any()
    assert (picture.pixels == 90).all()


def test_a_picture_full_of_noise_still_fits_its_limit() -> None:
    noise = np.random.default_rng(1).integers(0, 255, (720, 1280, 3), np.uint8)
    for largest_bytes in (PICTURE_BYTES, 5_000):
        data = to_jpeg(noise, largest_bytes)
        assert len(data) <= largest_bytes
    assert cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) is not None


HALF = ((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0))


@pytest.mark.parametrize(
    ("rules", "reason"),
    [
        (FaceRules(0.7), ""),
        (FaceRules(0.95), "below_min_confidence"),
        (FaceRules(0.7, min_height=0.2), ""),
        (FaceRules(0.7, min_height=0.21), "too_small"),
        (FaceRules(0.7, zones=(HALF,)), ""),
        (FaceRules(0.7, zones=(((0.6, 0.0), (1.0, 0.0), (1.0, 1.0)),)), "outside_zones"),
        (FaceRules(0.7, zones=(((0.6, 0.0), (1.0, 0.0), (1.0, 1.0)), HALF)), ""),
        (FaceRules(0.7, masks=(HALF,)), "masked"),
    ],
)
def test_faces_that_do_not_count_are_rejected_with_the_reason(rules: FaceRules, reason: str) -> None:
    found = Face(Box(10, 20, 15, 20), 0.9)
    faces, rejected = filter_faces([found], rules, ImageSize(100, 100))
    assert (faces, [each.reason for each in rejected]) == (((found,), []) if not reason else ((), [reason]))


def _checkered(side: int = 400) -> Image:
    pattern = np.kron(np.indices((side // 8, side // 8)).sum(0) % 2, np.ones((8, 8)))
    return np.repeat((pattern * 200).astype(np.uint8)[:, :, None], 3, axis=2)


@pytest.mark.parametrize("scale", [1, 2])
def test_a_sharp_large_frontal_face_is_a_better_picture(scale: int) -> None:
    def marks(nose_x: int) -> dict[str, tuple[int, int]]:
        points = {"right_eye": (150, 150), "left_eye": (250, 150), "nose": (nose_x, 200)}
        return {name: (x * scale, y * scale) for name, (x, y) in points.items()}

    def box(place: int, size: int) -> Box:
        return Box(place * scale, place * scale, size * scale, size * scale)

    sent = ImageSize(400 * scale, 400 * scale)
    sharp = Picture(_checkered(), sent)
    soft = Picture(np.asarray(cv2.GaussianBlur(sharp.pixels, (0, 0), 8), np.uint8), sent)
    good = quality(Face(box(100, 200), 0.9, marks(200)), sharp)
    assert good > 0.8
    assert quality(Face(box(100, 200), 0.9, marks(200)), soft) < 0.6 * good
    assert quality(Face(box(100, 200), 0.9, marks(245)), sharp) < 0.6 * good
    assert quality(Face(box(100, 30), 0.9, marks(200)), sharp) < 0.6 * good
    assert quality(Face(box(390, 0), 0.9), sharp) < 0.3


def test_a_blurred_face_is_unreadable_and_the_rest_is_unchanged() -> None:
    picture = Picture(_checkered(), ImageSize(800, 800))
    hidden = blurred(picture, [Box(200, 200, 200, 200)]).pixels
    inside, before = hidden[100:200, 100:200], picture.pixels[100:200, 100:200]
    assert np.corrcoef(inside.ravel(), before.ravel())[0, 1] < 0.2
    assert (hidden[300:] == picture.pixels[300:]).all()
    assert (picture.pixels == _checkered()).all()


def test_a_face_picture_has_a_margin_and_is_small() -> None:
    picture = Picture(np.zeros((720, 1280, 3), np.uint8), ImageSize(2560, 1440))
    assert crop(picture, Face(Box(1000, 500, 200, 300), 0.9)).shape == (270, 180, 3)
    assert max(crop(picture, Face(Box(0, 0, 2560, 1440), 0.9)).shape) == 480


@pytest.fixture
def buffer() -> Iterator[SharedBuffer]:
    buffer = SharedBuffer.create()
    yield buffer
    buffer.close()


def _mock(script: str = "{}") -> DetectorChoice:
    return DetectorChoice("mock", "script", script)


@pytest.mark.parametrize(
    ("mode", "faces", "drawn"),
    [
        (SnapshotMode.NEVER, 1, False), (SnapshotMode.WITH_FACES, 0, False), (SnapshotMode.WITH_FACES, 1, True),
        (SnapshotMode.ALWAYS, 0, True),
    ],
)  # fmt: skip
def test_the_snapshot_mode_decides_when_a_picture_is_drawn(
    buffer: SharedBuffer, mode: SnapshotMode, faces: int, drawn: bool
) -> None:
    buffer.write(jpeg())
    task = Task(1, len(jpeg()), 320, 240, FaceRules(0.7), 5.0, mode, label="front")
    (answer,) = Worker(Cascade(table.load(_mock(f'{{"faces": {faces}}}'))), buffer).process_all([task])
    assert not isinstance(answer, Failed)
    assert (answer.snapshot_size > 0) is drawn  # type: ignore[union-attr]
    if drawn:
        assert buffer.read(answer.snapshot_size).startswith(b"\xff\xd8")  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("privacy", "snapshot", "best_face"),
    [(Privacy.FULL, True, True), (Privacy.BLURRED, True, False), (Privacy.EVENTS_ONLY, False, False)],
)
def test_privacy_decides_which_pictures_leave(
    buffer: SharedBuffer, privacy: Privacy, snapshot: bool, best_face: bool
) -> None:
    buffer.write(jpeg())
    task = Task(1, len(jpeg()), 320, 240, FaceRules(0.7), 5.0, SnapshotMode.ALWAYS, privacy)
    (answer,) = Worker(Cascade(table.load(_mock())), buffer).process_all([task])
    assert isinstance(answer, Detected)
    assert (answer.snapshot_size > 0, answer.best_face_size > 0) == (snapshot, best_face)


def test_every_failure_is_a_result(buffer: SharedBuffer) -> None:
    worker = Worker(Cascade(table.load(_mock('{"by_width": {"320": "error"}}'))), buffer)
    buffer.write(jpeg())
    assert worker.process_all([Task(1, len(jpeg()), 320, 240, FaceRules(0.7), 5.0)]) == [
        Failed(1, FailureReason.DETECTOR_ERROR, "RuntimeError: the script says so")
    ]
    (answer,) = worker.process_all([Task(2, 1 << 20, 320, 240, FaceRules(0.7), 5.0)])
    assert isinstance(answer, Failed)


def test_the_first_detector_that_loads_is_used_and_the_reasons_are_kept() -> None:
    choices = [DetectorChoice("cpu", "nonsense"), DetectorChoice("cpu", "yunet_n", "/nowhere"), _mock("{"), _mock()]
    tried: list[DetectorChoice] = []
    detector, unavailable = load_first(choices, tried.append)
    assert tried == choices
    assert detector is not None
    assert detector.strategy == "mock"
    assert [each.model for each in unavailable] == ["nonsense", "yunet_n", "script"]
    assert [each.fault.reason for each in unavailable] == [
        UnavailableReason.MODEL_UNKNOWN,
        UnavailableReason.LOAD_FAILED,
        UnavailableReason.SETTING_INVALID,
    ]
    assert load_first([], tried.append)[0] is None


def test_a_script_with_an_unknown_act_is_refused() -> None:
    with pytest.raises(DetectorUnavailableError, match="'dance', which is an unknown act"):
        table.load(_mock('{"load": "dance"}'))


@settings(deadline=None, max_examples=100)
@given(st.integers(1, 5000), st.integers(1, 5000), st.sampled_from([1, 32, 64]))
def test_a_letterbox_holds_the_picture_and_scales_back(width: int, height: int, multiple: int) -> None:
    layout = fit(width, height, side=640, multiple=multiple)
    assert max(layout.width, layout.height) == 640
    assert layout.padded_width % multiple == layout.padded_height % multiple == 0
    assert layout.width <= layout.padded_width < layout.width + multiple
    assert layout.width * layout.scale_x == pytest.approx(width)
    assert layout.height * layout.scale_y == pytest.approx(height)


def test_a_canvas_is_black_around_the_picture_also_after_another_size() -> None:
    canvas = Canvas()
    for width, height in ((64, 48), (48, 64), (64, 48)):
        layout = fit(width, height, side=100, multiple=32)
        pixels = canvas.draw(np.full((height, width, 3), 255, np.uint8), layout)
        assert pixels.shape == (layout.padded_height, layout.padded_width, 3)
        assert (pixels[: layout.height, : layout.width] == 255).all()
        assert pixels.sum() == 255 * 3 * layout.width * layout.height


def test_of_two_boxes_on_one_face_the_better_is_kept() -> None:
    rectangles = np.array([[0, 0, 10, 10], [1, 1, 10, 10], [50, 50, 10, 10]], np.float32)
    assert suppress(rectangles, np.array([0.6, 0.9, 0.7], np.float32)).tolist() == [1, 2]
    assert suppress(np.zeros((0, 4), np.float32), np.zeros(0, np.float32)).tolist() == []


def test_confidences_are_rescaled_and_back() -> None:
    knots = ((0.0, 0.0), (0.4, 0.7), (1.0, 1.0))
    assert rescale(np.array([0.4, 1.0], np.float32), knots).tolist() == pytest.approx([0.7, 1.0])
    assert score_for(knots, 0.7) == pytest.approx(0.4)


def test_faces_are_scaled_and_clipped_to_the_picture() -> None:
    image, layout = np.zeros((80, 100, 3), np.uint8), fit(100, 80, side=50, multiple=1)
    rectangles = np.array([[-5, -5, 15, 15], [100, 0, 5, 5]], np.float32)
    points = np.full((2, 5, 2), 4, np.float32)
    (only,) = to_faces(rectangles, points, np.array([0.9, 0.8], np.float32), image=image, layout=layout)
    assert only.box == Box(0, 0, 20, 20)
    assert only.landmarks["nose"] == (8, 8)
    assert set(only.landmarks) == {"right_eye", "left_eye", "nose", "right_mouth", "left_mouth"}


def test_messages_are_decoded_as_encoded() -> None:
    task = Task(
        1,
        2,
        3,
        4,
        FaceRules(0.5, 0.1, (((0.0, 0.0), (1.0, 0.0), (1.0, 1.0)),)),
        6.0,
        SnapshotMode.ALWAYS,
        Privacy.BLURRED,
        "front",
    )
    assert decode_to_worker(encode(task)) == task
    assert decode_from_worker(encode(detected())) == detected()


def test_a_buffer_returns_its_data_and_releases_large_frames(buffer: SharedBuffer) -> None:
    large = b"x" * (5 << 20)
    buffer.write(large)
    assert buffer.read(len(large)) == large
    buffer.trim()
    assert os.fstat(buffer.fileno()).st_size == 0
    buffer.write(b"abc")
    with pytest.raises(EOFError, match="holds 3 of 5 bytes"):
        buffer.read(5)
    assert buffer.read_available(10) == b"abc"
