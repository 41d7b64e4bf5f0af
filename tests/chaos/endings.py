"""Starts commands, and measures how long they take to end."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Final

import psutil

from testing.pictures import jpeg
from testing.processes import descendants, is_alive
from testing.shared_data import PROJECT
from testing.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

EXIT_S: Final = 5.0
PICTURE: Final = "picture.jpg"


def start(*arguments: str, through: Sequence[str] = (), **environment: str) -> subprocess.Popen[str]:
    """Start a command."""
    return subprocess.Popen(
        [*through, sys.executable, "-m", "edge_agent", *arguments],
        env={**os.environ, **environment},
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def with_picture(arguments: Sequence[str], folder: Path) -> list[str]:
    """Return arguments that name a picture where PICTURE stands."""
    path = folder / PICTURE
    path.write_bytes(jpeg())
    return [str(path) if each == PICTURE else each for each in arguments]


def seconds_to_end(process: subprocess.Popen[str]) -> float:
    """Wait for the end of a process, and of all that it started."""
    began_s, processes = time.monotonic(), descendants(process.pid)
    process.communicate(timeout=4 * EXIT_S)
    wait_until(lambda: not any(map(is_alive, processes)), timeout_s=EXIT_S)
    return time.monotonic() - began_s


def has_connected(pid: int, port: int) -> bool:
    """Return whether a process has a connection to a port."""
    return any(tuple(each.raddr)[1:] == (port,) for each in psutil.Process(pid).net_connections("tcp"))
