"""How processes are started: forked from a server that has the heavy libraries loaded, and never waited for in vain."""

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
"""How long the server may take: the first time it loads its libraries, from an SD card on a small board."""


def prepare(max_pixels: int) -> BaseContext:
    """Return the way to start workers, with numpy and OpenCV loaded once in the fork server.

    A forked worker is ready in a tenth of the time of a spawned one and shares its memory. Nothing that starts
    a thread may be loaded there, and the libraries read these variables when they are loaded.
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
    """Start a process through the fork server, or afresh where that does not answer; raise OSError if both fail."""
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


def _spawn(process: BaseProcess) -> None:
    try:
        process.start()
    except BlockingIOError as error:
        raise NoThreadError from error


@contextlib.contextmanager
def _watched() -> Iterator[None]:
    """Kill the fork server while the block waits for one that is stopped or hangs: the wait has no limit of its own."""
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
        pid = forkserver._forkserver._forkserver_pid  # type: ignore[attr-defined] # noqa: SLF001 - nothing public names it
        if pid is not None and (time.monotonic() >= give_up_s or _is_stopped(pid)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def _is_stopped(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() == psutil.STATUS_STOPPED)
    except psutil.Error:
        return False
