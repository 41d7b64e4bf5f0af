"""Chooses the detectors that the workers may use, each with its verified model file."""

from __future__ import annotations

import logging
from importlib.metadata import PackageNotFoundError, distribution
from typing import TYPE_CHECKING, Final, NamedTuple

from edge_agent.domain import AUTO, DetectorPlan
from edge_agent.errors import DetectorUnavailableError, ModelUnavailableError, NoDetectorError
from edge_agent.model_store.advice import FIRST_MODEL, MODEL_FILES, explain
from edge_agent.platform.installation import Extra
from edge_agent.platform.intel_devices import find_intel_devices
from edge_agent.platform.program_name import command
from edge_agent.reasons import UnavailableReason
from edge_agent.wire import DetectorChoice, SecondStage, Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from edge_agent.model_store.store import ModelStore
    from edge_agent.settings.detection import DetectionSettings

log = logging.getLogger(__name__)

SECOND_MODEL: Final = "centerface"
"""As accurate by day, better by night, ten times slower; available where only a package index is reachable."""
EDGETPU_FILE: Final = "ssd_mobilenet_v2_edgetpu"

ON_CPU: Final = "CPUExecutionProvider"

NEEDED: Final = {
    Extra.EDGETPU: ("ai-edge-litert", "tflite-runtime"),
    Extra.GPU: ("onnxruntime-gpu",),
    Extra.OPENVINO: ("openvino",),
    Extra.BLAZEFACE: ("ai-edge-litert", "tflite-runtime"),
    Extra.MEDIAPIPE: ("mediapipe",),
}
"""Packages of an extra; any one of them is enough."""


class CpuModel(NamedTuple):
    """The model of the cpu strategy; `note` says why it is not the first choice, or is empty."""

    name: str
    path: Path
    note: str = ""


def find_cpu_model(setting: str, store: ModelStore) -> CpuModel | None:
    """Return the model that `choose_cpu_model` takes without network access, or None if it has to download one."""
    for name in (FIRST_MODEL, SECOND_MODEL) if setting == AUTO else (setting,):
        if path := store.find(MODEL_FILES.get(name, name)):
            return CpuModel(name, path, _substitute() if setting == AUTO and name != FIRST_MODEL else "")
    return None


def wanted_files(settings: DetectionSettings, store: ModelStore) -> dict[str, bool]:
    """Return the model files that a start uses or downloads, and whether the agent needs them."""
    strategies = set(settings.strategies)
    found = find_cpu_model(settings.cpu_model, store)
    first = found.name if found else settings.cpu_model.replace(AUTO, FIRST_MODEL)
    wanted = {} if settings.second_stage == "off" or strategies == {"mock"} else {SECOND_MODEL: False}
    if "gpu" in strategies and (settings.gpu_provider == ON_CPU or any(map(_is_installed, NEEDED[Extra.GPU]))):
        wanted[FIRST_MODEL] = "cpu" not in strategies
    if "openvino" in strategies and _is_installed("openvino") and _may_have_device(settings):
        wanted[FIRST_MODEL] = "cpu" not in strategies
    if "cpu" in strategies:
        wanted[MODEL_FILES.get(first, first)] = True
    return wanted


def choose_cpu_model(setting: str, store: ModelStore) -> CpuModel:
    """Return the model that `setting` names, or for `auto` the best available one; raise DetectorUnavailableError.

    `auto` uses no network if one of its models is already here.
    """
    if setting != AUTO:
        return _named(setting, store)
    try:
        return find_cpu_model(AUTO, store) or CpuModel(FIRST_MODEL, store.resolve(FIRST_MODEL))
    except ModelUnavailableError as error:
        first = str(error)
    try:
        path = store.resolve(SECOND_MODEL)
    except ModelUnavailableError as error:
        log.debug("%s", first)
        log.debug("%s", error)
        both = f"the models {FIRST_MODEL} and {SECOND_MODEL}"
        raise DetectorUnavailableError(UnavailableReason.MODEL_MISSING, both) from error
    log.debug("%s", first)
    return CpuModel(SECOND_MODEL, path, _substitute())


def _substitute() -> str:
    return f"the slower model {SECOND_MODEL} is used; get {FIRST_MODEL}: {command('models', 'pull', FIRST_MODEL)}"


def _named(name: str, store: ModelStore) -> CpuModel:
    if name in {Extra.BLAZEFACE, Extra.MEDIAPIPE}:
        _require(Extra(name))
    return CpuModel(name, _resolve(store, MODEL_FILES.get(name, name)))


def _resolve(store: ModelStore, name: str, *, quietly: bool = False) -> Path:
    """Return the file of a model; raise DetectorUnavailableError, and log all details at debug level."""
    try:
        return store.resolve(name, quietly=quietly)
    except ModelUnavailableError as error:
        log.debug("%s", error)
        raise DetectorUnavailableError(UnavailableReason.MODEL_MISSING, f"the model {name}") from error


def _require(extra: Extra) -> None:
    """Raise DetectorUnavailableError unless one of the packages of an extra is installed."""
    packages = NEEDED[extra]
    if not any(map(_is_installed, packages)):
        raise DetectorUnavailableError(UnavailableReason.PACKAGE_MISSING, " or ".join(packages))


