"""What processes use: processor time and memory, of this one and of all that it started."""

from __future__ import annotations

import contextlib

import psutil


def cpu_seconds(pid: int | None = None) -> float:
    """Return the processor time of a process (None: this one) and of its descendants that live."""
    total = 0.0
    for process in family(pid):
        with contextlib.suppress(psutil.Error):
            times = process.cpu_times()
            total += times.user + times.system
    return total


def family(pid: int | None = None) -> list[psutil.Process]:
    """Return a process and its descendants."""
    process = psutil.Process(pid)
    return [process, *process.children(recursive=True)]


def memory_mb(pid: int) -> float:
    """Return what a process holds for itself alone (USS), in MB; 0 where it has gone."""
    try:
        return float(psutil.Process(pid).memory_full_info().uss) / 1e6
    except psutil.Error:
        return 0.0
