"""The supervisor of capture processes: one thread of the parent, which starts, reads, stops and restarts them."""

from __future__ import annotations

import os
import select
import threading
import time
from typing import TYPE_CHECKING, Final

from edge_agent.capture.camera import CaptureReason
from edge_agent.capture.process import CaptureProcess
from edge_agent.capture.slot import CameraSlot
from edge_agent.capture.views import CamerasChanged
from edge_agent.errors import reason_of
from edge_agent.platform.threads import start_thread
from edge_agent.pool.worker_process import exit_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from edge_agent.capture.camera import CameraSpec
    from edge_agent.capture.process import Surroundings

VIEW_S: Final = 5.0
"""Figures are passed on this often."""
POLL_INTERVAL_S: Final = 1.0
STOP_S: Final = 0.7
"""Time for the processes to disconnect; an exit of the agent has a few seconds in all."""


class Cameras:
    """All cameras of an agent; `report` is told of changes on the supervisor's thread."""

    def __init__(
        self, specs: Iterable[CameraSpec], surroundings: Surroundings, report: Callable[[CamerasChanged], None]
    ) -> None:
        now = time.monotonic()
        self._slots = [CameraSlot(spec, last_report_s=now, away_since_s=now) for spec in specs]
        self._surroundings = surroundings
        self._report = report
        self._processes: dict[int, CaptureProcess] = {}
        """By the slot's index."""
        self._told: tuple[object, ...] = ()
        self._told_s = 0.0
        self._stopping = threading.Event()
        self._wake_r, self._wake_w = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._thread = threading.Thread(target=self._run, name="camera-supervisor", daemon=True)

    def start(self) -> None:
        """Start every camera, in the background."""
        if self._slots:
            start_thread(self._thread)

    def stop(self) -> None:
        """End every process."""
        self._stopping.set()
        os.write(self._wake_w, b"x")
        if self._thread.is_alive():
            self._thread.join(2 * STOP_S)

    def _run(self) -> None:
        while not self._stopping.is_set():
            now = time.monotonic()
            for number, slot in enumerate(self._slots):
                self._supervise(number, slot, now)
            self._publish(now)
            self._wait()
        self._end_all()

    def _supervise(self, number: int, slot: CameraSlot, now: float) -> None:
        if slot.is_start_due(now):
            self._start(number, slot, now)
        process = self._processes.get(number)
        if process is None:
            return
        while (report := process.receive()) is not None:
            slot.on_report(report, now)
        if process.has_ended():
            self._reap(number, slot, now)
        elif (reason := slot.reason_to_kill(now)) is not None:
            slot.ending = reason
            process.kill()

    def _start(self, number: int, slot: CameraSlot, now: float) -> None:
        try:
            process = CaptureProcess.start(slot.spec, self._surroundings)
        except OSError as error:
            slot.on_exit(now, reason_of(error), reason=CaptureReason.START_FAILED)
        else:
            self._processes[number] = process
            slot.on_started(process.pid, now)

    def _reap(self, number: int, slot: CameraSlot, now: float) -> None:
        slot.on_exit(now, exit_of(self._processes.pop(number).reap()).text)

    def _publish(self, now: float) -> None:
        views = tuple(slot.view(now) for slot in self._slots)
        essence = tuple(view.essence for view in views)
        if essence == self._told and now - self._told_s < VIEW_S:
            return
        self._told, self._told_s = essence, now
        self._report(CamerasChanged(views))

    def _wait(self) -> None:
        ends = [end for each in self._processes.values() for end in (each.pipe.fileno(), each.pidfd)]
        select.select([self._wake_r, *ends], [], [], POLL_INTERVAL_S)

    def _end_all(self) -> None:
        for process in self._processes.values():
            process.stop()
        deadline_s = time.monotonic() + STOP_S
        for process in self._processes.values():
            select.select([process.pidfd], [], [], max(0.0, deadline_s - time.monotonic()))
            process.kill()
            process.reap()
