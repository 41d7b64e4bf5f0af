"""A capture process as the parent holds it: started, read, stopped."""

from __future__ import annotations

import atexit
import contextlib
import errno
import multiprocessing
import os
import select
import signal
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import msgspec

from edge_agent.capture.reports import Report, decode

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from multiprocessing.process import BaseProcess

    from edge_agent.capture.camera import CameraSpec
    from edge_agent.logs.handler import Format
    from edge_agent.mqtt.access import BrokerAccess

REAP_S: Final = 0.5
_running: Final[set[CaptureProcess]] = set()
"""Not reaped yet."""
_exiting: Final = threading.Event()
"""This process exits: no capture process is started any more."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all capture processes of an agent share; no settings, which load pydantic."""

    agent_id: str
    mqtt: BrokerAccess
    log_level: str
    log_format: Format


@dataclass(frozen=True, slots=True)
class Start:
    """What a process is given: its camera, as msgpack, and the rest."""

    spec: bytes
    surroundings: Surroundings


def enter(pipe: Connection, life: Connection, start: Start) -> None:
    """Run in the child, which loads the code of the capture worker."""
    from edge_agent.capture.child import serve  # noqa: PLC0415 - the parent never loads what decodes a stream

    serve(pipe, life, start)


class CaptureProcess:
    """One process. It is spawned, not forked: it shares nothing with the detectors' fork server."""

    def __init__(self, process: BaseProcess, pipe: Connection, life: Connection) -> None:
        self.pipe = pipe
        self.pid = int(process.pid or 0)
        self.pidfd = os.pidfd_open(self.pid)
        self._process = process
        self._life = life
        _running.add(self)

    @classmethod
    def start(cls, spec: CameraSpec, surroundings: Surroundings) -> CaptureProcess:
        """Start a process; raise OSError when the system gives none."""
        if _exiting.is_set():
            raise OSError(errno.ECANCELED, "this process exits")
        context = multiprocessing.get_context("spawn")
        with contextlib.ExitStack() as on_failure:
            pipe, child_pipe = context.Pipe(duplex=False)
            child_life, life = context.Pipe(duplex=False)
            for end in (pipe, life):
                on_failure.callback(end.close)
            with child_pipe, child_life:
                start = Start(msgspec.msgpack.encode(spec), surroundings)
                process = context.Process(
                    target=enter, args=(child_pipe, child_life, start), name=f"camera-{spec.doorbell}", daemon=True
                )
                process.start()
            started = cls(process, pipe, life)
            on_failure.pop_all()
            return started

    def receive(self) -> Report | None:
        """Return a report that lies in the pipe, None if it is none or the pipe has ended."""
        try:
            return decode(self.pipe.recv_bytes(maxlength=10_000)) if self.pipe.poll() else None
        except (EOFError, OSError, msgspec.MsgspecError):
            return None

    def has_ended(self) -> bool:
        """Return whether the process is gone."""
        return bool(select.select([self.pidfd], [], [], 0)[0])

    def stop(self) -> None:
        """Ask the process to end."""
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """End the process now."""
        self._signal(signal.SIGKILL)

    def reap(self) -> int | None:
        """Release everything of a process that has ended; return its exit code."""
        self._process.join(REAP_S)
        code = self._process.exitcode
        self.kill()
        _running.discard(self)
        os.close(self.pidfd)
        with contextlib.suppress(ValueError):
            self._process.close()
        self.pipe.close()
        self._life.close()
        return code

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self.pidfd, number)


@atexit.register
def kill_all() -> None:
    """Kill every capture process: multiprocessing's own exit handler waits for them without a limit."""
    _exiting.set()
    for process in tuple(_running):
        process.kill()
