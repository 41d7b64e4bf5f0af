"""The image: unneeded library files are removed, and the CPU detectors still work."""

from __future__ import annotations

import json
import os
import re
import runpy
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from testing.photos import face_photo
from testing.shared_data import PROJECT, shared

if TYPE_CHECKING:
    from pathlib import Path

SCRIPT = PROJECT / "deploy" / "prune_image.py"
PRUNE: dict[str, Any] = runpy.run_path(str(SCRIPT))

LIBRARIES = [unused for unused in PRUNE["UNUSED"] if not unused.pattern.endswith(".dist-info")]
"""Without its dist-info a distribution counts as not installed, a separate case."""


def _install(packages: Path, pattern: str) -> None:
    path = packages / pattern.replace("**/", "deep/").replace("*", "x")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"unused")


@pytest.fixture
def packages(tmp_path: Path) -> Path:
    """Return a site-packages with one file for every line of the list, and one required file."""
    for unused in PRUNE["UNUSED"]:
        _install(tmp_path, unused.pattern)
        (tmp_path / f"{unused.distribution}-1.dist-info").mkdir(exist_ok=True)
    _install(tmp_path, "numpy/needed.py")
    return tmp_path


def test_pruning_removes_what_the_list_names_and_nothing_else(packages: Path) -> None:
    PRUNE["prune"](packages)
    assert [path.name for path in packages.rglob("*") if path.is_file()] == ["needed.py"]


@pytest.mark.parametrize("unused", LIBRARIES, ids=lambda unused: unused.pattern)
def test_a_line_that_matches_nothing_fails_the_build(packages: Path, unused: Any) -> None:
    for path in packages.glob(unused.pattern):
        path.unlink() if path.is_file() else path.rmdir()
    with pytest.raises(SystemExit, match=re.escape(f"{unused.pattern} ({unused.reason}) matches nothing")):
        PRUNE["prune"](packages)


def test_a_distribution_that_is_not_installed_is_left_out(packages: Path) -> None:
    (packages / "ai_edge_litert-1.dist-info").rmdir()
    for path in (packages / "ai_edge_litert").iterdir():
        path.unlink()
    PRUNE["prune"](packages)
    assert not list(packages.rglob("libonnxruntime*"))


def test_every_line_names_a_distribution_of_the_image() -> None:
    pinned = (PROJECT / "requirements" / "edgetpu.txt").read_text(encoding="utf-8")
    names = {name.replace("-", "_") for name in re.findall(r"^([a-z0-9-]+)", pinned, re.MULTILINE)}
    assert {unused.distribution for unused in PRUNE["UNUSED"]} <= names


@pytest.mark.parametrize(
    ("works", "before", "after"), [("true", True, True), ("false", False, False), ("$needed", True, False)]
)
def test_a_detector_that_no_longer_works_fails_the_build(
    packages: Path, tmp_path: Path, *, works: str, before: bool, after: bool
) -> None:
    environment = tmp_path / "environment"
    (environment / "lib" / "python3.11").mkdir(parents=True)
    (environment / "lib" / "python3.11" / "site-packages").symlink_to(packages)
    program = tmp_path / "edge-agent"
    program.write_text(
        f"#!/bin/sh\nneeded=$([ -e {packages}/numpy/f2py ] && echo true || echo false)\n"
        f'echo "{{\\"model\\": \\"yunet_n\\", \\"works\\": {works}}}"\n',
        encoding="utf-8",
    )
    program.chmod(0o755)
    if before and not after:
        with pytest.raises(SystemExit, match="no longer works: yunet_n"):
            PRUNE["main"](str(environment), str(program), str(tmp_path))
    else:
        PRUNE["main"](str(environment), str(program), str(tmp_path))


@pytest.fixture(scope="module")
def pruned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an environment with the image's packages and LiteRT, pruned like the image."""
    environment = tmp_path_factory.mktemp("pruned") / "venv"
    _run(sys.executable, "-m", "venv", environment)
    pip = (environment / "bin" / "python", "-m", "pip", "install", "--quiet")
    _run(*pip, "--require-hashes", "--only-binary", ":all:", "--requirement", "requirements/edgetpu.txt")
    (packages,) = environment.glob("lib/python3*/site-packages")
    (packages / "agent.pth").write_text(f"{PROJECT}\n", encoding="utf-8")
    program = environment / "bin" / "edge-agent"
    program.write_text(f'#!/bin/sh\nexec {environment}/bin/python -m edge_agent "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    _run(sys.executable, SCRIPT, environment, program, shared("models"))
    return program


def _run(*command: str | Path, **variables: str) -> str:
    environment = {**os.environ, **variables}
    done = subprocess.run(
        command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=False, timeout=550
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.heavy
@pytest.mark.timeout(600)
@pytest.mark.parametrize("model", ["yunet_n", "yunet_opencv", "centerface", "blazeface"])
def test_a_cpu_detector_finds_a_face_in_the_pruned_environment(pruned: Path, model: str, tmp_path: Path) -> None:
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(face_photo())
    said = _run(
        pruned,
        "detect",
        "--json",
        photo,
        EDGE_AGENT_MODELS__DIR=str(shared("models")),
        EDGE_AGENT_DETECTION__STRATEGIES="cpu",
        EDGE_AGENT_DETECTION__CPU_MODEL=model,
        EDGE_AGENT_DETECTION__SECOND_STAGE="off",
    )
    (found,) = map(json.loads, said.splitlines())
    assert len(found["faces"]) == 1
