"""Ends and starts the agent of a storm, and records how it ended."""

from __future__ import annotations

import signal
import subprocess
import time
from collections import Counter
from typing import TYPE_CHECKING, Final

from testing.processes import descendants, is_alive

if TYPE_CHECKING:
    from testing.agent_process import AgentProcess

EXIT_S: Final = 5.0
GIVE_UP_S: Final = 30.0
ENDED_BY_SIGTERM: Final = frozenset({0, -signal.SIGTERM, 128 + signal.SIGTERM})
"""A signal during the start ends it at once."""


class Restarts:
    """Restarts one agent. `faults` are the ends that must not happen."""

    def __init__(self, agent: AgentProcess) -> None:
        self._agent = agent
        self.exit_codes: Counter[str] = Counter()
        self.longest_s = 0.0
        self.faults: list[str] = []

    def kill(self) -> None:
        """Kill it and start it again."""
        self._agent.kill()
        self._agent.start()

    def start(self) -> None:
        """Start it."""
        self._agent.start()

    def terminate(self, *, may_fail: bool = False) -> None:
        """Stop it as a service manager does; it and all that it started must be gone in time.

        It `may_fail` if it has no threads; then it may be about to end with exit code 1.
        """
        began_s, processes = time.monotonic(), descendants(self._agent.pid)
        self._agent.signal(signal.SIGTERM)
        try:
            code = self._agent.wait(GIVE_UP_S)
        except subprocess.TimeoutExpired:
            self.faults.append(f"it does not end within {GIVE_UP_S:g} s of SIGTERM")
            return
        while any(map(is_alive, processes)) and time.monotonic() < began_s + GIVE_UP_S:
            time.sleep(0.02)
        took_s = time.monotonic() - began_s
        self.longest_s = max(self.longest_s, took_s)
        self.exit_codes[f"SIGTERM: {code}"] += 1
        if code not in ENDED_BY_SIGTERM | ({1} if may_fail else set()) or took_s > EXIT_S:
            self.faults.append(f"SIGTERM: code {code} after {took_s:.1f} s")

    def revive(self, *, may_end: bool) -> None:
        """Start it again if it ended by itself, which it may only with exit code 1 and under some faults."""
        code = self._agent.exit_code
        if code is None:
            return
        self.exit_codes[f"by itself: {code}"] += 1
        if not may_end or code != 1:
            self.faults.append(f"it ended by itself with code {code}: {self._agent.log[-2000:]}")
        self._agent.start()
