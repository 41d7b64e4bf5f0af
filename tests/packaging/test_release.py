"""Wheels and sdist: built, installed into a clean environment, and run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from typing import TYPE_CHECKING, NamedTuple

import pytest

from edge_agent import __version__
from edge_agent.model_store import MODELS
from edge_agent.platform.installation import Extra
from testing.photos import face_photo
from testing.shared_data import PROJECT, shared

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(600)]
MODEL = f"edge_agent/model_store/files/{MODELS['yunet_n'].filename}"
PY_TYPED = "ha_discovery/py.typed"
ANNOUNCE = """
import importlib.metadata, importlib.util, json
from ha_discovery import Button, Device, Discovery, Entity, Origin, announce
cellar = Discovery(
    "cellar",
    Origin("my-program"),
    Device("Cellar", identifiers=("cellar",)),
    (Button(Entity("restart", "Restart"), command_topic="cellar/restart"),),
)
message = announce(cellar)
about = importlib.metadata.metadata("ha-mqtt-discovery-messages").json
said = json.loads(message.payload) | {"topic": message.topic, "about": about}
print(json.dumps(said | {"agent": importlib.util.find_spec("edge_agent")}))
"""


def _run(*command: str | Path, cwd: Path = PROJECT, **variables: str) -> str:
    done = subprocess.run(
        command, cwd=cwd, env={**os.environ, **variables}, capture_output=True, text=True, check=False, timeout=550
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


class Built(NamedTuple):
    """What a release has."""

    wheel: Path
    discovery: Path
    sdist: Path


@pytest.fixture(scope="module")
def built() -> Built:
    """Build all like a release, with the models of the test data, and return them."""
    _run("deploy/dist", PYTHON=sys.executable, EDGE_AGENT_MODELS__DIR=str(shared("models")))
    wheel, discovery = sorted((PROJECT / "dist").glob("*.whl"))
    (sdist,) = (PROJECT / "dist").glob("*.tar.gz")
    return Built(wheel, discovery, sdist)


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory, built: Built) -> Path:
    """Return the bin folder of a clean environment with the wheel and the pins of requirements/run.txt."""
    environment = tmp_path_factory.mktemp("clean") / "venv"
    _run(sys.executable, "-m", "venv", environment)
    pip = (environment / "bin" / "python", "-m", "pip", "install", "--quiet")
    _run(*pip, "--require-hashes", "--only-binary", ":all:", "--requirement", "requirements/run.txt")
    _run(*pip, "--no-deps", "--no-index", built.wheel)
    return environment / "bin"


def test_all_have_the_one_version(built: Built) -> None:
    assert [path.name for path in built] == [
        f"doorbell_edge_agent-{__version__}-py3-none-any.whl",
        f"ha_mqtt_discovery_messages-{__version__}-py3-none-any.whl",
        f"doorbell_edge_agent-{__version__}.tar.gz",
    ]


def _contents(path: Path) -> set[str]:
    with zipfile.ZipFile(path) as wheel:
        return set(wheel.namelist())


def test_the_wheel_contains_only_the_program_and_the_default_model(built: Built) -> None:
    names = _contents(built.wheel)
    assert MODEL in names
    assert {f"edge_agent/requirements/{extra}.txt" for extra in Extra} <= names
    assert {name.split("/")[0] for name in names} == {
        "edge_agent",
        "ha_discovery",
        f"doorbell_edge_agent-{__version__}.dist-info",
    }


def test_the_wheel_runs_in_a_clean_environment_and_needs_no_network(clean: Path, tmp_path: Path) -> None:
    assert _run(clean / "edge-agent", "--version", cwd=tmp_path).strip() == f"edge-agent {__version__}"
    _run(clean / "python", "-m", "pip", "check", cwd=tmp_path)
    nowhere = {"XDG_CACHE_HOME": str(tmp_path / "cache"), "https_proxy": "http://127.0.0.1:9", "PIP_INDEX_URL": ""}
    place = _run(clean / "edge-agent", "models", "path", "yunet_n", cwd=tmp_path, **nowhere)
    assert place.strip().endswith(MODEL)
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(face_photo())
    said = _run(
        clean / "edge-agent", "detect", "--json", str(photo), cwd=tmp_path, EDGE_AGENT_DETECTION__SECOND_STAGE="off"
    )
    assert len(json.loads(said.splitlines()[0])["faces"]) == 1


def test_the_wheel_of_ha_discovery_contains_its_modules_and_nothing_else(built: Built) -> None:
    """The agent's wheel has its own copy, with the README, and not the metadata of the other wheel."""
    metadata = f"ha_mqtt_discovery_messages-{__version__}.dist-info"
    modules = {f"ha_discovery/{path.name}" for path in (PROJECT / "ha_discovery").glob("*.py")} | {PY_TYPED}
    licence = {"ha_discovery/LICENSE"}
    assert _contents(built.discovery) == modules | licence | {
        f"{metadata}/{name}" for name in ("METADATA", "WHEEL", "RECORD")
    }
    copied = {name for name in _contents(built.wheel) if name.startswith("ha_discovery/")}
    assert copied == modules | {"ha_discovery/README.md"}


def test_the_wheel_of_ha_discovery_works_without_the_agent(built: Built, tmp_path: Path) -> None:
    """Installed without an index: it needs nothing else."""
    _run(sys.executable, "-m", "venv", tmp_path / "venv")
    python = tmp_path / "venv" / "bin" / "python"
    pip = (python, "-m", "pip", "install", "--quiet")
    _run(*pip, "--no-index", built.discovery)
    _run(python, "-m", "pip", "check")
    said = json.loads(_run(python, "-I", "-c", ANNOUNCE, cwd=tmp_path))
    assert said["topic"] == "homeassistant/device/cellar/config"
    assert said["components"]["restart"]["command_topic"] == "cellar/restart"
    about = said["about"]
    assert about["name"] == "ha-mqtt-discovery-messages"
    assert about["license_expression"] == "Apache-2.0"
    assert about["requires_python"] == ">=3.11"
    assert "requires_dist" not in about
    assert about["description"].startswith("# ha_discovery\n")
    assert said["agent"] is None


def test_the_sdist_makes_the_same_program(built: Built, tmp_path: Path) -> None:
    command = (sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation")
    _run(*command, "--wheel-dir", tmp_path, built.sdist, cwd=tmp_path)
    (again,) = tmp_path.glob("*.whl")
    assert _contents(again) == _contents(built.wheel) - {MODEL}
