"""Nothing is imported from the current folder, and no settings are read from it, whatever the command is."""

from __future__ import annotations

import contextlib
import json
import re
import signal
from typing import TYPE_CHECKING, Final, NamedTuple

import psutil
import pytest
import typer

from edge_agent.cli.commands import commands
from edge_agent.history.store import Store, folder_of
from edge_agent.platform.heartbeat_file import check
from testing.broker import Mosquitto
from testing.photos import face_photo
from testing.recorder import Recorder
from testing.shared_data import PROJECT, shared
from testing.waiting import wait_until
from tests.planted import LIMIT_S, PlantedFolder, install, output, running, standard_names, start, third_party_names
from tests.visitors_past import batch, entry

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FACE: Final = '"faces":[{"box"'
LIBRARY: Final = "libplanted.so.1"
EVERYTHING: Final = standard_names() | third_party_names() | {"edge_agent", "ha_discovery"}


class Case(NamedTuple):
    """A command, and a pattern of its output after its work is done."""

    arguments: str
    prints: str


VISIT: Final = entry(1)
BROKER: Final = "--host 127.0.0.1 --port {port}"
QUICK: Final = ("", "run", "detect")
"""Tested each time; the others are of the same kind."""
CASES: Final = {
    "": Case("--help", "Usage: edge-agent"),
    "run": Case("run --seconds 6", "faces: face"),
    "send": Case(f"send {{picture}} --press {BROKER}", "sent 1 image"),
    "capture": Case(f"capture http://127.0.0.1:1/x.jpg --seconds 5 {BROKER}", "cannot be reached"),
    "sources": Case(f"sources --seconds 3 {BROKER}", "doorbell|no pictures"),
    "watch": Case(f"watch --json --count 1 {BROKER}", "doorbell/side/ring"),
    "detect": Case("detect {picture} --json", '"faces":.{"box"'),
    "remove": Case(f"remove porch --agent-id test {BROKER}", "porch"),
    "detectors": Case("detectors --json", '"model":"yunet_n","device":"","works":true'),
    "hash-password": Case("hash-password", "the password is empty"),
    "healthcheck": Case("healthcheck", "^$"),
    "history list": Case("history list", "front"),
    "history show": Case(f"history show {VISIT.entry_id}", "front"),
    "history export": Case("history export copy.zip", "1 entries"),
    "history purge": Case("history purge --all", "deleted 1 entries"),
    "doctor": Case(f"doctor --json --agent-id test {BROKER}", '"check":"broker","level":"ok"'),
    "models list": Case("models list", "yunet_n"),
    "models pull": Case("models pull yunet_n", "yunet_n"),
    "models verify": Case("models verify", "yunet_n"),
    "models path": Case("models path yunet_n", r"yunet_n_dynamic\.onnx"),
}
INTERRUPTED: Final = "bench"
"""It takes a minute: the test ends it when all its kinds of process have started."""


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the bin folder of an installation."""
    return install(tmp_path_factory.mktemp("installed") / "venv", PROJECT)


@pytest.fixture
def planted(tmp_path: Path) -> PlantedFolder:
    """Return a folder with a module of every name that the program can import."""
    planted = PlantedFolder(tmp_path / "here", tmp_path / "marks")
    planted.plant(EVERYTHING)
    return planted


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    """Return a photograph of a face."""
    path = tmp_path / "photo.jpg"
    path.write_bytes(face_photo())
    return path


class House(NamedTuple):
    """A broker with an agent started in its own planted folder."""

    port: int
    runtime_folder: Path
    planted: PlantedFolder


@pytest.fixture(scope="module")
def house(program: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Return a house in which one doorbell has sent a picture, and another one was pressed."""
    folder = tmp_path_factory.mktemp("house")
    planted = PlantedFolder(folder / "here", folder / "marks")
    planted.plant(EVERYTHING)
    with Mosquitto() as broker, Recorder(broker.port) as recorder:
        variables = {"EDGE_AGENT_STATE__DIR": str(folder), "RUNTIME_DIRECTORY": str(folder)}
        command = f"run --agent-id test --host 127.0.0.1 --port {broker.port}"
        with running(start(program, planted, command.split(), **variables)):
            recorder.wait_for("edge_agent/test/health", lambda health: health["workers"])
            recorder.publish("doorbell/porch/frame", face_photo())
            recorder.wait_for("doorbell/porch/faces", lambda event: len(event["faces"]) == 1)
            recorder.publish("doorbell/side/ring", b"{}", retain=True)
            wait_until(lambda: check(folder) == "", why=lambda: check(folder))
            yield House(broker.port, folder, planted)
    assert planted.marks == []


def command_names(command: object, above: str = "") -> set[str]:
    """Return the names of all commands, including their group."""
    found = {above}
    for name, each in getattr(command, "commands", {}).items():
        found |= command_names(each, f"{above} {name}".strip())
    return found


