"""Tests whether a detector works, in a process of its own, since a bad library or driver may crash or hang."""

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
"""A probe has no slot."""


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """The result of a probe: the times of loading and of one inference, or why the detector is unavailable."""

    load_ms: float = 0.0
    inference_ms: float = 0.0
    fault: DetectorFault | None = None

    @property
    def works(self) -> bool:
        """Return whether the detector works."""
        return self.fault is None


class Probe:
    """One test of one detector."""

    def __init__(self, process: WorkerProcess) -> None:
        self.pidfd = process.pidfd
        self._process = process

    @classmethod
    def start(cls, context: BaseContext, choice: DetectorChoice, max_pixels: int) -> Probe:
        """Start the test; raise OSError if the system has no process, memory or file descriptor left."""
        spec = WorkerSpec(SLOT, (choice,), max_pixels, memory_limit_bytes=0, probe=True)
        return cls(WorkerProcess.start(context, spec))

    def wait(self, timeout_s: float) -> bool:
        """Wait for the end of the test, at most this long; return whether it has ended."""
        return self._process.wait(timeout_s)

    def kill(self) -> None:
        """Kill the test."""
        self._process.kill()

    def result(self) -> ProbeResult:
        """Return the result of a test that has ended, and release its resources."""
        said = [message for message in self._messages() if isinstance(message, Ready | Unusable)]
        end = self._process.reap()
        match said:
            case [Ready(load_ms=load_ms, inference_ms=inference_ms)]:
                return ProbeResult(load_ms, inference_ms)
            case [Unusable(unavailable=[*_, last])]:
                return ProbeResult(fault=last.fault)
            case _:
                return ProbeResult(fault=end.as_detector_fault())

    def _messages(self) -> Iterator[FromWorker]:
        with contextlib.suppress(EOFError, OSError, msgspec.MsgspecError):
            while self._process.poll():
                yield self._process.receive()


def probe_all(choices: Iterable[DetectorChoice], max_pixels: int, timeout_s: float) -> Iterator[ProbeResult]:
    """Test the detectors one after the other, and yield the results."""
    context = prepare(max_pixels)
    for choice in choices:
        began_s = time.monotonic()
        probe = Probe.start(context, choice, max_pixels)
        in_time = probe.wait(timeout_s)
        probe.kill()
        probe.wait(timeout_s)
        result = probe.result()
        took_s = time.monotonic() - began_s
        yield (
            result
            if in_time
            else ProbeResult(fault=DetectorFault(UnavailableReason.TIMED_OUT, f"within {took_s:.0f} s"))
        )
