"""The detector `mediapipe`, installed in an environment of its own as the extra does it."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from typing import TYPE_CHECKING, Final

import pytest

from testing.photos import face_photo
from testing.shared_data import PROJECT, shared

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(600)]

ONE_USE: Final = """
import os, sys, time
import numpy as np
from edge_agent.detectors import mediapipe
from edge_agent.wire import DetectorChoice
path, *proxy = sys.argv[1:]
for address in proxy:
    os.environ["https_proxy"] = os.environ["HTTPS_PROXY"] = address
detector = mediapipe.MediaPipe(DetectorChoice("cpu", "mediapipe", path))
detector.detect(np.zeros((480, 640, 3), np.uint8))
detector._detector.close()  # the library then reports, in a thread
time.sleep(2)
os._exit(0)
"""


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the Python of an environment with the agent and the extra."""
    environment = tmp_path_factory.mktemp("mediapipe") / "venv"
    python = environment / "bin" / "python"
    _run(sys.executable, "-m", "venv", environment)
    _run(PROJECT / "requirements" / "add", environment, "mediapipe")
    (packages,) = environment.glob("lib/python3*/site-packages")
    (packages / "agent.pth").write_text(f"{PROJECT}\n", encoding="utf-8")
    return python


def _run(*command: str | Path, **variables: str) -> str:
    environment = {**os.environ, **variables}
    done = subprocess.run(
        command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=False, timeout=550
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def listener() -> socket.socket:
    """Return a socket in the place of a proxy: a connection to it is waiting if there was one."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(0)
    return listener


def address(listener: socket.socket) -> str:
    return f"http://127.0.0.1:{listener.getsockname()[1]}"


def was_contacted(listener: socket.socket) -> bool:
    with listener:
        try:
            listener.accept()[0].close()
        except BlockingIOError:
            return False
        return True


def test_a_face_is_found(python: Path, tmp_path: Path) -> None:
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(face_photo())
    said = _run(
        python, "-m", "edge_agent", "detect", "--json", photo,
        EDGE_AGENT_MODELS__DIR=str(shared("models")),
        EDGE_AGENT_DETECTION__STRATEGIES="cpu",
        EDGE_AGENT_DETECTION__CPU_MODEL="mediapipe",
        EDGE_AGENT_DETECTION__SECOND_STAGE="off",
    )  # fmt: skip
    (found,) = map(json.loads, said.splitlines())
    assert len(found["faces"]) == 1


@pytest.mark.parametrize("is_ours", [True, False])
def test_the_library_cannot_report_its_use(python: Path, listener: socket.socket, is_ours: bool) -> None:
    """Our proxy, at which nothing answers, replaces the user's. Without it, the report goes out."""
    proxy = address(listener)
    again = () if is_ours else (proxy,)
    model = shared("models", "blazeface_full_range.tflite")
    _run(python, "-c", ONE_USE, model, *again, PYTHONPATH=str(PROJECT), https_proxy=proxy, HTTPS_PROXY=proxy)
    assert was_contacted(listener) is not is_ours
