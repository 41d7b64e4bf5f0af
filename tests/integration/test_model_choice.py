"""The workers' detectors, by available model files and packages."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pytest

from edge_agent.errors import DetectorUnavailableError, NoDetectorError
from edge_agent.model_store import MODELS, ModelStore, choice, choose_cpu_model, plan_detectors
from edge_agent.platform.installation import Extra, add_instruction
from edge_agent.platform.program_name import command
from edge_agent.reasons import UnavailableReason
from edge_agent.settings.detection import DetectionSettings
from edge_agent.wire import DetectorChoice, ModelFile, SecondStage
from testing.shared_data import shared

if TYPE_CHECKING:
    from edge_agent.domain import DetectorPlan

YUNET, CENTERFACE = "yunet_n_dynamic.onnx", "centerface.onnx"


def offline(cache: Path, *names: str) -> ModelStore:
    """Return a store without network; the user's folder contains real files of those names."""
    folder = cache / "mine"
    folder.mkdir()
    for name in names:
        (folder / name).symlink_to(shared("models", name))
    return ModelStore(folder, cache, sources=())


def plan(store: ModelStore, *strategies: str, **settings: Any) -> DetectorPlan:
    return plan_detectors(DetectionSettings(strategies=strategies, **settings), store)


def on_cpu(folder: Path, model: str, name: str) -> DetectorChoice:
    path = str(folder / "mine" / name)
    return DetectorChoice("cpu", model, path, file=ModelFile(path, "sha256", MODELS[model].sha256))


def test_the_default_is_yunet_with_centerface_for_a_second_stage(tmp_path: Path) -> None:
    found = plan(offline(tmp_path, YUNET, CENTERFACE), "cpu")
    assert found.choices == (on_cpu(tmp_path, "yunet_n", YUNET),)
    assert found.second_stage == SecondStage(on_cpu(tmp_path, "centerface", CENTERFACE))
    assert (found.accelerators, found.missing) == ((), ())


