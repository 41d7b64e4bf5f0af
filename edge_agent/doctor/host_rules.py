"""Findings about the host. Pure."""

from __future__ import annotations

import errno
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final, Self

from edge_agent.doctor.finding import Finding, error, ok, warning
from edge_agent.errors import reason_of
from edge_agent.reasons import Wording
from edge_agent.telemetry.problems import HOT_C, LOW_DISK_BYTES, LOW_MEMORY_SHARE

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

WORKER_BYTES: Final = 120_000_000
"""Memory of one worker with its model."""
AGENT_BYTES: Final = 60_000_000
TOO_HOT_C: Final = 90.0
LOADED: Final = 2.0
"""Load per core from which on a press has to wait."""


class SystemFault(StrEnum):
    """Why the agent cannot use a folder or a port."""

    FULL = "full"
    FORBIDDEN = "forbidden"
    READ_ONLY = "read_only"
    NO_FOLDER = "no_folder"
    FOREIGN = "foreign"
    IN_USE = "in_use"
    NO_ADDRESS = "no_address"
    FAILED = "failed"


FOLDER_FIXES: Final = {
    SystemFault.FULL: Wording("{detail}", "free some space, or name another folder in {setting}"),
    SystemFault.FORBIDDEN: Wording("{detail}", "allow this user to write there, or name another folder in {setting}"),
    SystemFault.READ_ONLY: Wording("{detail}", "mount it writable, or name another folder in {setting}"),
    SystemFault.NO_FOLDER: Wording("{detail}", "a file is in the way: remove it, or name another folder in {setting}"),
    SystemFault.FOREIGN: Wording("it belongs to another user", "name another folder in {setting}"),
}
ANY_FOLDER_FIX: Final = Wording("{detail}", "name another folder in {setting}")
PORT_FIXES: Final = {
    SystemFault.IN_USE: Wording("{detail}", "set http.port to a free one, or http.enabled to false"),
    SystemFault.FORBIDDEN: Wording("{detail}", "set http.port to one from 1024 on, or http.enabled to false"),
    SystemFault.NO_ADDRESS: Wording("{detail}", "set http.host to an address of this host"),
}
ANY_PORT_FIX: Final = Wording("{detail}", "set http.host and http.port to a usable address, or http.enabled to false")
_ERRNO: Final = {
    errno.ENOSPC: SystemFault.FULL,
    errno.EDQUOT: SystemFault.FULL,
    errno.EACCES: SystemFault.FORBIDDEN,
    errno.EPERM: SystemFault.FORBIDDEN,
    errno.EROFS: SystemFault.READ_ONLY,
    errno.ENOTDIR: SystemFault.NO_FOLDER,
    errno.EADDRINUSE: SystemFault.IN_USE,
    errno.EADDRNOTAVAIL: SystemFault.NO_ADDRESS,
}


@dataclass(frozen=True, slots=True)
class Refused:
    """The fault, and the operating system's text for it."""

    fault: SystemFault
    detail: str = ""

    @classmethod
    def by(cls, error: OSError) -> Self:
        """Return the meaning of an OSError."""
        return cls(_ERRNO.get(error.errno or 0, SystemFault.FAILED), reason_of(error).lower())


def assess_processor(machine: str, features: Collection[str], cores: int) -> Finding:
    """Return whether the processor has the instructions that make inference fast."""
    what = f"{machine}, {cores} {'core' if cores == 1 else 'cores'}"
    if machine in {"x86_64", "AMD64"}:
        if "avx2" in features:
            return ok("processor", f"{what}, with AVX2")
        return warning(
            "processor",
            f"{what}, without AVX2: detection takes several times as long",
            "in a virtual machine: pass the host's processor type through",
        )
    if machine == "aarch64":
        dot = ", with dot products" if "asimddp" in features else ""
        return ok("processor", f"{what}{dot}")
    return error(
        "processor",
        f"{what}: there are no builds of the inference engine for it",
        "install a 64-bit system (aarch64 or x86_64)",
    )


def assess_sandbox(landlock: int, *, wanted: bool) -> Finding:
    """Return whether workers can be sandboxed; `landlock` is the kernel's version of Landlock."""
    if not wanted:
        return warning("sandbox", "workers are not sandboxed: pool.sandbox is off", "set pool.sandbox to true")
    if not landlock:
        return warning(
            "sandbox",
            "workers are not sandboxed: this kernel has no Landlock",
            "use Linux 5.13 or newer with `landlock` in its `lsm=` list; the agent works without it",
        )
    network = "" if landlock >= 4 else ", but to the network"  # noqa: PLR2004 - the version that can
    return ok("sandbox", f"workers have no access to files{network} (Landlock {landlock})")


