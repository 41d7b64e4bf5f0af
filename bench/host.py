"""The host and the software of a measurement."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

import psutil

from bench.answer import Host
from edge_agent import __version__
from edge_agent.benchmark.short import processor

PACKAGES: Final = ("numpy", "onnxruntime", "opencv-python-headless", "msgspec", "paho-mqtt", "dlib-bin")
PROJECT: Final = Path(__file__).resolve().parents[1]


def read_host() -> Host:
    """Return the host, and its load."""
    return Host(
        processor=processor(),
        machine=platform.machine(),
        cores=len(os.sched_getaffinity(0)),
        memory_gb=round(psutil.virtual_memory().total / 1e9, 1),
        system=f"{platform.system()} {platform.release().partition('-')[0]}",
        python=platform.python_version(),
        versions={"edge-agent": __version__} | {name: found for name in PACKAGES if (found := _version(name))},
        commit=_commit(),
        load_at_start=round(os.getloadavg()[0], 2),
    )


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _commit() -> str:
    """Return the commit, with a + if files differ from it, or ''."""
    try:
        commit = _git("rev-parse", "--short", "HEAD")
        return commit + ("+" if _git("status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.CalledProcessError):
        return ""


def _git(*arguments: str) -> str:
    command = ("git", "-C", str(PROJECT), *arguments)
    return subprocess.run(command, capture_output=True, check=True, text=True).stdout.strip()  # noqa: S603 - fixed arguments
