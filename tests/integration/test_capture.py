"""Cameras with a real broker and a real agent: as a command, and supervised by the agent."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from edge_agent.platform import landlock
from testing.cameras.http_camera import HttpCamera
from testing.cameras.servers import PASSWORD, USER, RtspServer
from testing.pictures import jpeg
from testing.shared_data import PROJECT
from testing.waiting import wait_until
from tests.cameras import agent_with, camera_health, is_live, still_camera
from tests.certificates import Authority
from tests.command_line import edge_agent

if TYPE_CHECKING:
    from collections.abc import Iterator

    from testing.broker import Mosquitto
    from testing.recorder import Recorder

pytestmark = pytest.mark.broker

MEMORY_MB = 80.0
"""Of a capture process, at most."""


@pytest.fixture
def camera() -> Iterator[HttpCamera]:
    with still_camera() as camera:
        yield camera


def test_a_press_anywhere_is_answered_with_pictures_from_before(
    mosquitto: Mosquitto, recorder: Recorder, camera: HttpCamera
) -> None:
    with agent_with(mosquitto, {"url": camera.url, "still_interval_s": 0.2}) as agent:
        agent.wait_until_ready(recorder)
        wait_until(lambda: camera.requests > 12)
        recorder.publish("doorbell/front/press", "pressed")
        answer = recorder.wait_for("doorbell/front/answer")
        assert answer["frame_id"]
        pressed = recorder.wait_for("doorbell/front/ring")
        wait_until(lambda: len(_of_press(recorder)) == 5, why=lambda: str(_of_press(recorder)))
        of_press, frames = _of_press(recorder), recorder.events("doorbell/front/faces")
    assert [each["trigger"] for each in frames].count("continuous") >= 1
    taken = sorted(each["captured_at"] for each in of_press)
    assert taken[0] < pressed["published_at"] < taken[-1]
    assert len(set(taken)) == 5
    assert len({each["frame_id"] for each in frames}) == len(frames)


def test_the_command_publishes_for_any_agent(mosquitto: Mosquitto, recorder: Recorder, camera: HttpCamera) -> None:
    url = camera.url.replace("http://", "http://viewer:Geheim%3A1@")
    command = ["capture", url, "--doorbell", "gate", "--host", "127.0.0.1", "--port", str(mosquitto.port)]
    done = edge_agent(*command, "--seconds", "4")
    assert done.returncode == 0, done.stderr
    assert recorder.messages("doorbell/gate/frame")[0].payload.startswith(b"\xff\xd8")
    assert "pictures of" in done.stderr
    assert "Geheim" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["ftp://camera/x"], "use http://, https://, rtsp:// or rtsps:// with a host"),
        (["home-assistant:camera.front"], "need home_assistant.url and home_assistant.token"),
        (["http://camera/x", "--doorbell", "a b"], "use 1 to 64 letters"),
        (["http://camera/x", "--fingerprint", "12"], "64 hexadecimal digits"),
        (["http://camera/x", "--press-entity", "doorbell"], "use an entity of Home Assistant"),
        (["http://camera/x", "--camera-password-file", "/no/such/file"], "cannot be read"),
        (["http://camera/x"], "no broker is configured"),
    ],
)
def test_wrong_arguments_cost_one_sentence(arguments: list[str], words: str) -> None:
    done = edge_agent("capture", *arguments)
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_a_refused_password_is_one_attempt_and_a_reason(mosquitto: Mosquitto, recorder: Recorder) -> None:
    with HttpCamera(lambda request: request.has_basic("viewer", "other")) as camera:
        url = camera.url.replace("http://", "http://viewer:wrong@")
        with agent_with(mosquitto, {"url": url}) as agent:
            agent.wait_until_ready(recorder)
            camera_health(recorder, lambda each: each["reason"] == "password_refused")
            for _ in range(3):
                recorder.publish("doorbell/front/press", "pressed")
            recorder.wait_for("doorbell/front/answer")
        assert camera.passwords == 1


@pytest.mark.slow
@pytest.mark.parametrize(("codec", "name"), [("h264", "h264"), ("h265", "hevc")])
def test_a_stream_gives_pictures_before_and_after_a_press(
    mosquitto: Mosquitto, recorder: Recorder, codec: str, name: str
) -> None:
    with (
        RtspServer(codec=codec, width=1280, height=720, key_frames_s=4) as served,
        agent_with(mosquitto, {"url": served.url, "idle_interval_s": 1}) as agent,
    ):
        agent.wait_until_ready(recorder)
        recorder.wait_for_count("doorbell/front/frame", 4, timeout_s=80)
        found = camera_health(recorder, is_live)
        assert (found["kind"], found["codec"], found["width"], found["height"]) == ("rtsp", name, 1280, 720)
        recorder.publish("doorbell/front/press", "pressed")
        ring = recorder.wait_for("doorbell/front/ring")
        recorder.wait_for("doorbell/front/answer")
        wait_until(lambda: len(_of_press(recorder)) == 5, why=lambda: str(_of_press(recorder)))
        assert camera_health(recorder, is_live)["memory_mb"] < MEMORY_MB
        assert "pydantic" not in Path(f"/proc/{found['pid']}/maps").read_text(encoding="utf-8")
    taken = sorted(each["captured_at"] for each in _of_press(recorder))
    assert taken[0] < ring["published_at"] < taken[-1]
    assert len(set(taken)) == 5


@pytest.mark.slow
@pytest.mark.parametrize("is_pinned", [True, False], ids=["pinned", "of a CA"])
def test_a_tls_stream_comes_through_the_sandbox(
    mosquitto: Mosquitto, recorder: Recorder, tmp_path: Path, is_pinned: bool
) -> None:
    authority = Authority(tmp_path)
    made = authority.issue("127.0.0.1")
    with RtspServer(certificate=str(made.cert), key=str(made.key), user=USER, password=PASSWORD) as served:
        known = {"url": served.url, "username": USER, "password": PASSWORD, "idle_interval_s": 1}
        unknown = {**known, "doorbell": "gate", "fingerprint": "0" * 64}
        agent = agent_with(mosquitto, {**known, "fingerprint": made.fingerprint if is_pinned else ""}, unknown)
        agent.environment = {} if is_pinned else {"SSL_CERT_FILE": str(authority.ca)}
        with agent:
            agent.wait_until_ready(recorder)
            assert camera_health(recorder, is_live)["sandbox"] == f"Landlock {landlock.version()}"
            refused = camera_health(recorder, lambda each: each["reason"] == "certificate", "gate")
            assert made.fingerprint in refused["detail"]
            recorder.wait_for_count("doorbell/front/frame", 2)
            assert PASSWORD not in agent.log


def _of_press(recorder: Recorder) -> list[dict[str, Any]]:
    return [each for each in recorder.events("doorbell/front/faces") if each["trigger"] == "press"]


ATTEMPTS = """
import json, os, pathlib, socket, subprocess, sys
from edge_agent.capture.camera import CameraSpec
from edge_agent.capture.sandbox import enter_sandbox
from edge_agent.settings.broker import MqttSettings

