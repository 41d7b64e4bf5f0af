"""Precision and recall on labelled pictures, through the agent's own pool."""

from __future__ import annotations

import importlib.util
import json
import statistics
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import msgspec
from rich.console import Console
from rich.progress import track
from rich.table import Table

from edge_agent.domain import Trigger
from edge_agent.errors import NoDetectorError
from edge_agent.file_detection import detect_files
from edge_agent.settings.loading import load_settings
from edge_agent.wire import Detected

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from types import ModuleType

    from edge_agent.file_detection import FileOutcome

LOWEST_CONFIDENCE: Final = 0.3
IOU: Final = 0.5

Truth = dict[str, Any]
"""A picture's labels: image, width, height, boxes, ignore, stratum."""


ON_OPENVINO: Final = {"strategies": "openvino", "openvino_devices": "CPU"}


@dataclass(frozen=True, slots=True)
class Variant:
    """One way to process all pictures."""

    name: str
    trigger: Trigger
    detection: Mapping[str, str]


VARIANTS: Final = (
    Variant("ordinary frame", Trigger.CONTINUOUS, {}),
    Variant("press frame", Trigger.PRESS, {}),
    Variant("yunet_n alone", Trigger.CONTINUOUS, {"cpu_model": "yunet_n", "second_stage": "off"}),
    Variant("centerface alone", Trigger.CONTINUOUS, {"cpu_model": "centerface", "second_stage": "off"}),
    Variant("yunet_opencv alone", Trigger.CONTINUOUS, {"cpu_model": "yunet_opencv", "second_stage": "off"}),
    Variant("blazeface alone", Trigger.CONTINUOUS, {"cpu_model": "blazeface", "second_stage": "off"}),
    Variant("mediapipe alone", Trigger.CONTINUOUS, {"cpu_model": "mediapipe", "second_stage": "off"}),
    Variant("openvino, CPU", Trigger.CONTINUOUS, {**ON_OPENVINO, "second_stage": "off"}),
    Variant("gpu, simulated", Trigger.CONTINUOUS, {"strategies": "gpu,cpu", "second_stage": "off"}),
)


def measure(folder: Path, *, only: str, by_stratum: bool) -> None:
    """Process the pictures of `folder` in every way whose name contains `only`, and print a table.

    The folder holds `dev/gt.jsonl`, the pictures, and `score.py`, which defines a match.
    """
    score = _load(folder / "score.py")
    truths = [json.loads(line) for line in (folder / "dev" / "gt.jsonl").read_text(encoding="utf-8").splitlines()]
    table = _table()
    for variant in track([each for each in VARIANTS if only in each.name], description="detecting", transient=True):
        try:
            outcomes = _detect(folder / "dev", truths, variant)
        except NoDetectorError as error:
            print(f"{variant.name} is left out: {error}")
            continue
        for stratum, members in _strata(truths, by_stratum=by_stratum).items():
            table.add_row(*_row(variant, stratum, members, outcomes, score))
        table.add_section()
    Console().print(table)


def _load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("score", path)
    if spec is None or spec.loader is None:
        message = f"{path} is not a module"
        raise ImportError(message)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _detect(folder: Path, truths: list[Truth], variant: Variant) -> dict[str, FileOutcome]:
    settings = load_settings(None, {"detection": {**variant.detection, "min_confidence": LOWEST_CONFIDENCE}})
    if "gpu" in variant.name:
        rehearsal = settings.detection.model_copy(update={"gpu_provider": "CPUExecutionProvider"})
        settings = settings.model_copy(update={"detection": rehearsal})
    files = [folder / truth["image"] for truth in truths]
    outcomes = detect_files(files, settings, trigger=variant.trigger)
    return {truth["image"]: outcomes for truth, outcomes in zip(truths, outcomes, strict=True)}


def _strata(truths: list[Truth], *, by_stratum: bool) -> dict[str, list[Truth]]:
    strata: defaultdict[str, list[Truth]] = defaultdict(list)
    for truth in truths:
        strata["infrared" if "irsim" in truth["stratum"] else "real"].append(truth)
        if by_stratum:
            strata[truth["stratum"]].append(truth)
    return strata


def _row(
    variant: Variant, stratum: str, truths: list[Truth], outcomes: dict[str, FileOutcome], score: ModuleType
) -> tuple[str, ...]:
    judged: list[tuple[float, bool]] = []
    milliseconds: list[float] = []
    memory_bytes = 0
    for truth in truths:
        result = outcomes[truth["image"]].outcome.result
        if not isinstance(result, Detected):
            message = f"{truth['image']} was not processed: {result}"
            raise TypeError(message)
        found = [{"box": msgspec.structs.asdict(face.box), "confidence": face.confidence} for face in result.faces]
        judged += score.judge(truth, found, IOU)
        milliseconds.append(result.times.inference)
        memory_bytes = max(memory_bytes, result.memory_bytes)
    faces = sum(len(truth["boxes"]) for truth in truths)
    threshold = load_settings(None, {}).detection.min_confidence
    figures = score.figures(judged, faces, threshold)
    mean, p95 = statistics.fmean(milliseconds), statistics.quantiles(milliseconds, n=20, method="inclusive")[-1]
    return (
        variant.name,
        stratum,
        str(faces),
        *(f"{figures[name]:.3f}" if faces else "-" for name in ("precision", "recall", "ap")),
        str(sum(confidence >= threshold and not true for confidence, true in judged)),
        f"{mean:.1f}",
        f"{p95:.1f}",
        f"{memory_bytes / 1e6:.0f}",
    )


def _table() -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    for name in ("processed", "pictures"):
        table.add_column(name, no_wrap=True)
    for name in ("faces", "P", "R", "AP", "false", "ms", "p95", "MB"):
        table.add_column(name, justify="right", no_wrap=True, min_width=5)
    return table
