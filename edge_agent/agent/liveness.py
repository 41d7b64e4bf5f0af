"""Beats as long as all threads live: into the heartbeat file, and for the service manager's watchdog."""

from __future__ import annotations

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
    """Asks each part for a sign of life, from the agent's own thread."""

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
        self._due_s = 0.0
        self._ready = False
        self._status = ""

    @classmethod
    def for_this_process(cls, pool: Pool, link: Link, agent_id: str) -> Liveness:
        """Return a heart that beats where this process is watched."""
        return cls(pool, link, HeartbeatFile(runtime_folder(), agent_id), SystemdNotifier.from_environment())

    @property
    def fault(self) -> str:
        """Return why the file cannot be written, or ''."""
        return self._file.fault

    def next_due_s(self) -> float:
        """Return when the next beat is due."""
        return self._due_s

    def tick(self, now: float, status: str) -> None:
        """Beat, if it is time; `status` is how the agent is, in a line."""
        if now >= self._due_s:
            self._due_s = now + HEARTBEAT_INTERVAL_S
            self.beat(now, status)

    def beat(self, now: float, status: str) -> bool:
        """Write a beat; tell the service manager and return True if all parts are fresh."""
        pool, link_s = self._pool.liveness(), self._link.alive_s()
        beat = Heartbeat(now, pool.supervisor_s, link_s, pool.worker_s, self._process)
        self._file.write(beat)
        if stale_parts(beat, now):
            return False
        news = () if status == self._status else (f"STATUS={status}",)
        first = () if self._ready else (READY,)
        self._manager.notify(*first, *news, WATCHDOG)
        self._ready, self._status = True, status
        return True

    def stop(self) -> None:
        """Tell that the agent is about to end."""
        self._manager.notify(STOPPING, "STATUS=finishing what is in work")

    def end(self) -> None:
        """Leave nothing behind."""
        self._file.remove()
