"""Starts processes: forked from a server that has loaded the heavy libraries, with a time limit on its answer."""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import os
import signal
import threading
import time
from multiprocessing import forkserver
from typing import TYPE_CHECKING, Any, Final

import psutil

from edge_agent.errors import NoThreadError
from edge_agent.platform.temporary_folder import temporary_folder
from edge_agent.platform.threads import start_thread

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from multiprocessing.context import BaseContext
    from multiprocessing.process import BaseProcess

log = logging.getLogger(__name__)

POLL_INTERVAL_S: Final = 0.1
LONGEST_S: Final = 30.0
"""Time limit for the server's answer: at first it loads its libraries, perhaps from a slow SD card."""


def prepare(max_pixels: int) -> BaseContext:
    """Return the start method for workers, with numpy and OpenCV loaded once in the fork server.

    A forked worker is ready in a tenth of the time of a spawned one, and shares memory. The server must load nothing
    that starts a thread. The libraries read these variables when they are loaded.
    """
    os.environ |= {
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
        "OPENCV_IO_MAX_IMAGE_PIXELS": str(max_pixels),
        "OPENCV_LOG_LEVEL": "ERROR",
    }
    if temporary_folder() is None:  # the fork server needs a place for its socket
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["edge_agent.worker.main"])
    return context


def launch(context: BaseContext, name: str, target: Callable[..., None], arguments: tuple[Any, ...]) -> BaseProcess:
    """Start a process by the fork server, or by spawn if the server does not answer; raise OSError if both fail."""
    process: BaseProcess
    try:
        process = context.Process(target=target, args=arguments, name=name, daemon=True)  # type: ignore[attr-defined]
        with _watched():
            process.start()
    except (OSError, EOFError) as error:
        log.warning("the fork server does not answer (%s); starting a worker without it", error)
        process = multiprocessing.get_context("spawn").Process(target=target, args=arguments, name=name, daemon=True)
        _spawn(process)
    return process


def kill_server() -> None:
    """Kill the fork server, if there is one: it ends with this process by itself, but not while it is stopped."""
    pid = forkserver._forkserver._forkserver_pid  # type: ignore[attr-defined] # noqa: SLF001 - no public name
    if pid is not None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _spawn(process: BaseProcess) -> None:
    try:
        process.start()
    except BlockingIOError as error:
        raise NoThreadError from error


@contextlib.contextmanager
def _watched() -> Iterator[None]:
    """Kill a fork server that does not answer within the time limit: multiprocessing's own wait has none."""
    done = threading.Event()
    watcher = threading.Thread(target=_kill_when_stuck, args=(done,), name="fork-server-watch", daemon=True)
    start_thread(watcher)
    try:
        yield
    finally:
        done.set()
        watcher.join()


def _kill_when_stuck(done: threading.Event) -> None:
    give_up_s = time.monotonic() + LONGEST_S
    while not done.wait(POLL_INTERVAL_S):
        pid = forkserver._forkserver._forkserver_pid  # type: ignore[attr-defined] # noqa: SLF001 - no public name
        if pid is not None and (time.monotonic() >= give_up_s or _is_stopped(pid)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def _is_stopped(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() == psutil.STATUS_STOPPED)
    except psutil.Error:
        return False
