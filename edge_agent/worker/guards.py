"""Guards that end a worker with its parent, at its time limit, and at its memory limit."""

from __future__ import annotations

import contextlib
import faulthandler
import fcntl
import functools
import os
import resource
import signal
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator
    from multiprocessing.connection import Connection

    from edge_agent.wire import SharedBuffer

F_SETSIG: Final = 10
"""Linux fcntl(2); Python's fcntl has no name for it. It sends SIGKILL instead of SIGIO."""

DATA_LIMIT_FACTOR: Final = 5
"""RLIMIT_DATA above the memory limit: the last guard against a picture that needs gigabytes at once."""

MAX_STATM_BYTES: Final = 256

FIRST_TO_GO: Final = "800"
"""oom_score_adj: when the host runs out of memory, the kernel kills a worker and not the agent."""


def die_with_parent(parent_pipe: Connection) -> None:
    """Have the kernel kill this process when the parent's end of `parent_pipe` closes, even if native code hangs."""
    descriptor = parent_pipe.fileno()
    fcntl.fcntl(descriptor, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(descriptor, F_SETSIG, signal.SIGKILL)
    fcntl.fcntl(descriptor, fcntl.F_SETFL, fcntl.fcntl(descriptor, fcntl.F_GETFL) | os.O_ASYNC)
    if parent_pipe.poll():
        os.kill(os.getpid(), signal.SIGKILL)


def leave_signals_to_parent() -> None:
    """Ignore signals that a terminal or service manager sends to all processes: the parent stops its workers."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)


def limit_memory(memory_limit_bytes: int) -> None:
    """Make a huge allocation fail here, unless the limit is 0, and make this process the OOM killer's first choice."""
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w", encoding="ascii") as file:  # noqa: PTH123
        file.write(FIRST_TO_GO)
    if not memory_limit_bytes:
        return
    limit = memory_limit_bytes * DATA_LIMIT_FACTOR
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    if hard == resource.RLIM_INFINITY or hard >= limit:
        resource.setrlimit(resource.RLIMIT_DATA, (limit, hard))


def record_faults(fault_log: SharedBuffer) -> None:
    """Write the stack for the parent when a fatal signal arrives, or the end of `time_limit`."""
    faulthandler.enable(fault_log.fileno())
    signal.signal(signal.SIGALRM, signal.SIG_DFL)  # the agent's own parent may have ignored or blocked it
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGALRM})
    faulthandler.register(
        signal.SIGALRM, fault_log.fileno(), chain=True
    )  # afterwards the signal ends the process, its default action


@contextlib.contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """End this process, with its stack recorded, if the block takes longer; works even if native code holds the GIL.

    A system timer costs nothing; `faulthandler.dump_traceback_later` would start a thread each time.
    """
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def resident_bytes() -> int:
    """Return this process's own resident memory, without shared memory."""
    _, resident, shared, *_ = os.pread(_statm_descriptor(), MAX_STATM_BYTES, 0).split()
    return (int(resident) - int(shared)) * resource.getpagesize()


@functools.cache
def _statm_descriptor() -> int:
    """Return the descriptor of /proc/self/statm: opening it takes ten times as long as reading it."""
    return os.open("/proc/self/statm", os.O_RDONLY | os.O_CLOEXEC)
