"""The commands: what they print, and how they fail."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from tests.agent_process import AgentProcess
from tests.command_line import edge_agent, edge_agent_in
from tests.photos import portrait
from tests.pictures import jpeg
from tests.processes import needs_namespaces
from tests.recorder import Recorder
from tests.shared_data import PROJECT, missing, shared
from tests.stand_in import Stick
from tests.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.broker import Mosquitto


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "portrait.jpg"
    path.write_bytes(portrait())
    return path


def _detect(*arguments: str) -> subprocess.CompletedProcess[str]:
    return edge_agent("detect", *arguments, EDGE_AGENT_MODELS__DIR=str(shared("models")))


def test_detect_shows_a_table(photo: Path) -> None:
    done = _detect(str(photo))
    assert done.returncode == 0, done.stderr
    header, row = done.stdout.splitlines()
    assert header.split() == ["picture", "size", "faces", "confidence", "ms"]
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


def test_detect_all_shows_what_is_too_uncertain_otherwise(photo: Path) -> None:
    sure, everything = (json.loads(_detect("--json", *more, str(photo)).stdout) for more in ([], ["--all"]))
    assert len(everything["faces"]) >= len(sure["faces"])
    assert all(face["confidence"] >= 0.3 for face in everything["faces"])


def test_detect_saves_annotated_pictures(photo: Path, tmp_path: Path) -> None:
    done = _detect(str(photo), "--save-annotated", str(tmp_path / "out"))
    assert done.returncode == 0, done.stderr
    before, after = (cv2.imread(str(path)) for path in (photo, tmp_path / "out" / "portrait.jpg"))
    assert before is not None
    assert after is not None
    assert after.shape == before.shape
    assert np.abs(after.astype(int) - before).max() > 50


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("detect", "nowhere.jpg"), 2, "there is no file or folder nowhere.jpg"),
        (("detect", "Makefile"), 1, "1 of 1 pictures could not be looked at"),
        (("detect", "--min-confidence", "7", "Makefile"), 2, "min_confidence"),
        (("detect", "--nonsense"), 2, "No such option"),
        (("send", "Makefile"), 2, "there is no broker to send to"),
        (("send", "Makefile", "--host", "127.0.0.1", "--port", "1"), 1, "no connection to the broker at 127.0.0.1:1"),
        (("send", "Makefile", "--host", "127.0.0.1", "--doorbell", "a b"), 2, "cannot name a doorbell"),
        (("watch",), 2, "there is no broker to watch"),
        (("watch", "--host", "127.0.0.1", "--port", "1"), 1, "no connection to the broker at 127.0.0.1:1"),
        (("run", "--config", "nowhere.yaml"), 2, "nowhere.yaml"),
        (("run", "--simulate", "nowhere"), 2, "nowhere"),
    ],
)
def test_a_mistake_costs_one_sentence(arguments: tuple[str, ...], code: int, words: str) -> None:
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
    assert sent.stdout == "sent 1 picture as doorbell front, after a press\n"
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


def test_detectors_shows_what_works_here_and_why_the_rest_does_not(tmp_path: Path) -> None:
    stick = Stick(tmp_path)
    stick.does("no_device")
    settings = {
        "EDGE_AGENT_MODELS__DIR": str(shared("models")),
        "EDGE_AGENT_DETECTION__EDGETPU_MODEL": str(stick.model),
        "EDGE_AGENT_DETECTION__EDGETPU_LIBRARY": str(stick.library),
    }
    done = edge_agent("detectors", "--json", **settings)
    lines = {(line["strategy"], line["model"]): line for line in map(json.loads, done.stdout.splitlines())}
    assert "`pip install 'edge-agent[gpu]'` brings it" in lines["gpu", ""]["reason"]
    assert "no EdgeTPU was found" in lines["edgetpu", "ssd_mobilenet_v2"]["reason"]
    assert lines["cpu", "yunet_n"]["works"]
    assert lines["cpu", "yunet_n"]["look_ms"] > 0
    assert lines["cpu", "centerface"]["works"]
    table = edge_agent("detectors", **settings).stdout.splitlines()
    assert table[0].split() == ["strategy", "model", "device", "load", "ms", "look", "ms"]
    assert any(row.split()[:2] == ["cpu", "yunet_n"] and row.split()[-1] == "works" for row in table)


def test_models_are_listed_verified_and_found(tmp_path: Path) -> None:
    (tmp_path / "centerface.onnx").symlink_to(shared("models", "centerface.onnx"))
    here = {"EDGE_AGENT_MODELS__DIR": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    listed = edge_agent("models", "list", **here).stdout
    assert "centerface" in listed
    assert "not here; comes from raw.githubusercontent.com" in listed
    assert edge_agent("models", "path", "centerface", **here).stdout.strip() == str(tmp_path / "centerface.onnx")
    assert edge_agent("models", "verify", **here).stdout == "1 good: centerface\n"
    (tmp_path / "yunet_n_dynamic.onnx").write_bytes(b"not a model")
    damaged = edge_agent("models", "verify", **here)
    assert damaged.returncode == 1
    assert "yunet_n_dynamic.onnx is damaged or another version" in damaged.stderr
    nowhere = edge_agent("models", "path", "yunet_n", **here)
    assert (nowhere.returncode, nowhere.stdout) == (1, "")
    assert "Traceback" not in nowhere.stderr


def test_models_are_pulled(tmp_path: Path) -> None:
    """From the package index, which is what a machine may reach when it reaches nothing else."""
    done = edge_agent("models", "pull", "blazeface_full_range", XDG_CACHE_HOME=str(tmp_path))
    if done.returncode:
        missing(f"the package index cannot be reached: {done.stderr}")
    assert (tmp_path / "edge-agent" / "models" / "blazeface_full_range.tflite").exists()


def test_a_password_file_that_is_missing_is_said_in_one_sentence(tmp_path: Path) -> None:
    file = tmp_path / "none"
    done = edge_agent("watch", "--password-file", str(file))
    assert done.returncode == 2
    assert done.stderr.strip() == (
        f"edge-agent: The file {file} (--password-file names it) cannot be read: No such file or directory."
    )
