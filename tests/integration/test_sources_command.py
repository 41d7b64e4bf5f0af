"""`edge-agent sources`: what it finds on a real broker, and what it writes."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import threading
import time
import urllib.request
from functools import partial
from typing import TYPE_CHECKING

import pytest
import yaml

from edge_agent.mqtt.source_search import search_sources
from edge_agent.settings.model import HttpSettings, Settings
from edge_agent.web.board import Board
from edge_agent.web.server import serving
from edge_agent.web.source_search import SourceSearch
from testing.broker import free_port
from testing.pictures import jpeg
from testing.shared_data import PROJECT
from testing.waiting import wait_until
from tests.command_line import edge_agent
from tests.publishers import ding, snapshot

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from testing.broker import Mosquitto
    from testing.recorder import Recorder


@pytest.fixture
def publishers(recorder: Recorder) -> Iterator[None]:
    """Publish some of everything until the test ends."""
    ended = threading.Event()

    def publish() -> None:
        while not ended.wait(0.2):
            for each in (*snapshot("a1", jpeg(), 1), *ding("a1", "ON", 1)):
                recorder.publish(each.topic, each.payload)
            recorder.publish("yard/cam/jpg", jpeg(seed=1))
            recorder.publish("home/temperature", "21")

    recorder.publish("wyzebridge/garage/image", jpeg(seed=2), retain=True)
    thread = threading.Thread(target=publish)
    thread.start()
    yield
    ended.set()
    thread.join()


def _arguments(mosquitto: Mosquitto, *more: str) -> tuple[str, ...]:
    return ("sources", "--host", mosquitto.host, "--port", str(mosquitto.port), "--seconds", "2", *more)


@pytest.mark.broker
def test_sources_lists_topics_presets_and_lines(mosquitto: Mosquitto, publishers: None) -> None:
    done = edge_agent(*_arguments(mosquitto))
    assert done.returncode == 0, done.stderr
    rows = {line.split()[0]: line for line in done.stdout.splitlines() if "/" in line.split(" ")[0]}
    assert rows.keys() == {
        "ring/8f2e-11/camera/a1/ding/state", "ring/8f2e-11/camera/a1/snapshot/image", "wyzebridge/garage/image",
        "yard/cam/jpg",
    }  # fmt: skip
    assert rows["wyzebridge/garage/image"].split()[-2:] == ["retained", "wyze-bridge"]
    assert "320x240" in rows["yard/cam/jpg"]
    assert float(rows["yard/cam/jpg"].split()[-2]) > 10
    lines = yaml.safe_load(done.stdout[done.stdout.index("\nsources:") :])
    assert lines["sources"] == [
        {"preset": "ring-mqtt"}, {"preset": "wyze-bridge"}, {"frame": "yard/cam/jpg", "doorbell": "cam"},
    ]  # fmt: skip


@pytest.mark.broker
def test_sources_writes_after_a_question(mosquitto: Mosquitto, publishers: None, tmp_path: Path) -> None:
    file = tmp_path / "agent.yaml"
    file.write_text("# mine\nsources:\n  - preset: ring-mqtt\n", encoding="utf-8")
    file.chmod(0o640)
    refused = edge_agent(*_arguments(mosquitto, "--config", str(file), "--write"))
    assert refused.returncode == 1
    assert "confirm on a terminal, or use --yes" in refused.stderr
    assert file.read_text(encoding="utf-8") == "# mine\nsources:\n  - preset: ring-mqtt\n"
    assert _on_terminal(*_arguments(mosquitto, "--config", str(file), "--write"), answer=b"n\n") == 0
    assert "wyze" not in file.read_text(encoding="utf-8")
    assert _on_terminal(*_arguments(mosquitto, "--config", str(file), "--write"), answer=b"y\n") == 0
    text = file.read_text(encoding="utf-8")
    assert text.startswith("# mine\n")
    assert {"preset": "wyze-bridge"} in yaml.safe_load(text)["sources"]
    assert yaml.safe_load(text)["sources"].count({"preset": "ring-mqtt"}) == 1
    assert file.stat().st_mode & 0o777 == 0o640
    again = edge_agent(*_arguments(mosquitto, "--config", str(file), "--write", "--yes"))
    assert again.returncode == 0
    assert "agent.yaml has all of them" in again.stdout
    assert file.read_text(encoding="utf-8") == text


def _on_terminal(*arguments: str, answer: bytes) -> int:
    """Run a command whose questions are answered on a terminal; return its exit code."""
    ours, theirs = pty.openpty()
    os.write(ours, answer)
    try:
        return subprocess.run(
            [sys.executable, "-m", "edge_agent", *arguments],
            stdin=theirs,
            cwd=PROJECT,
            capture_output=True,
            timeout=60,
            check=False,
        ).returncode
    finally:
        os.close(ours)
        os.close(theirs)


@pytest.mark.broker
def test_sources_says_what_to_do_if_there_is_nothing(mosquitto: Mosquitto) -> None:
    done = edge_agent("sources", "--host", mosquitto.host, "--port", str(mosquitto.port), "--seconds", "1")
    assert done.returncode == 0
    assert "no pictures and no presses within 1 s" in done.stdout
    assert "Press the button" in done.stdout


@pytest.mark.broker
def test_a_file_that_cannot_be_written_costs_one_sentence(
    mosquitto: Mosquitto, publishers: None, tmp_path: Path
) -> None:
    missing = tmp_path / "nowhere" / "agent.yaml"
    missing_done = edge_agent(*_arguments(mosquitto, "--write", "--yes"), EDGE_AGENT_CONFIG=str(missing))
    assert missing_done.returncode == 2
    assert "cannot be read" in missing_done.stderr
    assert "Traceback" not in missing_done.stderr


@pytest.mark.broker
def test_the_page_shows_the_same(mosquitto: Mosquitto, publishers: None) -> None:
    mqtt = Settings(mqtt={"host": mosquitto.host, "port": mosquitto.port}).mqtt
    search = SourceSearch(partial(search_sources, mqtt), 2.0)
    port = free_port()
    address = f"http://127.0.0.1:{port}/sources"
    with serving(HttpSettings(enabled=True, port=port, sources=True), Board("attic", time.monotonic()), search):
        with urllib.request.urlopen(f"{address}/search", timeout=10) as started:  # noqa: S310 - our own server
            assert started.url == address
        wait_until(lambda: not search.view().left_s)
        with urllib.request.urlopen(address, timeout=10) as answer:
            document = answer.read().decode()
    assert "yard/cam/jpg" in document
    assert "- preset: wyze-bridge" in document
