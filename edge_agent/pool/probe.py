"""Whether a detector works here: tried in a process of its own, since a bad library or driver may crash or hang it."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import msgspec

from edge_agent.pool.fork_server import prepare
from edge_agent.pool.worker_process import WorkerProcess
from edge_agent.reasons import DetectorFault, UnavailableReason
from edge_agent.wire import FromWorker, Ready, Unusable, WorkerSpec

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from multiprocessing.context import BaseContext

    from edge_agent.wire import DetectorChoice

SLOT: Final = -1
"""A probe holds none."""


@dataclass(frozen=True, slots=True)
class Probed:
    """What a probe found: how long loading and one look took, or why the detector is unavailable."""

    load_ms: float = 0.0
    look_ms: float = 0.0
    fault: DetectorFault | None = None

    @property
    def works(self) -> bool:
        """Return whether the detector can be used."""
        return self.fault is None


class Probe:
    """One trial of one detector."""

    def __init__(self, process: WorkerProcess) -> None:
        self.pidfd = process.pidfd
        self._process = process

    @classmethod
    def start(cls, context: BaseContext, choice: DetectorChoice, max_pixels: int) -> Probe:
        """Begin a trial; raise OSError when the system gives no process, memory or descriptor."""
        spec = WorkerSpec(SLOT, (choice,), max_pixels, memory_limit_bytes=0, probe=True)
        return cls(WorkerProcess.start(context, spec))

    def wait(self, timeout_s: float) -> bool:
        """Return whether the trial has ended within so long."""
        return self._process.wait(timeout_s)

    def kill(self) -> None:
        """End the trial now."""
        self._process.kill()

    def result(self) -> Probed:
        """Return what came of a trial that has ended, and release everything of it."""
        said = [message for message in self._messages() if isinstance(message, Ready | Unusable)]
        end = self._process.bury()
        match said:
            case [Ready(load_ms=load_ms, look_ms=look_ms)]:
                return Probed(load_ms, look_ms)
            case [Unusable(unavailable=[*_, last])]:
                return Probed(fault=last.fault)
            case _:
                return Probed(fault=end.as_detector_fault())

    def _messages(self) -> Iterator[FromWorker]:
        with contextlib.suppress(EOFError, OSError, msgspec.MsgspecError):
            while self._process.has_spoken():
                yield self._process.receive()


def probe_all(choices: Iterable[DetectorChoice], max_pixels: int, timeout_s: float) -> Iterator[Probed]:
    """Yield what a trial of each detector finds, one after the other."""
    context = prepare(max_pixels)
    for choice in choices:
        began_s = time.monotonic()
        probe = Probe.start(context, choice, max_pixels)
        in_time = probe.wait(timeout_s)
        probe.kill()
        probe.wait(timeout_s)
        result = probe.result()
        took_s = time.monotonic() - began_s
        yield result if in_time else Probed(fault=DetectorFault(UnavailableReason.TIMED_OUT, f"within {took_s:.0f} s"))
