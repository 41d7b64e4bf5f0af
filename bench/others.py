"""How much of the processor time other programs use."""

from __future__ import annotations

import time
from typing import Final

import psutil

from bench.answer import BUSY

LOOK_S: Final = 1.0
WAIT_S: Final = 10.0


def wait_until_quiet() -> float:
    """Wait until others are quiet, at most WAIT_S; return the part of the processor time that they use."""
    until_s = time.monotonic() + WAIT_S
    while (share := used_share()) > BUSY and time.monotonic() < until_s:
        pass
    return share


def used_share() -> float:
    """Return the part of the processor time that is used now, to be called while nothing of ours runs.

    The time that a hypervisor gives to other machines counts as used.
    """
    times = psutil.cpu_times_percent(interval=LOOK_S)
    return round(1 - (times.idle + getattr(times, "iowait", 0.0)) / 100, 3)
