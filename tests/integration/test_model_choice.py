"""Which detectors the workers are given depends on the model files and the packages that can be had."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest

from edge_agent.errors import DetectorUnavailableError, ModelUnavailableError
from edge_agent.model_store import ModelStore, choice, choose_cpu_model, plan_detectors
from edge_agent.settings import DetectionSettings
from edge_agent.wire import DetectorChoice, SecondLook
from tests.shared_data import shared

if TYPE_CHECKING:
    from pathlib import Path

    from edge_agent.model import DetectorPlan

YUNET, CENTERFACE = "yunet_n_dynamic.onnx", "centerface.onnx"


def offline(cache: Path, *names: str) -> ModelStore:
    """Return a store without a network, over a user's folder that holds the real files of that name."""
    folder = cache / "mine"
    folder.mkdir()
    for name in names:
        (folder / name).symlink_to(shared("models", name))
    return ModelStore(folder, cache, sources=())


def plan(store: ModelStore, *strategies: str, **settings: Any) -> DetectorPlan:
    return plan_detectors(DetectionSettings(strategies=strategies, **settings), store)


def on_cpu(folder: Path, model: str, name: str) -> DetectorChoice:
    return DetectorChoice("cpu", model, str(folder / "mine" / name))


def test_the_default_is_yunet_with_centerface_for_a_second_look(tmp_path: Path) -> None:
    found = plan(offline(tmp_path, YUNET, CENTERFACE), "cpu")
    assert found.choices == (on_cpu(tmp_path, "yunet_n", YUNET),)
    assert found.second_look == SecondLook(on_cpu(tmp_path, "centerface", CENTERFACE))
    assert (found.accelerators, found.missing) == ((), ())


def test_centerface_stands_in_and_says_why(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A machine that reaches the package index alone works, says what it works with, and asks no network for better."""
    found = plan(offline(tmp_path, CENTERFACE), "cpu")
    assert found.choices == (on_cpu(tmp_path, "centerface", CENTERFACE),)
    assert found.second_look is None
    assert "`edge-agent models pull yunet_n` fetches the faster one" in caplog.text


@pytest.mark.parametrize(("wish", "by_night"), [("night_and_press", True), ("press", False)])
def test_the_second_look_may_be_for_presses_alone(tmp_path: Path, wish: str, by_night: bool) -> None:
    second = plan(offline(tmp_path, YUNET, CENTERFACE), "cpu", second_look=wish).second_look
    assert second is not None
    assert second.by_night is by_night


def test_the_second_look_may_be_off_or_impossible(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    models = offline(tmp_path, YUNET)
    assert plan(models, "cpu", second_look="off").second_look is None
    assert caplog.text == ""
    assert plan(models, "cpu").second_look is None
    assert "presses get no second look: the model centerface cannot be had" in caplog.text


def test_a_named_model_has_no_substitute(tmp_path: Path) -> None:
    models = offline(tmp_path, CENTERFACE)
    assert choose_cpu_model("centerface", models).note == ""
    with pytest.raises(ModelUnavailableError, match="the model yunet_n cannot be had"):
        choose_cpu_model("yunet_n", models)


def test_without_any_model_both_reasons_are_given(tmp_path: Path) -> None:
    with pytest.raises(DetectorUnavailableError, match=r"(?s)Put yunet_n_dynamic\.onnx .* Put centerface\.onnx "):
        plan(offline(tmp_path), "cpu")


def test_the_order_of_the_strategies_is_kept(tmp_path: Path) -> None:
    models = offline(tmp_path, CENTERFACE)
    found = plan(models, "mock", "cpu", cpu_model="centerface", mock_script='{"faces": 2}')
    assert found.choices == (
        DetectorChoice("mock", "script", '{"faces": 2}'),
        on_cpu(tmp_path, "centerface", CENTERFACE),
    )


def test_a_strategy_that_cannot_be_had_is_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    found = plan(offline(tmp_path), "cpu", "mock")
    assert found.choices == (DetectorChoice("mock", "script", ""),)
    assert [each.strategy for each in found.missing] == ["cpu"]
    assert "the strategy cpu cannot be used: the model yunet_n cannot be had" in caplog.text


def test_a_package_that_is_not_installed_is_no_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The default asks for all strategies: most people have neither an EdgeTPU nor a GPU."""
    monkeypatch.setattr(choice, "_is_installed", lambda _package: False)
    caplog.set_level(logging.INFO)
    found = plan(offline(tmp_path, YUNET, CENTERFACE), "edgetpu", "gpu", "cpu")
    assert [each.strategy for each in found.missing] == ["edgetpu", "gpu"]
    assert "`pip install 'edge-agent[edgetpu]'` brings it" in found.missing[0].reason
    assert {record.levelname for record in caplog.records} == {"INFO"}


def test_each_accelerator_is_a_choice_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choice, "_is_installed", lambda _package: True)
    models = offline(tmp_path, YUNET, CENTERFACE)
    own = tmp_path / "own.tflite"
    found = plan(models, "edgetpu", "gpu", "cpu", edgetpu_model=own, edgetpu_devices=("usb:0", "usb:1"))
    assert [(each.strategy, each.device) for each in found.accelerators] == [
        ("edgetpu", "usb:0"),
        ("edgetpu", "usb:1"),
        ("gpu", "0"),
    ]
    assert found.accelerators[0].path == str(own)
    assert found.accelerators[0].options == {"library": "libedgetpu.so.1"}
    assert [each.strategy for each in found.choices] == ["cpu"]