def assess_heat(temperature_c: float | None, *, throttled: bool | None, under_voltage: bool | None) -> list[Finding]:
    """Return whether the host throttles its processor; None: unknown."""
    found = []
    if under_voltage:
        found.append(
            warning(
                "power",
                "the supply voltage is too low",
                "use the power supply made for this board, and a short cable",
            )
        )
    if throttled:
        found.append(
            warning(
                "heat",
                "the processor is throttled",
                "improve its cooling; on a Raspberry Pi also check the power supply",
            )
        )
    if temperature_c is not None and temperature_c >= HOT_C:
        level = error if temperature_c >= TOO_HOT_C else warning
        found.append(level("heat", f"the processor is {temperature_c:.0f} °C hot", "give it air or a fan"))
    if not found:
        tells = f"{temperature_c:.0f} °C" if temperature_c is not None else "no sensor tells"
        found.append(ok("heat", f"{tells}, not throttled" if throttled is not None else tells))
    return found


def assess_load(load1: float, cores: int) -> Finding:
    """Return whether the processor has capacity left."""
    said = f"{load1:.1f} processes want one of {cores} cores"
    if load1 >= LOADED * cores:
        return warning("load", said, "find the busy process with `top`")
    return ok("load", said)


def assess_clock(now_at: datetime, installed_at: datetime | None, *, in_step: bool | None) -> Finding:
    """Return whether the clock can be right: `installed_at` is in the past, `in_step` is the kernel's report."""
    if installed_at is not None and now_at < installed_at:
        return error(
            "clock",
            f"it says {now_at:%Y-%m-%d %H:%M}, but edge-agent was installed later",
            "set it: timedatectl set-ntp true, or date --set",
        )
    if in_step is False:
        return warning(
            "clock",
            f"{now_at:%Y-%m-%d %H:%M} UTC, and nothing keeps it in step",
            "timedatectl set-ntp true, or install chrony; in a container: on its host",
        )
    return ok("clock", f"{now_at:%Y-%m-%d %H:%M} UTC{', synchronized' if in_step else ''}")


def assess_memory(free_bytes: int | None, workers: int, total_bytes: int | None = None) -> Finding:
    """Return whether the workers fit into memory, and whether a running agent would report a problem."""
    if free_bytes is None:
        return ok("memory", "unknown")
    needed = AGENT_BYTES + workers * WORKER_BYTES
    said = f"{free_bytes / 1e6:.0f} MB free; {workers} workers take about {needed / 1e6:.0f} MB"
    if free_bytes < AGENT_BYTES + WORKER_BYTES:
        return error("memory", said, "stop other programs: not even one worker fits")
    if free_bytes < needed:
        fit = max(1, (free_bytes - AGENT_BYTES) // WORKER_BYTES)
        return warning("memory", said, f"set pool.workers to {fit}, or stop other programs")
    if total_bytes and free_bytes < LOW_MEMORY_SHARE * total_bytes:
        return warning("memory", f"{said}; that is less than {LOW_MEMORY_SHARE:.0%} of it", "end other programs")
    return ok("memory", said)


def assess_folder(what: str, folder: str, refused: Refused | None, free_bytes: int | None, setting: str) -> Finding:
    """Return whether a folder is writable; `refused` is why not."""
    if refused is not None:
        wording = FOLDER_FIXES.get(refused.fault, ANY_FOLDER_FIX)
        said = wording.sentence.format(detail=refused.detail)
        return error("disk", f"{folder}, for {what}: {said}", wording.advice.format(setting=setting))
    if free_bytes is not None and free_bytes < LOW_DISK_BYTES:
        return warning(
            "disk",
            f"{folder}, for {what}: only {free_bytes / 1e6:.1f} MB are free",
            f"free some space, or name another folder in {setting}",
        )
    free = f", {free_bytes / 1e9:.1f} GB free" if free_bytes is not None else ""
    return ok("disk", f"{folder}, for {what}{free}")


def assess_state(file: str, fault: str) -> list[Finding]:
    """Return the finding about the stored options; `fault` is why the next start cannot use them."""
    if not fault:
        return []
    fix = "repair it if you can; the next start moves it aside and uses the settings of the configuration"
    return [warning("state", f"{file} cannot be used ({fault}): the options set over MQTT are lost", fix)]


def assess_port(where: str, refused: Refused | None, *, is_ours: bool) -> Finding:
    """Return whether the page can be served; `refused` is why not, `is_ours` is whether an agent uses the port."""
    if refused is not None and not is_ours:
        wording = PORT_FIXES.get(refused.fault, ANY_PORT_FIX)
        return error("http", f"{where}: {wording.sentence.format(detail=refused.detail)}", wording.advice)
    return ok("http", f"{where} is {'free' if refused is None else 'served by an agent'}")
