"""A limit on the processes and threads of a running agent, as a container's pids limit or `ulimit -u` has it."""

from __future__ import annotations

import os
import resource
import subprocess
import time
from typing import Final

import psutil

from testing.processes import descendants, holdings

RIGHTS: Final = "+dac_override,+dac_read_search"


def user_of_its_own() -> int:
    """Return a user id that no other process has."""
    return 100_000 + os.getpid()


def as_user_of_its_own() -> tuple[str, ...]:
    """Return a command that gives up root, which has no limit on processes; the limit counts all of a user's."""
    rights = (f"--inh-caps={RIGHTS}", f"--ambient-caps={RIGHTS}", f"--bounding-set=-all,{RIGHTS}")
    return ("setpriv", "--reuid", str(user_of_its_own()), "--clear-groups", *rights)


def as_limited_user() -> tuple[str, ...]:
    """Return a command that starts a program whose processes can be limited: any user's but root's."""
    return as_user_of_its_own() if os.geteuid() == 0 else ()


def can_limit() -> bool:
    """Return whether this host allows it, and the resources of the limited process can still be read."""
    try:
        process = subprocess.Popen([*as_limited_user(), "sleep", "60"], stderr=subprocess.DEVNULL)
    except OSError:
        return False
    try:
        time.sleep(0.2)
        holdings(process.pid)
        return _set(process.pid, "1") == 0
    except (OSError, psutil.Error):
        return False
    finally:
        process.kill()
        process.wait()


def refuse_processes(pid: int) -> None:
    """Let a process and its descendants start no further process or thread."""
    for each in (pid, *descendants(pid)):
        _set(each, "1")


def allow_processes(pid: int) -> None:
    """End that."""
    most = resource.getrlimit(resource.RLIMIT_NPROC)[1]
    for each in (pid, *descendants(pid)):
        _set(each, "unlimited" if most == resource.RLIM_INFINITY else str(most))


def _set(pid: int, most: str) -> int:
    """Set the soft limit of a process, which may have ended."""
    command = [*as_limited_user(), "prlimit", f"--pid={pid}", f"--nproc={most}:"]
    return subprocess.run(command, check=False, capture_output=True).returncode
