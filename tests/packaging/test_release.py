"""Wheel and sdist: built, installed into a clean environment, and run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from typing import TYPE_CHECKING

import pytest

from edge_agent import __version__
from edge_agent.model_store import MODELS
from edge_agent.platform.installation import Extra
from tests.photos import best_face
from tests.shared_data import PROJECT, shared

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(600)]
MODEL = f"edge_agent/model_store/files/{MODELS['yunet_n'].filename}"


def _run(*command: str | Path, cwd: Path = PROJECT, **variables: str) -> str:
    done = subprocess.run(
        command, cwd=cwd, env={**os.environ, **variables}, capture_output=True, text=True, check=False, timeout=550
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def built() -> tuple[Path, Path]:
    """Build both as a release does, with the models of the test data, and return them."""
    _run("deploy/dist", PYTHON=sys.executable, EDGE_AGENT_MODELS__DIR=str(shared("models")))
    (wheel,), (sdist,) = (PROJECT / "dist").glob("*.whl"), (PROJECT / "dist").glob("*.tar.gz")
    return wheel, sdist


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory, built: tuple[Path, Path]) -> Path:
    """Return the bin folder of a clean environment with the wheel and what requirements/run.txt pins."""
    environment = tmp_path_factory.mktemp("clean") / "venv"
    _run(sys.executable, "-m", "venv", environment)
    pip = (environment / "bin" / "python", "-m", "pip", "install", "--quiet")
    _run(*pip, "--require-hashes", "--only-binary", ":all:", "--requirement", "requirements/run.txt")
    _run(*pip, "--no-deps", "--no-index", built[0])
    return environment / "bin"


def test_both_have_the_one_version(built: tuple[Path, Path]) -> None:
    assert [path.name for path in built] == [
        f"doorbell_edge_agent-{__version__}-py3-none-any.whl",
        f"doorbell_edge_agent-{__version__}.tar.gz",
    ]


def test_the_wheel_holds_the_program_and_the_default_model_alone(built: tuple[Path, Path]) -> None:
    with zipfile.ZipFile(built[0]) as wheel:
        names = set(wheel.namelist())
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
    photo = tmp_path / "portrait.jpg"
    photo.write_bytes(best_face())
    said = _run(
        clean / "edge-agent", "detect", "--json", str(photo), cwd=tmp_path, EDGE_AGENT_DETECTION__SECOND_STAGE="off"
    )
    assert len(json.loads(said.splitlines()[0])["faces"]) == 1


def test_the_sdist_makes_the_same_program(built: tuple[Path, Path], tmp_path: Path) -> None:
    command = (sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation")
    _run(*command, "--wheel-dir", tmp_path, built[1], cwd=tmp_path)
    (again,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(built[0]) as released, zipfile.ZipFile(again) as rebuilt:
        assert set(rebuilt.namelist()) == set(released.namelist()) - {MODEL}
