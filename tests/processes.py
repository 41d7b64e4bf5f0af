"""What other processes hold, and whether they are there."""

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
    """Return whether a process runs; a zombie that nobody has reaped does not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def descendants(pid: int) -> set[int]:
    """Return the process ids of all that a process started, and what those did."""
    try:
        return {child.pid for child in psutil.Process(pid).children(recursive=True)}
    except psutil.NoSuchProcess:
        return set()


def holdings(pid: int) -> dict[str, int]:
    """Return how many descriptors, threads and bytes of its own a process holds."""
    process = psutil.Process(pid)
    return {
        "descriptors": process.num_fds(),
        "threads": process.num_threads(),
        "memory": process.memory_full_info().uss,
    }
