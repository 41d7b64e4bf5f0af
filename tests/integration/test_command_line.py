"""The commands: their output, and their errors."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import pytest

from edge_agent.platform.installation import Extra, add_instruction
from edge_agent.platform.program_name import command
from testing.agent_process import AGENT_ID, AgentProcess
from testing.broker import Mosquitto
from testing.photos import face_photo
from testing.pictures import jpeg
from testing.processes import needs_namespaces
from testing.recorder import Recorder
from testing.shared_data import PROJECT, missing, shared
from testing.waiting import wait_until
from tests.command_line import edge_agent, edge_agent_in
from tests.stand_in import Stick

NAMES: Final = (
    "run", "send", "watch", "detect", "remove", "detectors", "healthcheck", "doctor", "bench", "models",
)  # fmt: skip


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.jpg"
    path.write_bytes(face_photo())
    return path


def _detect(*arguments: str) -> subprocess.CompletedProcess[str]:
    return edge_agent("detect", *arguments, EDGE_AGENT_MODELS__DIR=str(shared("models")))


def test_detect_shows_a_table(photo: Path) -> None:
    done = _detect(str(photo))
    assert done.returncode == 0, done.stderr
    header, row = done.stdout.splitlines()
    assert header.split() == ["image", "size", "faces", "confidence", "ms"]
    assert row.startswith(str(photo)[:40])


@needs_namespaces
def test_no_network_is_needed_once_the_models_are_there(photo: Path) -> None:
    cut = ("unshare", "--net")
    models = {"EDGE_AGENT_MODELS__DIR": str(shared("models"))}
    result = edge_agent_in(PROJECT, "detect", str(photo), "--json", through=cut, **models)
    assert result.returncode == 0, result.stderr
    assert len(json.loads(result.stdout)["faces"]) == 1


def test_detect_prints_a_line_of_json_for_each_picture_in_order(photo: Path, tmp_path: Path) -> None:
    (tmp_path / "a-pattern.png").write_bytes(jpeg())
    done = _detect("--json", str(tmp_path))
    first, second = map(json.loads, done.stdout.splitlines())
    assert (first["image"], first["faces"]) == (str(tmp_path / "a-pattern.png"), [])
    assert second["image"] == str(photo)
    assert second["faces"][0]["confidence"] >= 0.7


def test_detect_all_shows_low_confidence_faces(photo: Path) -> None:
    sure, everything = (json.loads(_detect("--json", *more, str(photo)).stdout) for more in ([], ["--all"]))
    assert len(everything["faces"]) >= len(sure["faces"])
    assert all(face["confidence"] >= 0.3 for face in everything["faces"])


def test_detect_saves_annotated_pictures(photo: Path, tmp_path: Path) -> None:
    done = _detect(str(photo), "--save-annotated", str(tmp_path / "out"))
    assert done.returncode == 0, done.stderr
    before, after = (cv2.imread(str(path)) for path in (photo, tmp_path / "out" / "photo.jpg"))
    assert before is not None
    assert after is not None
    assert after.shape == before.shape
    assert np.abs(after.astype(int) - before).max() > 50


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("detect", "nowhere.jpg"), 2, "there is no file or folder nowhere.jpg"),
        (("detect", "Makefile"), 1, "detection failed in 1 of 1 images"),
        (("detect", "--min-confidence", "7", "Makefile"), 2, "min_confidence"),
        (("detect", "--nonsense"), 2, "unknown option --nonsense"),
        (("send", "Makefile"), 2, "no broker is configured: use --host"),
        (("send", "Makefile", "--host", "127.0.0.1", "--port", "1"), 1, "no connection to the broker at 127.0.0.1:1"),
        (("send", "Makefile", "--host", "127.0.0.1", "--doorbell", "a b"), 2, "is not a valid doorbell name"),
        (("watch",), 2, "no broker is configured: use --host"),
        (("watch", "--host", "127.0.0.1", "--port", "1"), 1, "no connection to the broker at 127.0.0.1:1"),
        (("run", "--config", "nowhere.yaml"), 2, "nowhere.yaml"),
        (("run", "--simulate", "nowhere"), 2, "nowhere"),
    ],
)
def test_a_mistake_gives_one_sentence(arguments: tuple[str, ...], code: int, words: str) -> None:
    done = edge_agent(*arguments, EDGE_AGENT_MODELS__DIR=str(shared("models")))
    assert done.returncode == code, done.stderr
    assert words in done.stderr.replace("\n", " ")
    assert "Traceback" not in done.stderr


def test_send_and_watch_with_a_running_agent(mosquitto: Mosquitto, photo: Path) -> None:
    broker = ("--host", "127.0.0.1", "--port", str(mosquitto.port))
    command = [sys.executable, "-m", "edge_agent", "watch", *broker, "--count", "3"]
    with Recorder(mosquitto.port) as recorder, AgentProcess.with_script(mosquitto.port) as agent:
        agent.wait_until_ready(recorder)
        with subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True) as watch:
            wait_until(lambda: "edge_agent-watch" in mosquitto.log and "doorbell/+/visit" in mosquitto.log)
            sent = edge_agent("send", "--press", str(photo), *broker)
            shown, _ = watch.communicate(timeout=20)
    assert sent.stdout.splitlines() == [
        "sent 1 image as doorbell front, after a press",
        "answer: face, confidence 0.90",
    ]
    assert sent.returncode == 0
    ring, faces, answer = shown.splitlines()
    assert "ring" in ring
    assert "faces: face" in faces
    assert "answer: face" in answer


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_send_repeats_at_a_rate_and_names_each_picture(mosquitto: Mosquitto, photo: Path, protocol: str) -> None:
    with Recorder(mosquitto.port) as recorder:
        done = edge_agent(
            "send", str(photo), "--host", "127.0.0.1", "--port", str(mosquitto.port), "--repeat", "3", "--rate", "50",
            "--doorbell", "back", "--trigger", "motion", EDGE_AGENT_MQTT__PROTOCOL=protocol,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        recorder.wait_for_count("doorbell/back/frame", 3)


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
@pytest.mark.parametrize("press", [False, True])
def test_send_reports_an_agent_that_is_offline(mosquitto: Mosquitto, photo: Path, protocol: str, press: bool) -> None:
    with Recorder(mosquitto.port) as recorder, AgentProcess.with_script(mosquitto.port) as agent:
        agent.wait_until_ready(recorder)
        assert agent.stop() == 0
    done = _send(mosquitto, photo, *(["--press"] if press else []), EDGE_AGENT_MQTT__PROTOCOL=protocol)
    assert done.returncode == 3
    assert done.stdout.startswith("sent 1 image as doorbell front")
    assert "no agent is listening: test is offline; start one with `" in done.stderr
    assert f"run --host 127.0.0.1 --port {mosquitto.port}`" in done.stderr


def test_send_reports_that_no_agent_exists(mosquitto: Mosquitto, photo: Path) -> None:
    done = _send(mosquitto, photo)
    assert done.returncode == 3
    assert "no agent is listening on this broker" in done.stderr
    with Recorder(mosquitto.port):  # somebody hears it, and no agent says that it is there
        done = _send(mosquitto, photo)
    assert done.returncode == 0
    assert "no agent is online on this broker, or this user may not read" in done.stderr


def test_send_reports_a_press_without_an_answer(mosquitto: Mosquitto, photo: Path) -> None:
    with Recorder(mosquitto.port):
        done = _send(mosquitto, photo, "--press")
        assert done.returncode == 3
        assert "no agent answered the press: start one with `" in done.stderr


def test_send_reports_a_doorbell_without_an_agent(mosquitto: Mosquitto, photo: Path) -> None:
    agent = AgentProcess.with_script(mosquitto.port, DOORBELLS__INCLUDE="garden")
    with Recorder(mosquitto.port, topic_filter="edge_agent/#") as recorder, agent:
        agent.wait_until_ready(recorder)
        done = _send(mosquitto, photo, "--press")
        assert done.returncode == 3
        assert "no agent accepts frames of front: check doorbells.include of test" in done.stderr
        assert _send(mosquitto, photo, "--doorbell", "garden").stderr == ""


def test_send_reports_missing_publish_rights(tmp_path: Path, photo: Path) -> None:
    (tmp_path / "acl").write_text("topic read #\n", encoding="utf-8")
    with Mosquitto(f"acl_file {tmp_path / 'acl'}") as broker:
        done = _send(broker, photo)
    assert done.returncode == 1
    assert "the broker does not allow this user to publish as doorbell front" in done.stderr
    assert done.stdout == ""


def _send(broker: Mosquitto, photo: Path, *more: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return edge_agent("send", str(photo), "--host", broker.host, "--port", str(broker.port), *more, **environment)


def test_remove_names_the_known_doorbells(mosquitto: Mosquitto) -> None:
    broker = ("--host", mosquitto.host, "--port", str(mosquitto.port), "--agent-id", AGENT_ID)
    with Recorder(mosquitto.port) as recorder, AgentProcess.with_script(mosquitto.port) as agent:
        agent.wait_until_ready(recorder)
        nobody = edge_agent("remove", "front", *broker)
        assert nobody.returncode == 1
        assert nobody.stderr == "edge-agent: the broker does not know the doorbell front; known doorbells: none\n"
        recorder.publish("doorbell/front/frame", jpeg())
        recorder.wait_for_payload("doorbell/front/availability", b"online")
        other = edge_agent("remove", "frnt", *broker)
        assert (other.returncode, other.stdout) == (1, "")
        assert other.stderr == "edge-agent: the broker does not know the doorbell frnt; known doorbells: front\n"
        done = edge_agent("remove", "front", *broker)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith("removed front;")


def test_run_logs_its_topics_and_visits(mosquitto: Mosquitto) -> None:
    agent = AgentProcess.with_script(mosquitto.port, DOORBELLS__VISIT_GAP_S="0.5", PRESS__DEBOUNCE_S="0")
    with Recorder(mosquitto.port) as recorder, agent:
        agent.wait_until_ready(recorder)
        for number in range(4):
            recorder.publish("doorbell/front/press", "")
            recorder.wait_for_count("doorbell/front/ring", number + 1)
        recorder.publish("doorbell/front/frame", jpeg())
        recorder.wait_for("doorbell/front/visit", lambda event: event["event_type"] == "face_left")
        assert agent.stop() == 0
        lines = [json.loads(line) for line in agent.log.splitlines()]
    told = [line["message"] for line in lines if line["level"] == "info"]
    assert told.count("waiting for frames on doorbell/<id>/frame") == 1
    assert sum("front: doorbell pressed" in each for each in told) == 4
    appeared = [each for each in told if each.startswith("front: face appeared")]
    assert appeared == ["front: face appeared (confidence 0.90)"]
    assert sum("front: visit ended (1 person, 0 s)" in each for each in told) == 1


def test_run_names_the_topics_of_its_doorbells_and_sources(mosquitto: Mosquitto) -> None:
    agent = AgentProcess.with_script(
        mosquitto.port, DOORBELLS__INCLUDE="front,back", SOURCES='[{"preset": "wyze-bridge"}]'
    )
    with Recorder(mosquitto.port) as recorder, agent:
        agent.wait_until_ready(recorder)
        assert agent.stop() == 0
        waits = "waiting for frames on doorbell/front/frame, doorbell/back/frame, wyzebridge/{doorbell}/image"
        assert waits in agent.log


@pytest.mark.parametrize(
    "command", [(), *((name,) for name in NAMES), *(("models", name) for name in ("list", "pull", "verify", "path"))]
)
def test_help_shows_readable_values(command: tuple[str, ...]) -> None:
    shown = edge_agent(*command, "--help", COLUMNS="80")
    assert shown.returncode == 0, shown.stderr
    assert "Usage:" in shown.stdout
    assert max(map(len, shown.stdout.splitlines())) <= 80
    for foreign in ("<", "bool", "x>=", "list[", "range"):
        assert foreign not in shown.stdout


def test_every_command_is_listed() -> None:
    shown = edge_agent("--help").stdout
    assert all(f" {name} " in shown for name in NAMES)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("wacth",), "unknown command wacth (did you mean watch?)"),
        (("models", "plul"), "unknown command plul (did you mean pull?)"),
        (("models", "path"), "MODEL is missing"),
        (("run", "--hots", "x"), "unknown option --hots (did you mean --host?)"),
        (("run", "--port", "x"), "invalid --port: use a whole number"),
        (("run", "--seconds", "0"), "invalid --seconds: use a number of at least 0.1"),
        (("run", "--simulate", "Makefile"), "invalid --simulate: use a folder that this user can read"),
        (("run", "--host"), "--host needs a value"),
        (("send", "Makefile", "--press=5"), "--press takes no value"),
        (("send", "--rate", "x", "Makefile"), "invalid --rate: use a number of at least 0.01"),
        (("watch", "a"), "too many arguments"),
        (("bench", "/"), "invalid FILE: use a file that this user can read"),
    ],
)
def test_a_mistake_on_the_command_line_is_reported_in_our_text(arguments: tuple[str, ...], sentence: str) -> None:
    done = edge_agent(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    help_of = " ".join((*arguments[: 2 if arguments[0] == "models" else 1], "--help"))
    if "unknown command" in sentence:
        help_of = "models --help" if arguments[0] == "models" else "--help"
    assert done.stderr == f"edge-agent: {sentence}; see `{command('--help').removesuffix('--help')}{help_of}`\n"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_available_and_writes_no_files(shell: str, tmp_path: Path) -> None:
    asked = {"_EDGE_AGENT_COMPLETE": f"source_{shell}", "HOME": str(tmp_path)}
    program = str(Path(sys.executable).parent / "edge-agent")
    script = subprocess.run([program], env={**os.environ, **asked}, capture_output=True, text=True, check=False)
    assert script.returncode == 0, script.stderr
    assert "edge-agent" in script.stdout
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("typed", "completed"),
    [
        ("edge-agent dete", {"detect", "detectors"}),
        ("edge-agent run --log-level ", {"debug", "info", "warning", "error"}),
        ("edge-agent send --trigger m", {"motion"}),
        ("edge-agent watch --ho", {"--host"}),
    ],
)
def test_a_shell_completes_commands_options_and_words(typed: str, completed: set[str]) -> None:
    words = typed.split(" ")
    asked = {"_EDGE_AGENT_COMPLETE": "complete_bash", "COMP_WORDS": typed, "COMP_CWORD": str(len(words) - 1)}
    program = str(Path(sys.executable).parent / "edge-agent")
    done = subprocess.run([program], env={**os.environ, **asked}, capture_output=True, text=True, check=False)
    assert set(done.stdout.split()) == completed, done.stderr


def test_watch_prints_json(mosquitto: Mosquitto) -> None:
    command = [sys.executable, "-m", "edge_agent", "watch", "--json", "--count", "1", "--host", "127.0.0.1", "--port"]
    with (
        Recorder(mosquitto.port) as recorder,
        subprocess.Popen([*command, str(mosquitto.port)], cwd=PROJECT, stdout=subprocess.PIPE, text=True) as watch,
    ):
        wait_until(lambda: "doorbell/+/visit" in mosquitto.log)
        recorder.publish("doorbell/front/ring", '{"event_type": "ring"}')
        shown, _ = watch.communicate(timeout=20)
    assert json.loads(shown) == {"topic": "doorbell/front/ring", "payload": {"event_type": "ring"}}


def test_detectors_shows_what_works_and_why_the_rest_does_not(tmp_path: Path) -> None:
    stick = Stick(tmp_path)
    stick.does("no_device")
    settings = {
        "EDGE_AGENT_MODELS__DIR": str(shared("models")),
        "EDGE_AGENT_DETECTION__EDGETPU_MODEL": str(stick.model),
        "EDGE_AGENT_DETECTION__EDGETPU_LIBRARY": str(stick.library),
    }
    done = edge_agent("detectors", "--json", **settings)
    lines = {(line["strategy"], line["model"]): line for line in map(json.loads, done.stdout.splitlines())}
    assert lines["gpu", ""]["reason"] == "package_missing"
    assert lines["gpu", ""]["advice"] == add_instruction(Extra.GPU)
    assert lines["edgetpu", "ssd_mobilenet_v2"]["reason"] == "device_missing"
    assert "no EdgeTPU was found" in lines["edgetpu", "ssd_mobilenet_v2"]["detail"]
    assert lines["cpu", "yunet_n"]["works"]
    assert lines["cpu", "yunet_n"]["inference_ms"] > 0
    assert lines["cpu", "centerface"]["works"]
    table = edge_agent("detectors", **settings).stdout.splitlines()
    assert table[0].split() == ["strategy", "model", "device", "load", "ms", "inference", "ms"]
    assert any(row.split()[:2] == ["cpu", "yunet_n"] and row.split()[-1] == "works" for row in table)


@pytest.mark.slow
def test_models_are_listed_verified_and_found(tmp_path: Path) -> None:
    (tmp_path / "centerface.onnx").symlink_to(shared("models", "centerface.onnx"))
    here = {"EDGE_AGENT_MODELS__DIR": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    listed = edge_agent("models", "list", **here).stdout
    assert "centerface" in listed
    assert "not downloaded; published by raw.githubusercontent.com" in listed
    assert edge_agent("models", "path", "centerface", **here).stdout.strip() == str(tmp_path / "centerface.onnx")
    assert edge_agent("models", "verify", **here).stdout == "1 verified: centerface\n"
    (tmp_path / "yunet_n_dynamic.onnx").write_bytes(b"not a model")
    damaged = edge_agent("models", "verify", **here)
    assert damaged.returncode == 1
    assert "yunet_n_dynamic.onnx is damaged or another version" in damaged.stderr
    nowhere = edge_agent("models", "path", "yunet_n", **here)
    assert (nowhere.returncode, nowhere.stdout) == (1, "")
    assert "Traceback" not in nowhere.stderr


def test_models_are_pulled(tmp_path: Path) -> None:
    """From the package index, the only source on restricted networks."""
    done = edge_agent("models", "pull", "blazeface_full_range", XDG_CACHE_HOME=str(tmp_path))
    if done.returncode:
        missing(f"the package index cannot be reached: {done.stderr}")
    assert (tmp_path / "edge-agent" / "models" / "blazeface_full_range.tflite").exists()


def test_a_missing_password_file_gives_one_sentence(tmp_path: Path) -> None:
    file = tmp_path / "none"
    done = edge_agent("watch", "--password-file", str(file))
    assert done.returncode == 2
    assert done.stderr.strip() == (
        f"edge-agent: The file {file} (--password-file names it) cannot be read: No such file or directory."
    )