secret, allowed, other, pid = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
words = enter_sandbox(CameraSpec("front", f"http://127.0.0.1:{allowed}/"), MqttSettings(host="127.0.0.1", port=1))

def tried(act):
    try:
        act()
    except OSError as error:
        return type(error).__name__
    return "done"

import wave
print(json.dumps({
    "words": words,
    "read": tried(lambda: pathlib.Path(secret).read_bytes()),
    "write": tried(lambda: pathlib.Path(secret).write_bytes(b"")),
    "run": tried(lambda: subprocess.run(["/bin/true"])),
    "signal": tried(lambda: os.kill(pid, 0)),
    "reach the camera": tried(lambda: socket.create_connection(("127.0.0.1", allowed), 1)),
    "reach another port": tried(lambda: socket.create_connection(("127.0.0.1", other), 1)),
    "resolve": tried(lambda: socket.getaddrinfo("localhost", 80)),
}))
"""


@pytest.mark.skipif(landlock.version() < 6, reason="this kernel's Landlock has no rules for TCP and signals")
def test_a_capture_process_reaches_only_its_camera_and_the_broker(tmp_path: Any) -> None:
    (tmp_path / "secret").write_bytes(b"content")
    with HttpCamera(lambda request: request.hang()) as allowed, HttpCamera(lambda request: request.hang()) as other:
        arguments = [str(tmp_path / "secret"), str(allowed.port), str(other.port), str(os.getpid())]
        done = subprocess.run(
            [sys.executable, "-c", ATTEMPTS, *arguments], cwd=PROJECT, capture_output=True, text=True, check=True
        )
    attempts = json.loads(done.stdout)
    assert attempts.pop("words") == f"Landlock {landlock.version()}"
    assert {name for name, result in attempts.items() if result == "done"} == {"reach the camera", "resolve"}


@pytest.mark.slow
def test_the_doctor_tries_each_camera(mosquitto: Mosquitto, camera: HttpCamera) -> None:
    with HttpCamera(lambda request: request.has_basic("viewer", "other")) as guarded, RtspServer() as stream:
        cameras = [
            {"url": camera.url},
            {"url": guarded.url.replace("//", "//viewer:Geheim@"), "doorbell": "gate"},
            {"url": stream.url, "doorbell": "back"},
            {"url": "http://127.0.0.1:1/x.jpg?password=Geheim", "doorbell": "side"},
        ]
        done = edge_agent(
            "doctor",
            "--json",
            "--host",
            "127.0.0.1",
            "--port",
            str(mosquitto.port),
            EDGE_AGENT_CAMERAS=json.dumps(cameras),
        )
    found = [json.loads(line) for line in done.stdout.splitlines()]
    said = {each["check"]: (each["level"], each["text"]) for each in found if each["check"].startswith("camera")}
    assert "jpeg 320x240" in said["camera front"][1]
    assert said["camera gate"][0] == "error"
    assert "refuses the user name or password" in said["camera gate"][1]
    assert "h264 640x360" in said["camera back"][1]
    assert "cannot be reached" in said["camera side"][1]
    assert "Geheim" not in done.stdout + done.stderr
    assert guarded.passwords == 1


@pytest.mark.slow
def test_the_demo_runs_with_a_camera(camera: HttpCamera) -> None:
    done = edge_agent("run", "--camera", camera.url, "--seconds", "10", EDGE_AGENT_DETECTION__STRATEGIES="mock")
    assert done.returncode == 0, done.stderr
    assert "an embedded broker and your camera" in done.stdout
    assert "faces:" in done.stdout


def test_a_picture_that_the_broker_refuses_is_a_reason(recorder: Recorder, mosquitto: Mosquitto) -> None:
    large = jpeg()[:-2] + bytes(2_000_000) + b"\xff\xd9"
    with (
        HttpCamera(lambda request: request.picture(large)) as camera,
        agent_with(mosquitto, {"url": camera.url}) as agent,
    ):
        agent.wait_until_ready(recorder)
        found = camera_health(recorder, lambda each: each["reason"] == "too_large")
    assert "too large" in found["detail"]
