"""The heartbeat: written to a file and sent to the service manager's watchdog while all threads are alive."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from edge_agent.platform.heartbeat_file import (
    HEARTBEAT_INTERVAL_S,
    Heartbeat,
    HeartbeatFile,
    runtime_folder,
    stale_parts,
    this_process,
)
from edge_agent.platform.systemd import READY, STOPPING, WATCHDOG, SystemdNotifier

if TYPE_CHECKING:
    from edge_agent.mqtt.link import Link
    from edge_agent.pool import Pool


class Liveness:
    """Checks each part for signs of life, on the agent's own thread."""

    def __init__(
        self,
        pool: Pool,
        link: Link,
        file: HeartbeatFile,
        manager: SystemdNotifier,
    ) -> None:
        self._pool = pool
        self._link = link
        self._file = file
        self._manager = manager
        self._process = this_process()
        self.last_run_s = file.last_beat_s(time.monotonic())
        """When the run before this one was alive last, or None if that is unknown."""
        self._due_s = 0.0
        self._ready = False
        self._status = ""

    @classmethod
    def for_this_process(cls, pool: Pool, link: Link, agent_id: str) -> Liveness:
        """Return the liveness of this process, with its runtime folder and service manager."""
        return cls(pool, link, HeartbeatFile(runtime_folder(), agent_id), SystemdNotifier.from_environment())

    @property
    def fault(self) -> str:
        """Return why the heartbeat file cannot be written, or ''."""
        return self._file.fault

    def next_due_s(self) -> float:
        """Return when the next heartbeat is due."""
        return self._due_s

    def tick(self, now: float, status: str) -> None:
        """Write a heartbeat if one is due; `status` describes the agent in one line."""
        if now >= self._due_s:
            self._due_s = now + HEARTBEAT_INTERVAL_S
            self.beat(now, status)

    def beat(self, now: float, status: str) -> bool:
        """Write a heartbeat; notify the service manager and return True if all parts are alive."""
        pool, link_s = self._pool.liveness(), self._link.alive_s()
        beat = Heartbeat(now, pool.supervisor_s, link_s, pool.worker_s, self._process)
        self._file.write(beat)
        if stale_parts(beat, now):
            return False
        changed = () if status == self._status else (f"STATUS={status}",)
        ready = () if self._ready else (READY,)
        self._manager.notify(*ready, *changed, WATCHDOG)
        self._ready, self._status = True, status
        return True

    def stop(self) -> None:
        """Notify the service manager that the agent is about to exit."""
        self._manager.notify(STOPPING, "STATUS=finishing the frames in progress")

    def end(self) -> None:
        """Remove the heartbeat file."""
        self._file.remove()
