"""The demo: an embedded broker and a simulated doorbell, each in a process of its own."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from edge_agent.demo import EmbeddedBroker, SimulatedDoorbell, check_pictures
from edge_agent.errors import SettingsError
from testing.pictures import jpeg, visitor_files
from testing.recorder import Recorder
from testing.shared_data import PROJECT, shared
from testing.waiting import wait_until
from tests.command_line import edge_agent_in

if TYPE_CHECKING:
    from pathlib import Path

    from testing.broker import Mosquitto


def test_the_embedded_broker_passes_messages_on() -> None:
    with EmbeddedBroker() as broker, Recorder(broker.port, mqtt5=False) as recorder:
        recorder.publish("a/b", b"hello")
        recorder.wait_for_payload("a/b", b"hello")


def test_the_simulated_doorbell_shows_a_visitor_who_presses(mosquitto: Mosquitto) -> None:
    doorbell = SimulatedDoorbell("127.0.0.1", mosquitto.port, doorbell="porch", visitors=visitor_files())
    with Recorder(mosquitto.port) as recorder, doorbell:
        recorder.wait_for_count("doorbell/porch/press", 1)
        recorder.wait_for("doorbell/porch/frame", lambda frame: frame["trigger"] == "press")
    triggers = {frame["trigger"] for frame in recorder.events("doorbell/porch/frame")}
    assert triggers == {"continuous", "motion", "press"}


def test_a_folder_is_played_with_presses(mosquitto: Mosquitto, tmp_path: Path) -> None:
    for number in range(3):
        (tmp_path / f"{number}.jpg").write_bytes(jpeg(seed=number))
    doorbell = SimulatedDoorbell("127.0.0.1", mosquitto.port, doorbell="porch", folder=tmp_path)
    with Recorder(mosquitto.port) as recorder, doorbell:
        recorder.wait_for_count("doorbell/porch/press", 1)
        recorder.wait_for_count("doorbell/porch/frame", 6)


def test_a_folder_without_pictures_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="there is no JPEG or PNG in"):
        check_pictures(tmp_path)
    with pytest.raises(SettingsError, match="there is no folder"):
        check_pictures(tmp_path / "nowhere")


def test_the_broker_ends_with_the_process_that_started_it() -> None:
    program = (
        "from edge_agent.demo import EmbeddedBroker\n"
        "with EmbeddedBroker() as broker:\n    print(broker.port, flush=True)\n    input()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        port = int(parent.stdout.readline())
        assert _listens(port)
        parent.kill()
    wait_until(lambda: not _listens(port))


def test_run_without_a_broker_shows_face_events_and_a_press(tmp_path: Path) -> None:
    done = edge_agent_in(tmp_path, "run", "--seconds", "12", EDGE_AGENT_MODELS__DIR=str(shared("models")))
    assert done.returncode == 0, done.stderr
    assert "Demo only" in done.stdout
    assert re.search(r"edge-agent watch --host 127\.0\.0\.1 --port \d+", done.stdout)
    assert re.search(r"faces: face +motion +1 ", done.stdout)
    assert "answer: face" in done.stdout
    assert list((tmp_path / "demo-pictures").glob("*.jpg"))
    assert "Traceback" not in done.stderr


def test_without_visitor_pictures_and_network_one_sentence_names_the_fix(tmp_path: Path) -> None:
    nowhere = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "", "XDG_CACHE_HOME": str(tmp_path / "cache")}
    done = edge_agent_in(tmp_path, "run", EDGE_AGENT_MODELS__DIR=str(shared("models")), **nowhere)
    assert done.returncode != 0
    (line,) = [each for each in done.stderr.splitlines() if "connect to the network once" in each]
    assert "the picture of Eileen Collins cannot be fetched (the package index: pip did not get scikit-image" in line
    assert "Traceback" not in done.stderr


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