def test_centerface_is_the_substitute_with_a_reason(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A host with only the package index works, reports its detector, and makes no other request."""
    found = plan(offline(tmp_path, CENTERFACE), "cpu")
    assert found.choices == (on_cpu(tmp_path, "centerface", CENTERFACE),)
    assert found.second_stage is None
    (line,) = [record.getMessage() for record in caplog.records]
    assert line == f"the slower model centerface is used; get yunet_n: {command('models', 'pull', 'yunet_n')}"


@pytest.mark.parametrize(("mode", "by_night"), [("night_and_press", True), ("press", False)])
def test_the_second_stage_can_be_for_presses_only(tmp_path: Path, mode: str, by_night: bool) -> None:
    second = plan(offline(tmp_path, YUNET, CENTERFACE), "cpu", second_stage=mode).second_stage
    assert second is not None
    assert second.by_night is by_night


def test_the_second_stage_can_be_off_or_unavailable(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    models = offline(tmp_path, YUNET)
    assert plan(models, "cpu", second_stage="off").second_stage is None
    assert caplog.text == ""
    assert plan(models, "cpu").second_stage is None
    (line,) = [record.getMessage() for record in caplog.records if record.levelno >= logging.INFO]
    assert line == f"no second stage: centerface is missing; download it: {command('models', 'pull', 'centerface')}"


def test_a_named_model_has_no_substitute(tmp_path: Path) -> None:
    models = offline(tmp_path, CENTERFACE)
    assert choose_cpu_model("centerface", models).note == ""
    with pytest.raises(DetectorUnavailableError, match="the model yunet_n could not be found"):
        choose_cpu_model("yunet_n", models)


def test_without_any_model_one_short_line_names_the_fix(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with pytest.raises(NoDetectorError) as raised:
        plan(offline(tmp_path), "cpu")
    assert str(raised.value).endswith(f"could not be found; download it: {command('models', 'pull', 'yunet_n')}")
    assert len(str(raised.value)) < 200
    assert "Put yunet_n_dynamic.onnx" in caplog.text, "debug logs have the details"
    assert "Put centerface.onnx" in caplog.text


def test_the_order_of_the_strategies_is_kept(tmp_path: Path) -> None:
    models = offline(tmp_path, CENTERFACE)
    found = plan(models, "mock", "cpu", cpu_model="centerface", mock_script='{"faces": 2}')
    assert found.choices == (
        DetectorChoice("mock", "script", '{"faces": 2}'),
        on_cpu(tmp_path, "centerface", CENTERFACE),
    )


def test_an_unavailable_strategy_is_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    found = plan(offline(tmp_path), "cpu", "mock")
    assert found.choices == (DetectorChoice("mock", "script", ""),)
    assert [each.strategy for each in found.missing] == ["cpu"]
    assert "the strategy cpu cannot be used: the models yunet_n and centerface could not be found" in caplog.text


@pytest.mark.usefixtures("wording")
@pytest.mark.parametrize("is_installed", [False, True])
def test_unrequested_accelerators_are_not_mentioned(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, is_installed: bool
) -> None:
    """The default lists all strategies: most hosts have neither an EdgeTPU nor a GPU."""
    monkeypatch.setattr(choice, "_is_installed", lambda _package: is_installed)
    caplog.set_level(logging.INFO)
    found = plan_detectors(DetectionSettings(), offline(tmp_path, YUNET, CENTERFACE))
    assert "edgetpu" in {each.strategy for each in found.missing}
    assert found.asked == {"cpu"}
    assert caplog.text == ""


@pytest.mark.usefixtures("wording")
@pytest.mark.parametrize(
    ("settings", "asked"),
    [
        ({"strategies": ("edgetpu", "gpu", "openvino", "cpu")}, {"edgetpu", "gpu", "openvino", "cpu"}),
        ({"gpu_devices": ("1",)}, {"gpu", "cpu"}),
        ({"edgetpu_devices": ("usb:0",)}, {"edgetpu", "cpu"}),
        ({"openvino_devices": ("GPU",)}, {"openvino", "cpu"}),
        ({"min_confidence": 0.8}, {"cpu"}),
    ],
)
def test_a_requested_accelerator_that_is_missing_is_reported(
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    settings: dict[str, Any],
    asked: set[str],
) -> None:
    monkeypatch.setattr(choice, "_is_installed", lambda _package: False)
    found = plan_detectors(DetectionSettings(**settings), offline(tmp_path, YUNET, CENTERFACE))
    assert found.asked == asked
    warned = {record.args[0] for record in caplog.records if isinstance(record.args, tuple) and record.args}
    assert warned == asked - {"cpu"}


def test_a_missing_package_is_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choice, "_is_installed", lambda _package: False)
    found = plan(offline(tmp_path, YUNET, CENTERFACE), "edgetpu", "gpu", "openvino", "cpu")
    assert [each.strategy for each in found.missing] == ["edgetpu", "gpu", "openvino"]
    assert {each.fault.reason for each in found.missing} == {UnavailableReason.PACKAGE_MISSING}
    assert add_instruction(Extra.EDGETPU) in caplog.text
    assert f"openvino cannot be used: openvino is not installed; {add_instruction(Extra.OPENVINO)}" in caplog.text


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


@pytest.mark.parametrize("nodes", [(), (Path("/dev/dri/renderD128"),)])
@pytest.mark.parametrize("devices", [("AUTO",), ("GPU", "NPU")])
def test_openvino_is_tried_where_there_is_a_device_or_one_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, nodes: tuple[Path, ...], devices: tuple[Literal["AUTO"], ...]
) -> None:
    """Without a device file no GPU can appear later, so none is looked for again and again."""
    monkeypatch.setattr(choice, "_is_installed", lambda _package: True)
    monkeypatch.setattr(choice, "find_intel_devices", lambda: list(nodes))
    models = offline(tmp_path, YUNET, CENTERFACE)
    found = plan(models, "openvino", "cpu", openvino_devices=devices)
    chosen = DetectionSettings(strategies=("openvino",), openvino_devices=devices, second_stage="off")
    wanted = choice.wanted_files(chosen, models)
    if nodes or devices != ("AUTO",):
        assert [each.device for each in found.accelerators] == list(devices)
        assert {each.file for each in found.accelerators} == {found.choices[0].file}
        assert wanted == {"yunet_n": True}
    else:
        assert found.accelerators == ()
        assert [each.fault.reason for each in found.missing] == [UnavailableReason.DEVICE_MISSING]
        assert wanted == {}
