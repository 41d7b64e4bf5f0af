"""CPU time and memory of processes and their descendants."""

from __future__ import annotations

import contextlib

import psutil


def cpu_seconds(pid: int | None = None) -> float:
    """Return the CPU time of a process (None: this one) and of its living descendants."""
    total = 0.0
    for process in family(pid):
        with contextlib.suppress(psutil.Error):
            total += own_cpu_seconds(process)
    return total


def own_cpu_seconds(process: psutil.Process) -> float:
    """Return the CPU time of a process alone; raise psutil.Error if it has exited."""
    times = process.cpu_times()
    return float(times.user + times.system)


def family(pid: int | None = None) -> list[psutil.Process]:
    """Return a process and its descendants."""
    process = psutil.Process(pid)
    return [process, *process.children(recursive=True)]


def memory_mb(pid: int) -> float:
    """Return the unique set size (USS) of a process in MB; 0 if it has exited."""
    try:
        return float(psutil.Process(pid).memory_full_info().uss) / 1e6
    except psutil.Error:
        return 0.0
