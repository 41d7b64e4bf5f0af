"""The programs in a folder with another version of them, or with planted modules."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Final

import psutil
import pytest

from edge_agent.worker.sandbox import WRITABLE_VARIABLE
from testing.broker import free_port
from testing.photos import face_photo
from testing.processes import is_alive
from testing.shared_data import PROJECT, shared
from testing.waiting import wait_until
from tests.planted import PlantedFolder, install, output, running, standard_names, start, third_party_names

if TYPE_CHECKING:
    from pathlib import Path

    from testing.broker import Mosquitto
    from testing.recorder import Recorder

OTHER: Final = "9.9.9"
FACE: Final = '"faces":[{"box"'


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the bin folder of an installation."""
    return install(tmp_path_factory.mktemp("installed") / "venv", PROJECT)


@pytest.fixture
def checkout(tmp_path: Path) -> PlantedFolder:
    """Return a checkout of another version."""
    checkout = PlantedFolder(tmp_path / "checkout", tmp_path / "marks")
    checkout.plant_checkout(PROJECT, OTHER)
    return checkout


@pytest.fixture
def planted(tmp_path: Path) -> PlantedFolder:
    """Return a folder with a module of every name that the program can import."""
    planted = PlantedFolder(tmp_path / "here", tmp_path / "marks")
    planted.plant(standard_names() | third_party_names() | {"edge_agent", "ha_discovery"})
    return planted


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    """Return a photograph of a face."""
    path = tmp_path / "photo.jpg"
    path.write_bytes(face_photo())
    return path


@pytest.mark.slow
def test_inside_another_checkout_the_installed_command_uses_its_own_code(
    program: Path, checkout: PlantedFolder, picture: Path
) -> None:
    assert FACE in output(start(program, checkout, ["detect", picture, "--json"]))
    assert OTHER not in output(start(program, checkout, ["--version"]))
    assert checkout.marks == []


@pytest.mark.slow
def test_a_worker_without_the_fork_server_uses_the_installation_too(
    program: Path, checkout: PlantedFolder, mosquitto: Mosquitto, recorder: Recorder, tmp_path: Path
) -> None:
    command = ["run", "--agent-id", "test", "--host", "127.0.0.1", "--port", str(mosquitto.port)]
    variables = {"EDGE_AGENT_STATE__DIR": str(tmp_path), "EDGE_AGENT_POOL__WORKERS": "1"}
    with running(start(program, checkout, command, **variables)) as agent:
        recorder.wait_for("edge_agent/test/health", lambda health: health["workers"])
        recorder.publish("doorbell/front/frame", face_photo())
        recorder.wait_for("doorbell/front/faces", lambda event: len(event["faces"]) == 1)
        (server,) = _children(agent.pid, "forkserver")
        (worker,) = server.children()
        server.send_signal(signal.SIGSTOP)
        worker.kill()
        wait_until(lambda: not is_alive(server.pid))
        recorder.publish("doorbell/back/frame", face_photo())
        recorder.wait_for("doorbell/back/faces", lambda event: len(event["faces"]) == 1)
        assert _children(agent.pid, "spawn_main")
    assert checkout.marks == []


@pytest.mark.slow
def test_a_checkout_that_is_not_installed_runs_its_own_code_in_every_process(
    program: Path, checkout: PlantedFolder, picture: Path, tmp_path: Path
) -> None:
    variables = {WRITABLE_VARIABLE: str(tmp_path)}
    arguments: list[str | Path] = ["detect", picture, "--json"]
    assert FACE in output(start(program, checkout, arguments, python=["-m", "edge_agent"], **variables))
    for module in ("edge_agent.worker.main", "edge_agent.detectors.yunet"):
        assert any(mark.startswith(f"{module} in ") and "forkserver" in mark for mark in checkout.marks)


@pytest.mark.slow
def test_the_home_assistant_app_runs_no_code_from_the_current_folder(
    program: Path, planted: PlantedFolder, mosquitto: Mosquitto, recorder: Recorder, tmp_path: Path
) -> None:
    """Its folders are the container's own: the test moves them, and keeps the user."""
    (tmp_path / "options.json").write_text(
        json.dumps({"agent_id": "test", "mqtt_host": "127.0.0.1", "mqtt_port": mosquitto.port}), encoding="utf-8"
    )
    script = PROJECT / "home_assistant_app" / "start.py"
    moved = (
        f"import pathlib, runpy; start = runpy.run_path({str(script)!r})['main']; "
        f"start.__globals__.update(DATA=pathlib.Path({str(tmp_path)!r}), PORT='{free_port()}',"
        " become_nobody=lambda: None); start()"
    )
    variables = {"PATH": f"{program}{os.pathsep}{os.environ['PATH']}", "EDGE_AGENT_POOL__WORKERS": "1"}
    with running(start(program, planted, [moved], python=["-P", "-c"], **variables)):
        recorder.wait_for("edge_agent/test/health", lambda health: health["workers"])
        recorder.publish("doorbell/front/frame", face_photo())
        recorder.wait_for("doorbell/front/faces", lambda event: len(event["faces"]) == 1)
    assert "options.json" in output(start(program, planted, [script], python=["-B"]))
    assert planted.marks == []


@pytest.mark.slow
def test_the_benchmarks_run_no_code_from_the_current_folder(tmp_path: Path) -> None:
    planted = PlantedFolder(tmp_path / "here", tmp_path / "marks")
    planted.plant(third_party_names() | {"edge_agent", "ha_discovery", "multiprocessing", "json", "logging"})
    arguments = ["run", "startup", "--rounds", "2", "--burst-s", "0.2", "--output", str(tmp_path / "result.json")]
    folders = ["--pictures", str(shared("data", "dev", "images")), "--models", str(shared("models"))]
    done = subprocess.run(
        [sys.executable, "-m", "bench", *arguments, *folders],
        cwd=planted.folder, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert planted.marks == []


def _children(pid: int, word: str) -> list[psutil.Process]:
    """Return the running child processes with this word in their command."""
    children = [child for child in psutil.Process(pid).children() if is_alive(child.pid)]
    return [child for child in children if word in " ".join(child.cmdline())]
