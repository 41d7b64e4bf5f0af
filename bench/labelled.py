"""Labelled pictures, and the ways to process them through the agent's own pool."""

from __future__ import annotations

import importlib.util
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import msgspec

from edge_agent.domain import Trigger
from edge_agent.file_detection import detect_files
from edge_agent.ingest.image_header import read_header
from edge_agent.settings.loading import load_settings
from edge_agent.wire import Detected
from edge_agent.worker.decode import decode

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path
    from types import ModuleType

    from edge_agent.wire import Face
    from edge_agent.worker.decode import Picture

LOWEST_CONFIDENCE: Final = 0.01
"""Every listed face."""
IOU: Final = 0.5

Truth = dict[str, Any]
"""A picture's labels: image, width, height, boxes, ignore, stratum."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """The folder of labelled pictures: their labels, and the module that defines a match."""

    folder: Path
    truths: list[Truth]
    score: ModuleType


@dataclass(frozen=True, slots=True)
class Judged:
    """A picture's labels, its detections (confidence, whether it is a face), and the worker's answer."""

    truth: Truth
    detections: list[tuple[float, bool]]
    result: Detected

    @property
    def faces(self) -> int:
        """Return the number of required faces."""
        return len(self.truth["boxes"])

    @property
    def infrared(self) -> bool:
        """Return whether the picture is one of simulated infrared."""
        return is_infrared(self.truth)


def is_infrared(truth: Truth) -> bool:
    """Return whether a picture is one of simulated infrared."""
    return "irsim" in truth["stratum"]


@dataclass(frozen=True, slots=True)
class Variant:
    """One way to process all pictures."""

    name: str
    trigger: Trigger
    detection: Mapping[str, str]

    @property
    def first_model(self) -> str:
        """Return the model of the first stage."""
        return self.detection.get("cpu_model", "yunet_n")


ON_OPENVINO: Final = {"strategies": "openvino", "openvino_devices": "CPU"}
FRAME: Final = Variant("ordinary frame", Trigger.CONTINUOUS, {})
PRESS: Final = Variant("press frame", Trigger.PRESS, {})

VARIANTS: Final = (
    FRAME,
    PRESS,
    Variant("yunet_n alone", Trigger.CONTINUOUS, {"cpu_model": "yunet_n", "second_stage": "off"}),
    Variant("centerface alone", Trigger.CONTINUOUS, {"cpu_model": "centerface", "second_stage": "off"}),
    Variant("yunet_opencv alone", Trigger.CONTINUOUS, {"cpu_model": "yunet_opencv", "second_stage": "off"}),
    Variant("blazeface alone", Trigger.CONTINUOUS, {"cpu_model": "blazeface", "second_stage": "off"}),
    Variant("mediapipe alone", Trigger.CONTINUOUS, {"cpu_model": "mediapipe", "second_stage": "off"}),
    Variant("openvino, CPU", Trigger.CONTINUOUS, {**ON_OPENVINO, "second_stage": "off"}),
    Variant("gpu, simulated", Trigger.CONTINUOUS, {"strategies": "gpu,cpu", "second_stage": "off"}),
)


def read(folder: Path) -> Labelled:
    """Read the labels of a folder that holds `dev/gt.jsonl`, the pictures, and `score.py`."""
    lines = (folder / "dev" / "gt.jsonl").read_text(encoding="utf-8").splitlines()
    return Labelled(folder / "dev", [json.loads(line) for line in lines], _load(folder / "score.py"))


def _load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("score", path)
    if spec is None or spec.loader is None:
        message = f"{path} is not a module"
        raise ImportError(message)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def process(labelled: Labelled, variant: Variant) -> list[Judged]:
    """Detect faces in all pictures, and compare them with the labels; raise NoDetectorError if there is none."""
    settings = load_settings(None, {"detection": {**variant.detection, "min_confidence": LOWEST_CONFIDENCE}})
    if "gpu" in variant.name:
        rehearsal = settings.detection.model_copy(update={"gpu_provider": "CPUExecutionProvider"})
        settings = settings.model_copy(update={"detection": rehearsal})
    files = [labelled.folder / truth["image"] for truth in labelled.truths]
    outcomes = detect_files(files, settings, trigger=variant.trigger)
    return [judge(labelled, truth, each.outcome.result) for truth, each in zip(labelled.truths, outcomes, strict=True)]


def judge(labelled: Labelled, truth: Truth, result: object) -> Judged:
    """Compare a picture's faces with its labels."""
    if not isinstance(result, Detected):
        message = f"{truth['image']} was not processed: {result}"
        raise TypeError(message)
    return Judged(truth, compare(labelled, truth, result.faces), result)


def compare(labelled: Labelled, truth: Truth, faces: Iterable[Face]) -> list[tuple[float, bool]]:
    """Return the confidence of each detection that the labels do not ignore, and whether it is a face."""
    found = [{"box": msgspec.structs.asdict(face.box), "confidence": face.confidence} for face in faces]
    return list(labelled.score.judge(truth, found, IOU))


def decoded(labelled: Labelled, truth: Truth, side: int) -> Picture:
    """Return a labelled picture, decoded as a worker does it for an input of `side` pixels."""
    data = (labelled.folder / truth["image"]).read_bytes()
    header = read_header(data)
    return decode(data, width=header.width, height=header.height, side=side)


def default_threshold() -> float:
    """Return the default of `detection.min_confidence`."""
    return load_settings(None, {}).detection.min_confidence
