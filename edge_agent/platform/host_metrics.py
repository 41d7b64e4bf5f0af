"""Host metrics and this process's memory, read from the kernel's files."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import psutil

if TYPE_CHECKING:
    from collections.abc import Iterator

CPU_SENSORS: Final = ("cpu_thermal", "coretemp", "k10temp", "soc_thermal", "cpu-thermal")
"""Names of Linux's CPU temperature sensors, the Raspberry Pi's first."""
VOLTAGE_SENSOR: Final = "rpi_volt"
"""The Raspberry Pi's voltage sensor; its in0_lcrit_alarm is 1 while the supply voltage is too low."""
THROTTLED_FILE: Final = "sys/devices/platform/soc/soc:firmware/get_throttled"
"""The Raspberry Pi's firmware, in hexadecimal digits: the lowest bits are the current state."""
SERIAL_NUMBER_FILE: Final = "proc/device-tree/serial-number"
"""Boards with a device tree have it, the Raspberry Pi among them; that of a PC is readable by root only."""
UNDER_VOLTAGE, FREQUENCY_CAPPED, THROTTLED, TOO_WARM = 1, 2, 4, 8
CLOCK_JUMP_S: Final = 2.0
"""The wall clock has jumped if it differs this much from what the monotonic clock predicts."""


@dataclass(frozen=True, slots=True)
class HostView:
    """Host metrics, and this process's memory in bytes. None: unknown.

    `throttled`: the CPU is slowed down; `under_voltage`: its supply voltage is too low. `clock_jumps`
    counts changes of the wall clock since the start, `clock_jump_s` is the size of the last one.
    """

    memory_bytes: int
    cpu_temperature_c: float | None = None
    throttled: bool | None = None
    under_voltage: bool | None = None
    load1: float = 0.0
    cores: int = 1
    memory_total_bytes: int | None = None
    memory_free_bytes: int | None = None
    disk_free_bytes: int | None = None
    clock_jumps: int = 0
    clock_jump_s: float = 0.0


class Host:
    """The host below `root`; free disk space is measured at `folder`."""

    def __init__(self, folder: Path, root: Path = Path("/")) -> None:
        self._folder = folder
        self._root = root
        self._process = psutil.Process()
        self._clock = Clock()

    def read(self, now: float, wall_s: float) -> HostView:
        """Return the current metrics; takes monotonic and wall-clock seconds."""
        self._clock.compare(now, wall_s)
        firmware = _hexadecimal(self._root / THROTTLED_FILE)
        total, free = _memory(self._root / "proc/meminfo")
        return HostView(
            memory_bytes=self._process.memory_info().rss,
            cpu_temperature_c=self._temperature(),
            throttled=None if firmware is None else bool(firmware & (FREQUENCY_CAPPED | THROTTLED | TOO_WARM)),
            under_voltage=self._under_voltage(firmware),
            load1=round(os.getloadavg()[0], 2),
            cores=os.cpu_count() or 1,
            memory_total_bytes=total,
            memory_free_bytes=free,
            disk_free_bytes=_disk_free(self._folder),
            clock_jumps=self._clock.jumps,
            clock_jump_s=self._clock.last_jump_s,
        )

    def has_temperature(self) -> bool:
        """Return whether this host has a sensor of its temperature."""
        return self._temperature() is not None

    def serial_number(self) -> str:
        """Return the serial number of a single-board computer, or ''."""
        return read_kernel_file(self._root / SERIAL_NUMBER_FILE).strip("\0")

    def _temperature(self) -> float | None:
        for name in CPU_SENSORS:
            for folder in self._sensors(name):
                with contextlib.suppress(ValueError):
                    return round(int(read_kernel_file(folder / "temp1_input")) / 1000, 1)
        with contextlib.suppress(ValueError):
            return round(int(read_kernel_file(self._root / "sys/class/thermal/thermal_zone0/temp")) / 1000, 1)
        return None

    def _under_voltage(self, firmware: int | None) -> bool | None:
        for folder in self._sensors(VOLTAGE_SENSOR):
            if alarm := read_kernel_file(folder / "in0_lcrit_alarm"):
                return alarm == "1"
        return None if firmware is None else bool(firmware & UNDER_VOLTAGE)

    def _sensors(self, name: str) -> Iterator[Path]:
        """Yield the folders of the sensors with that name."""
        for folder in sorted((self._root / "sys/class/hwmon").glob("hwmon*")):
            if read_kernel_file(folder / "name") == name:
                yield folder


class Clock:
    """Detects changes of the wall clock."""

    def __init__(self) -> None:
        self.jumps = 0
        self.last_jump_s = 0.0
        self._apart_s: float | None = None

    def compare(self, now: float, wall_s: float) -> None:
        """Compare the clocks, in seconds: their difference changes when the wall clock is set."""
        apart_s = wall_s - now
        if self._apart_s is not None and abs(apart_s - self._apart_s) > CLOCK_JUMP_S:
            self.jumps += 1
            self.last_jump_s = round(apart_s - self._apart_s, 1)
        self._apart_s = apart_s


def read_kernel_file(path: Path) -> str:
    """Return the content of a file of /proc or /sys, or '' if it cannot be read."""
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def kernel_boot_id() -> str:
    """Return the id of this boot of the host, or '' if the kernel does not tell it."""
    return read_kernel_file(Path("/proc/sys/kernel/random/boot_id"))


def _hexadecimal(path: Path) -> int | None:
    try:
        return int(read_kernel_file(path), 16)
    except ValueError:
        return None


def _memory(path: Path) -> tuple[int | None, int | None]:
    """Return the total and the available bytes of memory."""
    kilobytes = dict(re.findall(r"(?m)^(\w+): +(\d+) kB$", read_kernel_file(path)))
    found = [int(kilobytes[name]) * 1024 if name in kilobytes else None for name in ("MemTotal", "MemAvailable")]
    return found[0], found[1]


def _disk_free(folder: Path) -> int | None:
    """Return the free bytes at the folder, or where it will be created."""
    for place in (folder, *folder.absolute().parents):
        with contextlib.suppress(OSError):
            return shutil.disk_usage(place).free
    return None
