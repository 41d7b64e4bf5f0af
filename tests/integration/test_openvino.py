"""YuNet through the real OpenVINO, on its CPU device: no Intel GPU or NPU is needed."""

from __future__ import annotations

import importlib.util
import os
import platform
import signal
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from edge_agent.detectors import table
from edge_agent.errors import DetectorUnavailableError
from edge_agent.pool import probe_all
from edge_agent.pool.views import AcceleratorState
from edge_agent.reasons import UnavailableReason
from edge_agent.wire import Detected, DetectorChoice
from testing.photos import close_up, photos
from testing.pools import MAX_PIXELS, PoolUnderTest, scripted
from testing.shared_data import PROJECT, missing, shared
from testing.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from edge_agent.detectors.base import Detector
    from edge_agent.wire import Face

SOME = slice(None, None, 8)
IMPORT_ONLY = "import openvino"
ONE_USE = """
import sys
import numpy as np
from edge_agent.detectors import table
from edge_agent.wire import DetectorChoice
table.load(DetectorChoice("openvino", "yunet_n", sys.argv[1], "CPU")).detect(np.zeros((480, 640, 3), np.uint8))
"""


@pytest.fixture(scope="module", autouse=True)
def needs_openvino() -> None:
    if platform.machine() != "x86_64":
        pytest.skip("openvino is part of the development environment on x86_64 only")
    if importlib.util.find_spec("openvino") is None:
        missing("openvino is not installed")


def choice(path: object = "", device: str = "CPU") -> DetectorChoice:
    return DetectorChoice("openvino", "yunet_n", str(path or shared("models", "yunet_n_dynamic.onnx")), device)


@pytest.fixture(params=["CPU", "as on a GPU"])
def detector(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Detector:
    """Return a detector on the CPU; HETERO is a device like a GPU to the detector, and passes all to the CPU."""
    if request.param != "CPU":
        monkeypatch.setattr("edge_agent.detectors.openvino.find_device", lambda *_: "HETERO:CPU")
    return table.load(choice())


def test_faces_are_those_that_onnxruntime_finds(detector: Detector) -> None:
    ours = table.load(DetectorChoice("cpu", "yunet_n", choice().path))
    compared = 0
    for photo in photos()[SOME]:
        image = np.asarray(cv2.imread(str(photo.path)), np.uint8)
        here = detector.detect(image)
        for face in ours.detect(image):
            if face.confidence >= 0.8:
                assert is_among(face, here), photo.path.name
                compared += 1
    assert compared > 50


def is_among(face: Face, found: list[Face]) -> bool:
    """Return whether a face was found: OpenVINO computes with 16 bits where the processor is faster with these."""
    near = 0.1 * max(face.box.width, face.box.height)
    return any(
        abs(face.confidence - each.confidence) < 0.08
        and abs(face.box.x - each.box.x) <= near
        and abs(face.box.y - each.box.y) <= near
        and abs(face.box.width - each.box.width) <= near
        and abs(face.box.height - each.box.height) <= near
        for each in found
    )


@pytest.mark.parametrize("shape", [(1, 1), (1, 2000), (2000, 1), (37, 53), (480, 640)])
def test_any_size_of_picture_can_be_processed(detector: Detector, shape: tuple[int, int]) -> None:
    assert detector.detect(np.zeros((*shape, 3), np.uint8)) == []


@pytest.mark.parametrize(
    ("wanted", "available", "used"),
    [
        ("AUTO", ["CPU", "GPU", "NPU"], "GPU"),
        ("AUTO", ["CPU", "GPU.0", "GPU.1"], "GPU.0"),
        ("AUTO", ["CPU", "NPU"], "NPU"),
        ("CPU", ["CPU", "GPU"], "CPU"),
        ("GPU", ["CPU", "GPU.0", "GPU.1"], "GPU"),
        ("GPU.1", ["CPU", "GPU.0", "GPU.1"], "GPU.1"),
        ("NPU", ["CPU", "NPU"], "NPU"),
    ],
)
def test_a_device_is_found(wanted: str, available: list[str], used: str) -> None:
    from edge_agent.detectors.openvino import find_device  # noqa: PLC0415 - it needs the package

    assert find_device(wanted, available) == used


@pytest.mark.parametrize(
    ("wanted", "available", "named"),
    [
        ("AUTO", ["CPU"], "Intel GPU or NPU"),
        ("GPU", ["CPU", "NPU"], "device GPU"),
        ("GPU.1", ["CPU", "GPU"], "device GPU.1"),
    ],
)
def test_a_missing_device_is_named(wanted: str, available: list[str], named: str) -> None:
    from edge_agent.detectors.openvino import find_device  # noqa: PLC0415 - it needs the package

    with pytest.raises(DetectorUnavailableError, match=f"no {named} was found") as nothing:
        find_device(wanted, available)
    assert nothing.value.fault.reason is UnavailableReason.DEVICE_MISSING


def test_an_error_of_openvino_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "broken.onnx").write_bytes(b"no model")
    with pytest.raises(DetectorUnavailableError) as broken:
        table.load(choice(tmp_path / "broken.onnx"))
    assert broken.value.fault.reason is UnavailableReason.DEVICE_UNUSABLE
    assert broken.value.fault.text.startswith("the runtime could not use CPU: Unable to read the model")
    assert "Exception from" not in broken.value.fault.text


def test_the_cpu_passes_a_probe() -> None:
    (probed,) = probe_all([choice()], MAX_PIXELS, timeout_s=30.0)
    assert probed.works, probed


@pytest.mark.parametrize(("program", "reports"), [(ONE_USE, False), (IMPORT_ONLY, True)])
def test_it_stores_and_sends_nothing(tmp_path: Path, program: str, reports: bool) -> None:
    """The package alone stores an id in the user's folder and reports its import, here to a proxy of ours."""
    with socket.create_server(("127.0.0.1", 0)) as proxy:
        proxy.settimeout(10.0 if reports else 0.5)
        address = f"http://127.0.0.1:{proxy.getsockname()[1]}"
        environment = {"HOME": str(tmp_path), "PATH": os.environ["PATH"], "https_proxy": address}
        command = [sys.executable, "-c", program, choice().path]
        with subprocess.Popen(command, cwd=PROJECT, env=environment) as running:
            if not reports:
                running.wait(60)
            try:
                proxy.accept()[0].close()
                was_contacted = True
            except TimeoutError:
                was_contacted = False
            assert running.wait(60) == 0
    assert was_contacted is reports
    assert bool(list(tmp_path.rglob("*"))) is reports


def test_a_killed_worker_loses_no_press() -> None:
    """It finds the face; it is killed; the next press is answered by the CPU's own detector."""
    photo = close_up().path.read_bytes()
    with PoolUnderTest(scripted(latency_ms=150), accelerators=(choice(),), job_timeout_s=5.0) as pool:
        wait_until(lambda: pool.pool.view().accelerators[0].state is AcceleratorState.IN_USE)
        first = pool.wait_for(pool.offer(photo))
        assert isinstance(first.result, Detected)
        assert first.detector is not None
        assert first.detector.strategy == "openvino"
        assert first.result.faces
        (pid,) = (each.pid for each in pool.pool.view().workers if each.detector and each.detector == first.detector)
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: pool.pool.view().accelerator_releases == 1)
        assert isinstance(pool.wait_for(pool.offer(photo)).result, Detected)
        wait_until(lambda: pool.pool.view().accelerator_assignments == 2)
