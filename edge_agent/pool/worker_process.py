"""A worker process, seen from the parent: start, messages, end."""

from __future__ import annotations

import atexit
import contextlib
import errno
import logging
import os
import select
import signal
import threading
from typing import TYPE_CHECKING, Final

from edge_agent.domain import Pictures
from edge_agent.pool.fork_server import kill_server, launch
from edge_agent.pool.model_memory import models_of
from edge_agent.reasons import ExitReason, WorkerExit
from edge_agent.wire import Detected, FromWorker, SharedBuffer, ToWorker, WorkerSpec, decode_from_worker, encode

if TYPE_CHECKING:
    from collections.abc import Iterable
    from multiprocessing.connection import Connection
    from multiprocessing.context import BaseContext
    from multiprocessing.process import BaseProcess

log = logging.getLogger(__name__)

EXIT_WAIT_S: Final = 0.5
"""Time for the exit code of a process that has ended to arrive through the fork server."""
STACK_BYTES: Final = 4000
FATAL: Final = "Fatal"
"""The first words that faulthandler writes on a signal; it gives no code."""
_CRASHES: Final = (signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGSEGV, signal.SIGSYS)
_SIGNALS: Final = {int(signal.SIGKILL): ExitReason.KILLED} | {int(each): ExitReason.CRASHED for each in _CRASHES}

_running: Final[set[WorkerProcess]] = set()
"""Not reaped yet."""
_exiting: Final = threading.Event()
"""This process exits: no worker is started any more."""


def enter(  # noqa: PLR0913, PLR0917 - everything that a worker gets
    pipe: Connection,
    buffer: SharedBuffer,
    spec: bytes,
    life: Connection,
    fault_log: SharedBuffer,
    models: tuple[SharedBuffer, ...],
) -> None:
    """Run in the child: import the worker's code only there, so that the parent never loads it."""
    from edge_agent.worker.main import serve  # noqa: PLC0415 - only a worker process loads OpenCV and a detector

    serve(pipe, buffer, spec, life, fault_log, models)


class WorkerProcess:
    """One worker process with its pipe and its shared buffer."""

    def __init__(
        self, process: BaseProcess, pipe: Connection, buffer: SharedBuffer, life: Connection, fault_log: SharedBuffer
    ) -> None:
        self.pipe = pipe
        self.pid = int(process.pid or 0)
        self.pidfd = os.pidfd_open(self.pid)
        self._process = process
        self._buffer = buffer
        self._life = life
        self._fault_log = fault_log
        self._spoken = select.poll()  # Connection.poll creates a new selector on each call
        self._spoken.register(pipe.fileno(), select.POLLIN)
        _running.add(self)

    @classmethod
    def start(cls, context: BaseContext, spec: WorkerSpec) -> WorkerProcess:
        """Start a worker; raise OSError if the system has no process, memory or file descriptor left."""
        if _exiting.is_set():
            raise OSError(errno.ECANCELED, "this process exits")
        models, data = models_of(spec), _encoded(spec)
        with contextlib.ExitStack() as on_failure, contextlib.ExitStack() as child_ends:
            pipe, child_pipe = context.Pipe()
            on_failure.callback(pipe.close)
            child_ends.callback(child_pipe.close)
            child_life, life = context.Pipe(duplex=False)
            on_failure.callback(life.close)
            child_ends.callback(child_life.close)
            buffer, fault_log = SharedBuffer.create(), SharedBuffer.create()
            on_failure.callback(buffer.close)
            on_failure.callback(fault_log.close)
            arguments = (child_pipe, buffer, data, child_life, fault_log, models)
            process = launch(context, f"edge-agent-worker-{spec.slot}", enter, arguments)
            worker = cls(process, pipe, buffer, life, fault_log)
            on_failure.pop_all()
            return worker

    def assign(self, message: ToWorker, images: Iterable[bytes]) -> None:
        """Send tasks with their pictures, one behind the other; raise OSError if the worker has ended."""
        self._buffer.trim()
        start = 0
        for image in images:
            self._buffer.write(image, start)
            start += len(image)
        self.pipe.send_bytes(encode(message))

    def send(self, message: ToWorker) -> None:
        """Send a message without a picture; raise OSError if the worker has ended."""
        self.pipe.send_bytes(encode(message))

    def poll(self) -> bool:
        """Return whether the pipe holds a message, or has ended."""
        return bool(self._spoken.poll(0))

    def receive(self) -> FromWorker:
        """Return the next message in the pipe; raise EOFError or OSError at its end."""
        return decode_from_worker(self.pipe.recv_bytes())

    def pictures(self, answer: Detected) -> Pictures:
        """Return the pictures of a result."""
        size = answer.snapshot_size + answer.best_face_size
        data = self._buffer.read(size, answer.pictures_offset) if size else b""
        return Pictures(data[: answer.snapshot_size], data[answer.snapshot_size :])

    def kill(self) -> None:
        """Kill the process."""
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self.pidfd, signal.SIGKILL)

    def wait(self, timeout_s: float) -> bool:
        """Wait for the end of the process, at most this long; return whether it has ended."""
        ended, _, _ = select.select([self.pidfd], [], [], max(0.0, timeout_s))
        return bool(ended)

    def reap(self) -> WorkerExit:
        """Release the resources of a process that has ended, and return how it ended."""
        self._process.join(EXIT_WAIT_S)
        code, stack, pid = self._process.exitcode, self._stack(), self.pid
        self.kill()
        _running.discard(self)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(
                pid, os.WNOHANG
            )  # it became our child if the fork server died and we are the container's first process
        os.close(self.pidfd)
        with contextlib.suppress(ValueError):
            self._process.close()
        for end in (self.pipe, self._life, self._buffer, self._fault_log):
            end.close()
        if stack:
            log.error("a worker (process %d) ended with this stack:\n%s", pid, stack)
        return exit_of(code, stack)

    def _stack(self) -> str:
        return self._fault_log.read_available(STACK_BYTES).decode(errors="replace").strip("\0\n ")


def _encoded(spec: WorkerSpec) -> bytes:
    try:
        return encode(spec)
    except UnicodeEncodeError as error:
        raise OSError(errno.EILSEQ, "the path of its model is not UTF-8") from error


@atexit.register
def kill_all() -> None:
    """Kill every worker of this process: multiprocessing's own exit handler waits for them without a limit."""
    _exiting.set()
    for worker in tuple(_running):
        worker.kill()
    kill_server()


def exit_of(code: int | None, stack: str = "") -> WorkerExit:
    """Return the meaning of an exit code of multiprocessing (negative: a signal); `stack` is faulthandler's output.

    A stack without a fatal error means that the worker timed out, also if a dead fork server gives no exit code.
    """
    if code == -signal.SIGALRM or (stack and not stack.startswith(FATAL)):
        return WorkerExit(ExitReason.TIMED_OUT, "in time, and ended itself")
    if code is None:
        return WorkerExit(ExitReason.VANISHED)
    if code < 0:
        return WorkerExit(_SIGNALS.get(-code, ExitReason.SIGNALLED), signal.Signals(-code).name)
    return WorkerExit(ExitReason.EXITED, str(code))
