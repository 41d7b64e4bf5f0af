"""Checks models and accelerators, and tests every detector once, each in a process of its own."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from edge_agent.app import max_pixels
from edge_agent.doctor import detector_rules as rules
from edge_agent.doctor.finding import Finding, error
from edge_agent.errors import NoDetectorError
from edge_agent.model_store import FIRST_MODEL, MODELS, ModelStore, find_cpu_model, plan_detectors, wanted_files
from edge_agent.platform.host_metrics import read_kernel_file
from edge_agent.platform.intel_devices import find_intel_devices
from edge_agent.pool import probe_all

if TYPE_CHECKING:
    from collections.abc import Iterator

    from edge_agent.domain import DetectorPlan
    from edge_agent.settings.detection import DetectionSettings
    from edge_agent.settings.model import Settings


def check_detectors(settings: Settings, root: Path = Path("/")) -> Iterator[Finding]:
    """Yield the findings about the detectors; `root` is the folder with /sys and /dev."""
    store = ModelStore(settings.models.dir, settings.models.cache_dir, sources=())
    yield from _check_models(settings.detection, store)
    devices = find_devices(root)
    try:
        plan = plan_detectors(settings.detection, store)
    except NoDetectorError as none:
        yield from map(rules.assess_device, rules.of_interest(devices, none.faults))
        yield rules.judge_none(none.faults, settings.detection.cpu_model)
        return
    faults = {each.strategy: each.fault for each in plan.missing}
    yield from map(rules.assess_device, rules.of_interest(devices, faults))
    yield from _check_plan(settings, plan, {device.kind: device.place for device in devices})


def _check_models(settings: DetectionSettings, store: ModelStore) -> Iterator[Finding]:
    faults = {name: store.faults(name) for name in MODELS}
    here = {name for name in MODELS if store.find(name)}
    yield from rules.assess_models(faults, here, wanted_files(settings, store))
    chosen = find_cpu_model(settings.cpu_model, store) if "cpu" in settings.strategies else None
    if chosen and chosen.note:
        yield rules.assess_substitute(chosen.name, FIRST_MODEL)


def _check_plan(settings: Settings, plan: DetectorPlan, devices: dict[str, str]) -> Iterator[Finding]:
    for each in plan.missing:
        yield rules.assess_missing(
            each,
            device=devices.get(each.strategy, ""),
            is_last=settings.detection.strategies == (each.strategy,),
            is_asked=each.strategy in plan.asked,
        )
    first, second = (*plan.accelerators, *plan.choices), (plan.second_stage.choice,) if plan.second_stage else ()
    results = probe_all((*first, *second), max_pixels(settings), settings.pool.probe_timeout_s)
    works = False
    for number, (choice, probed) in enumerate(zip((*first, *second), results, strict=True)):
        is_first = number < len(first)
        works = works or (is_first and probed.works)
        yield rules.assess_probe(choice, probed, is_spare=not is_first or len(first) > 1, is_second=not is_first)
    if len(first) > 1 and not works:
        yield error("detectors", "none of them can be used", "fix one of the findings above")


def find_devices(root: Path) -> list[rules.Device]:
    """Return the accelerators that the kernel lists."""
    found: list[rules.Device] = []
    for folder in sorted((root / "sys/bus/usb/devices").glob("*")):
        if (read_kernel_file(folder / "idVendor"), read_kernel_file(folder / "idProduct")) in rules.STICK_IDS:
            bus, number = (read_kernel_file(folder / name).zfill(3) for name in ("busnum", "devnum"))
            found.append(_device("edgetpu", f"USB {folder.name}", root / "dev/bus/usb" / bus / number))
    for folder in sorted((root / "sys/bus/pci/devices").glob("*")):
        ids = tuple(read_kernel_file(folder / name).removeprefix("0x") for name in ("vendor", "device"))
        if ids in rules.CARD_IDS:
            found.append(_device("edgetpu", f"PCI {folder.name}", root / "dev/apex_0"))
    found += [_device("openvino", f"/{node.relative_to(root)}", node) for node in find_intel_devices(root)]
    found += [_device("gpu", f"/dev/{node.name}", node) for node in sorted((root / "dev").glob("nvidia[0-9]"))]
    return found


def _device(kind: str, place: str, node: Path) -> rules.Device:
    if not node.exists():
        return rules.Device(kind, place, node, rules.DeviceFault.MISSING)
    may = os.access(node, os.R_OK | os.W_OK)
    return rules.Device(kind, place, node, None if may else rules.DeviceFault.FORBIDDEN)
