"""What the machine says of itself and of this process."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import Final

import psutil

CPU_SENSORS: Final = ("cpu_thermal", "coretemp", "k10temp", "soc_thermal", "cpu-thermal")
"""Names under which Linux gives the processor's temperature, the Raspberry Pi's first."""


@dataclass(frozen=True, slots=True)
class HostView:
    """Bytes that this process holds in memory; degrees Celsius of the processor, None where nothing tells."""

    memory_bytes: int
    cpu_temperature_c: float | None


def read_host() -> HostView:
    """Return how things are now."""
    return HostView(psutil.Process().memory_info().rss, _temperature())


def _temperature() -> float | None:
    with contextlib.suppress(OSError, AttributeError):
        found = psutil.sensors_temperatures()
        for name in CPU_SENSORS:
            for reading in found.get(name, ()):
                return round(reading.current, 1)
    return None
