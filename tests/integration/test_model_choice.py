"""Which detectors the workers are given depends on the model files that can be had."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest

from edge_agent.errors import DetectorUnavailableError, ModelUnavailableError
from edge_agent.model_store import ModelStore, choose_cpu_model, detector_choices
from edge_agent.wire import DetectorChoice
from tests.shared_data import shared

if TYPE_CHECKING:
    from pathlib import Path


def offline(cache: Path, *names: str) -> ModelStore:
    """Return a store without a network, over a user's folder that holds the real files of that name."""
    folder = cache / "mine"
    folder.mkdir()
    for name in names:
        (folder / name).symlink_to(shared("models", name))
    return ModelStore(folder, cache, sources=())


def test_the_default_is_yunet(tmp_path: Path) -> None:
    """It is there, so nothing else is looked for."""
    models = offline(tmp_path, "yunet_n_dynamic.onnx", "centerface.onnx")
    assert detector_choices(("cpu",), "auto", models) == (
        DetectorChoice("cpu", "yunet_n", str(tmp_path / "mine" / "yunet_n_dynamic.onnx")),
    )


def test_centerface_stands_in_and_says_why(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A machine that reaches the package index alone works, and says what it works with."""
    model = choose_cpu_model("auto", offline(tmp_path, "centerface.onnx"))
    assert (model.name, model.path) == ("centerface", tmp_path / "mine" / "centerface.onnx")
    assert "yunet_n_dynamic.onnx does not exist" in model.note
    assert caplog.record_tuples == [("edge_agent.model_store.choice", logging.WARNING, model.note)]


def test_a_named_model_has_no_substitute(tmp_path: Path) -> None:
    """Who names one wants that one."""
    models = offline(tmp_path, "centerface.onnx")
    assert choose_cpu_model("centerface", models).note == ""
    with pytest.raises(ModelUnavailableError, match="the model yunet_n cannot be had"):
        choose_cpu_model("yunet_n", models)


def test_without_any_model_both_reasons_are_given(tmp_path: Path) -> None:
    """The message names both files."""
    with pytest.raises(DetectorUnavailableError, match=r"(?s)Put yunet_n_dynamic\.onnx .* Put centerface\.onnx "):
        detector_choices(("cpu",), "auto", offline(tmp_path))


def test_the_order_of_the_strategies_is_kept(tmp_path: Path) -> None:
    """The mock takes its script along."""
    choices = detector_choices(
        ("mock", "cpu"), "centerface", offline(tmp_path, "centerface.onnx"), script='{"faces": 2}'
    )
    assert choices[0] == DetectorChoice("mock", "script", '{"faces": 2}')
    assert choices[1].model == "centerface"


def test_a_strategy_that_cannot_be_had_is_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """As long as another one is left."""
    assert detector_choices(("edgetpu", "cpu", "mock"), "auto", offline(tmp_path)) == (
        DetectorChoice("mock", "script", ""),
    )
    assert "the strategy edgetpu cannot be used: " in caplog.text
    assert "the strategy cpu cannot be used: " in caplog.text
