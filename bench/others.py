"""How much of the processor time other programs use."""

from __future__ import annotations

import time
from typing import Final

import psutil

from bench.answer import BUSY

LOOK_S: Final = 1.0
WAIT_S: Final = 30.0


def quiet_share() -> float:
    """Wait until the machine is quiet, at most WAIT_S; return the part of its processor time that is used.

    To be called while nothing of ours runs. The time that a hypervisor gives to other machines counts as used.
    """
    until_s = time.monotonic() + WAIT_S
    while (share := _share()) > BUSY and time.monotonic() < until_s:
        pass
    return share


def _share() -> float:
    times = psutil.cpu_times_percent(interval=LOOK_S)
    return round(1 - (times.idle + getattr(times, "iowait", 0.0)) / 100, 3)