def _is_installed(package: str) -> bool:
    try:
        distribution(package)
    except PackageNotFoundError:
        return False
    return True


def plan_detectors(settings: DetectionSettings, store: ModelStore) -> DetectorPlan:
    """Return the detectors of the settings that are available; raise NoDetectorError if there is none.

    An unavailable strategy is logged with its reason: as a warning if the user asked for it.
    """
    asked = asked_strategies(settings)
    finders: dict[str, Callable[[], Sequence[DetectorChoice]]] = {
        "edgetpu": lambda: _edgetpu(settings, store, quietly="edgetpu" not in asked),
        "gpu": lambda: _gpu(settings, store),
        "openvino": lambda: _openvino(settings, store),
        "cpu": lambda: [_cpu(settings.cpu_model, store)],
        "mock": lambda: [DetectorChoice("mock", "script", settings.mock_script)],
    }
    found: list[DetectorChoice] = []
    missing: list[Unavailable] = []
    for strategy in settings.strategies:
        model = settings.cpu_model if strategy == "cpu" else ""
        try:
            found += finders[strategy]()
        except DetectorUnavailableError as error:
            missing.append(Unavailable(strategy, model, error.fault))
    said = {each.strategy: explain(each.fault, each.strategy, each.model) for each in missing}
    if not found:
        message = "; ".join(f"{strategy}: {reason}" for strategy, reason in said.items())
        raise NoDetectorError(message, {each.strategy: each.fault for each in missing})
    for each in missing:
        level = logging.WARNING if each.strategy in asked else logging.DEBUG
        log.log(level, "the strategy %s cannot be used: %s", each.strategy, said[each.strategy])
    return DetectorPlan(
        choices=tuple(each for each in found if not each.device),
        accelerators=tuple(each for each in found if each.device),
        second_stage=_second_stage(settings, found, store),
        missing=tuple(missing),
        asked=asked,
    )


def asked_strategies(settings: DetectionSettings) -> frozenset[str]:
    """Return the strategies that the user asked for: the default lists all of them, and few hosts have all."""
    given = settings.model_fields_set
    if "strategies" in given:
        return frozenset(settings.strategies)
    return frozenset({"cpu"} | {each for each in settings.strategies if any(key.startswith(each) for key in given)})


def _cpu(setting: str, store: ModelStore) -> DetectorChoice:
    model = choose_cpu_model(setting, store)
    if model.note:
        log.warning("%s", model.note)
    file = store.file_at(MODEL_FILES.get(model.name, model.name), model.path)
    return DetectorChoice("cpu", model.name, str(model.path), file=file)


def _edgetpu(settings: DetectionSettings, store: ModelStore, *, quietly: bool) -> Sequence[DetectorChoice]:
    """Return one choice per EdgeTPU; `any` is the first one found."""
    _require(Extra.EDGETPU)
    path = settings.edgetpu_model or _resolve(store, EDGETPU_FILE, quietly=quietly)
    file = None if settings.edgetpu_model else store.file_at(EDGETPU_FILE, path)
    return [
        DetectorChoice("edgetpu", "ssd_mobilenet_v2", str(path), device, {"library": settings.edgetpu_library}, file)
        for device in settings.edgetpu_devices
    ]


def _gpu(settings: DetectionSettings, store: ModelStore) -> Sequence[DetectorChoice]:
    if settings.gpu_provider != ON_CPU:
        _require(Extra.GPU)
    path = _resolve(store, FIRST_MODEL)
    file = store.file_at(FIRST_MODEL, path)
    return [
        DetectorChoice("gpu", FIRST_MODEL, str(path), device, {"provider": settings.gpu_provider}, file)
        for device in settings.gpu_devices
    ]


def _openvino(settings: DetectionSettings, store: ModelStore) -> Sequence[DetectorChoice]:
    """Return one choice per device; without a device file, AUTO cannot find one later either."""
    _require(Extra.OPENVINO)
    if not _may_have_device(settings):
        raise DetectorUnavailableError(UnavailableReason.DEVICE_MISSING, "Intel GPU or NPU")
    path = _resolve(store, FIRST_MODEL)
    file = store.file_at(FIRST_MODEL, path)
    return [
        DetectorChoice("openvino", FIRST_MODEL, str(path), device, file=file) for device in settings.openvino_devices
    ]


def _may_have_device(settings: DetectionSettings) -> bool:
    return settings.openvino_devices != ("AUTO",) or bool(find_intel_devices())


def _second_stage(
    settings: DetectionSettings, found: Sequence[DetectorChoice], store: ModelStore
) -> SecondStage | None:
    """Return the slower, more accurate detector, if it is enabled, available, and not the only one."""
    strategies = {each.strategy for each in found}
    models = {each.model for each in found}
    if settings.second_stage == "off" or strategies == {"mock"} or models == {SECOND_MODEL}:
        return None
    try:
        path = store.resolve(SECOND_MODEL)
    except ModelUnavailableError as error:
        log.debug("%s", error)
        log.warning(
            "no second stage: %s is missing; download it: %s", SECOND_MODEL, command("models", "pull", SECOND_MODEL)
        )
        return None
    choice = DetectorChoice("cpu", SECOND_MODEL, str(path), file=store.file_at(SECOND_MODEL, path))
    return SecondStage(choice, by_night=settings.second_stage != "press")
