"""Findings about models, strategies and accelerators. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from edge_agent.doctor.finding import Finding, error, ok, warning
from edge_agent.model_store import advice_for
from edge_agent.platform.program_name import command
from edge_agent.reasons import UnavailableReason, Wording

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from pathlib import Path

    from edge_agent.pool import ProbeResult
    from edge_agent.reasons import DetectorFault
    from edge_agent.wire import DetectorChoice, Unavailable

STICK_IDS: Final = frozenset({("1a6e", "089a"), ("18d1", "9302")})
"""A Coral USB Accelerator, before and after its firmware is loaded."""
CARD_IDS: Final = frozenset({("1ac1", "089a")})
"""A Coral card on PCI or M.2."""
SLOW_MS: Final = 500.0
"""Above this, a press waits noticeably."""
NO_DEVICE: Final = {"edgetpu": "no Coral on USB or PCI", "gpu": "no NVIDIA GPU", "openvino": "no Intel GPU or NPU"}
GROUPS: Final = {"openvino": "render"}
"""The group that may open the devices of a kind, if it is not plugdev."""
COMMON: Final = frozenset({"openvino"})
"""Strategies whose device is part of most processors: not using it is no fault."""


class DeviceFault(StrEnum):
    """Why the user cannot open an accelerator."""

    MISSING = "missing"
    FORBIDDEN = "forbidden"


DEVICE_FAULTS: Final = {
    DeviceFault.MISSING: Wording("is not there", "plug it in again; in a container: --device"),
    DeviceFault.FORBIDDEN: Wording(
        "cannot be opened by this user",
        "add a udev rule, or the user to the group {group}; in a container: --device",
    ),
}


@dataclass(frozen=True, slots=True)
class Device:
    """An accelerator that the kernel lists; `node` is its device file, `fault` why the user cannot open it."""

    kind: str
    place: str
    node: Path
    fault: DeviceFault | None


def assess_models(
    faults: Mapping[str, Sequence[str]], here: Collection[str], wanted: Mapping[str, bool]
) -> list[Finding]:
    """Return the finding about the model files: those `here` and verified, and the `faults` of others.

    `wanted` are the files of the settings, and whether the agent needs each.
    """
    found: list[Finding] = []
    for name, wrong in faults.items():
        if wrong:
            level = error if wanted.get(name) and name not in here else warning
            found.append(
                level("models", "; ".join(wrong), f"remove that file, then: {command('models', 'pull', name)}")
            )
    damaged = {name for name, wrong in faults.items() if wrong}
    found += [
        (error if is_needed else warning)(
            "models", f"{name} is missing: a start downloads it, if it can", command("models", "pull", name)
        )
        for name, is_needed in wanted.items()
        if name not in here and name not in damaged
    ]
    good = [name for name in wanted if name in here]
    if good:
        found.append(ok("models", f"{' and '.join(good)}: here, and their hashes are right"))
    return found


def assess_substitute(name: str, better: str) -> Finding:
    """Return that a slower model is used because a better one is missing."""
    return warning(
        "models", f"the slower model {name} is used: {better} is not here", command("models", "pull", better)
    )


def assess_probe(choice: DetectorChoice, probed: ProbeResult, *, is_spare: bool, is_second: bool = False) -> Finding:
    """Return whether a detector works; `is_spare` is whether another one replaces it.

    A detector that `is_second` runs where the first is unsure, and may be slow.
    """
    what = f"{choice.model} on {choice.device}" if choice.device else choice.model
    if probed.fault is not None:
        level = warning if is_spare else error
        fix = advice_for(probed.fault, choice.strategy, choice.model)
        return level(choice.strategy, f"{what} cannot be used: {probed.fault.text}", fix)
    times = f"{what}: loaded in {probed.load_ms:.0f} ms, one look takes {probed.inference_ms:.0f} ms"
    if probed.inference_ms > SLOW_MS and not is_second:
        fix = "choose a faster model (detection.cpu_model), or add an accelerator; docs/models.md compares"
        return warning(choice.strategy, f"{times}, which is slow", fix)
    return ok(choice.strategy, times)


def assess_missing(missing: Unavailable, *, device: str, is_last: bool, is_asked: bool = False) -> Finding:
    """Return what a strategy lacks that cannot be tested.

    A missing `device` ('') is not a fault, unless it is the last strategy or the user asked for it: by default the
    settings list every strategy.
    """
    strategy, fault = missing.strategy, missing.fault
    fix = advice_for(fault, strategy, missing.model)
    if is_last:
        return error(strategy, fault.text, fix)
    if not device and is_asked:
        return warning(strategy, fault.text, fix)
    if not device:
        besides = "" if fault.reason is UnavailableReason.DEVICE_MISSING else f"; besides, {_short(fault)}"
        return ok(strategy, f"{NO_DEVICE.get(strategy, 'not here')}, so it is not used{besides}")
    if strategy in COMMON and fault.reason is UnavailableReason.PACKAGE_MISSING and not is_asked:
        return ok(strategy, f"there is {device}, which is not used: {fault.text}; to use it: {fix}")
    return warning(strategy, f"there is {device}, but {fault.text}", fix)


def _short(fault: DetectorFault) -> str:
    """Return a short reason, without the places where a missing model was searched."""
    return "its model is missing" if fault.reason is UnavailableReason.MODEL_MISSING else fault.text


def judge_none(faults: Mapping[str, DetectorFault], cpu_model: str) -> Finding:
    """Return that no strategy works; the advice is for the last one, which needs the least."""
    said = "; ".join(f"{strategy}: {fault.text}" for strategy, fault in faults.items())
    strategy, fault = list(faults.items())[-1]
    return error("detectors", f"none can be used: {said}", advice_for(fault, strategy, cpu_model))


def of_interest(devices: Sequence[Device], faults: Mapping[str, DetectorFault]) -> list[Device]:
    """Return the devices to report: not those that most processors have, if nothing for them is installed."""
    bare = {strategy for strategy, fault in faults.items() if fault.reason is UnavailableReason.PACKAGE_MISSING}
    return [device for device in devices if device.kind not in COMMON & bare]


def assess_device(device: Device) -> Finding:
    """Return whether the user can open an accelerator."""
    if device.fault is not None:
        wording = DEVICE_FAULTS[device.fault]
        fix = wording.advice.format(group=GROUPS.get(device.kind, "plugdev"))
        return warning(device.kind, f"on {device.place}, but {device.node} {wording.sentence}", fix)
    return ok(device.kind, f"on {device.place}, and can be opened")
