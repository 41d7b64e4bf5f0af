"""The Intel GPUs and NPUs that the kernel lists, with their device files."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from edge_agent.platform.host_metrics import read_kernel_file

INTEL: Final = "0x8086"
"""The vendor's number on PCI."""
CLASSES: Final = {"drm": ("renderD*", "dri"), "accel": ("accel*", "accel")}
"""Classes of devices: the names of their devices below /sys/class, and the folder of their files below /dev."""


def find_intel_devices(root: Path = Path("/")) -> list[Path]:
    """Return the device files of Intel's GPUs, then of its NPUs; `root` is the folder with /sys and /dev."""
    return [
        root / "dev" / folder / device.name
        for kind, (pattern, folder) in CLASSES.items()
        for device in sorted((root / "sys/class" / kind).glob(pattern))
        if read_kernel_file(device / "device" / "vendor") == INTEL
    ]
