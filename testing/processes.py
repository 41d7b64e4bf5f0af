"""The resources of other processes, and whether they run."""

from __future__ import annotations

import shutil
import subprocess

import psutil
import pytest


def _can_unshare() -> bool:
    unshare = shutil.which("unshare")
    return (
        unshare is not None
        and not subprocess.run([unshare, "-mpf", "true"], check=False, capture_output=True).returncode
    )


needs_namespaces = pytest.mark.skipif(not _can_unshare(), reason="needs the right to make namespaces (root)")


def is_alive(pid: int | None) -> bool:
    """Return whether a process runs; a zombie does not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def descendants(pid: int) -> set[int]:
    """Return the process ids of a process's descendants."""
    try:
        return {child.pid for child in psutil.Process(pid).children(recursive=True)}
    except psutil.NoSuchProcess:
        return set()


def holdings(pid: int) -> dict[str, int]:
    """Return the number of descriptors, threads and private bytes of a process."""
    process = psutil.Process(pid)
    return {
        "descriptors": process.num_fds(),
        "threads": process.num_threads(),
        "memory": process.memory_full_info().uss,
    }