def test_every_command_has_a_case() -> None:
    groups = {"models", "history"}
    assert command_names(typer.main.get_command(commands)) == CASES.keys() | {INTERRUPTED} | groups


def test_planted_modules_run_if_python_searches_the_current_folder(program: Path, planted: PlantedFolder) -> None:
    output(start(program, planted, ["-c", "import numpy"], python=["-B"]))
    assert [mark.partition(" in ")[0] for mark in planted.marks] == ["numpy"]


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in CASES]
)
def test_no_command_runs_code_from_the_current_folder(
    name: str, program: Path, planted: PlantedFolder, picture: Path, request: pytest.FixtureRequest
) -> None:
    case, port, variables = CASES[name], 0, {}
    if "{port}" in case.arguments or name == "healthcheck":
        house = request.getfixturevalue("house")
        port, variables = house.port, {"RUNTIME_DIRECTORY": str(house.runtime_folder)}
    if name.startswith("history"):
        with Store(folder_of(picture.parent, "test")) as store:
            store.write(batch(VISIT))
        variables = {"EDGE_AGENT_STATE__DIR": str(picture.parent), "EDGE_AGENT_AGENT_ID": "test"}
    arguments = case.arguments.format(port=port, picture=picture).split()
    printed = output(start(program, planted, arguments, **variables))
    assert re.search(case.prints, printed), printed
    assert planted.marks == []


@pytest.mark.slow
def test_a_benchmark_runs_no_code_from_the_current_folder(program: Path, planted: PlantedFolder) -> None:
    with start(program, planted, [INTERRUPTED]) as process:
        wait_until(lambda: _forked(process.pid), timeout_s=LIMIT_S)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=LIMIT_S)
    assert process.returncode == 130
    assert planted.marks == []


@pytest.mark.heavy
@pytest.mark.timeout(300)
def test_a_full_benchmark_runs_no_code_from_the_current_folder(program: Path, planted: PlantedFolder) -> None:
    with start(program, planted, [INTERRUPTED, "--json"]) as process:
        printed = process.communicate(timeout=250)[0]
    assert json.loads(printed)["frames_lost"] == 0
    assert planted.marks == []


def _forked(pid: int) -> list[psutil.Process]:
    """Return the processes forked from the fork server of a command."""
    with contextlib.suppress(psutil.Error):
        children = psutil.Process(pid).children()
        return [worker for child in children for worker in child.children()]
    return []


@pytest.mark.parametrize("options", [["-E"], ["-I"], ["-P"]], ids=" ".join)
def test_options_of_the_interpreter_change_nothing(
    options: list[str], program: Path, planted: PlantedFolder, picture: Path
) -> None:
    arguments: list[str | Path] = [program / "edge-agent", "detect", picture, "--json"]
    assert FACE in output(start(program, planted, arguments, python=options))
    assert planted.marks == []


def test_run_as_a_module_only_the_libraries_of_the_installation_are_used(
    program: Path, tmp_path: Path, picture: Path
) -> None:
    """Python itself searches the current folder first for the package and its imports."""
    planted = PlantedFolder(tmp_path / "here", tmp_path / "marks")
    planted.plant(third_party_names() | {"multiprocessing", "json", "logging", "typing", "__future__"})
    printed = output(start(program, planted, ["detect", picture, "--json"], python=["-m", "edge_agent"]))
    assert FACE in printed
    assert planted.marks == []


def test_pythonpath_is_used(program: Path, planted: PlantedFolder, tmp_path: Path, picture: Path) -> None:
    """The user named it; only unnamed folders are excluded."""
    other = PlantedFolder(tmp_path / "named", tmp_path / "marks of it")
    other.plant_checkout(PROJECT, "9.9.9")
    printed = output(start(program, planted, ["--version"], PYTHONPATH=str(other.folder)))
    assert "9.9.9" in printed
    assert other.marks
    assert planted.marks == []


def test_settings_and_libraries_of_the_current_folder_are_not_read(program: Path, planted: PlantedFolder) -> None:
    """Nor is an EdgeTPU library there loaded: the loader would report that it is too short."""
    variables = {"EDGE_AGENT_DETECTION__STRATEGIES": "edgetpu", "EDGE_AGENT_DETECTION__EDGETPU_LIBRARY": LIBRARY}
    model = shared("models", "blazeface_short_range.tflite")
    variables["EDGE_AGENT_DETECTION__EDGETPU_MODEL"] = str(model)
    variables["LD_LIBRARY_PATH"] = "/nowhere:"
    printed = output(start(program, planted, ["detectors", "--json"], **variables))
    assert f"{LIBRARY}: cannot open shared object file" in printed, printed
