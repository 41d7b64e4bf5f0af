"""The agent as users start it: a separate process, configured by its environment."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from testing.shared_data import PROJECT, shared

if TYPE_CHECKING:
    from collections.abc import Sequence

    from testing.recorder import Recorder

STOP_S: Final = 15.0
AGENT_ID: Final = "test"


class AgentProcess:
    """A running agent with a broker; `settings` are environment names without their prefix."""

    def __init__(self, port: int, **settings: str) -> None:
        self._resources = contextlib.ExitStack()
        self._made: Path | None = None
        defaults = {
            "MQTT__HOST": "127.0.0.1",
            "MQTT__PORT": str(port),
            "AGENT_ID": AGENT_ID,
            "POOL__WORKERS": "2",
            # most tests send one picture repeatedly
            "DOORBELLS__SKIP_DUPLICATES": "false",
            "DOORBELLS__SKIP_UNCHANGED": "false",
        }
        self._settings = {f"EDGE_AGENT_{name}": value for name, value in (defaults | settings).items()}
        self.environment: dict[str, str] = {}
        self.through: Sequence[str] = ()
        """The command that `start` starts it through."""
        self._process: subprocess.Popen[bytes] | None = None
        self._started_at = datetime.now(UTC)

    @classmethod
    def with_real_detector(cls, port: int, **settings: str) -> AgentProcess:
        """Return an agent with the default detector and its model from the test data."""
        return cls(port, MODELS__DIR=str(shared("models")), **settings)

    @classmethod
    def at_defaults(cls, port: int) -> AgentProcess:
        """Return an agent with default settings, except for the broker's address."""
        return cls(port, DOORBELLS__SKIP_DUPLICATES="true", DOORBELLS__SKIP_UNCHANGED="true")

    @classmethod
    def with_script(cls, port: int, script: dict[str, Any] | None = None, **settings: str) -> AgentProcess:
        """Return an agent whose detector plays a script."""
        return cls(port, DETECTION__STRATEGIES="mock", DETECTION__MOCK_SCRIPT=json.dumps(script or {}), **settings)

    def __enter__(self) -> Self:
        """Start it."""
        with contextlib.ExitStack() as undo:
            undo.push(self)
            self.start()
            undo.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop it like a service manager: ask, wait, kill."""
        if self._process is not None and self._process.poll() is None:
            self.signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.wait()
        self.kill()
        self._resources.close()

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self._process is not None
        return self._process.pid

    @property
    def log(self) -> str:
        """Its log."""
        return (self._folder / "log").read_text(encoding="utf-8")

    @property
    def _folder(self) -> Path:
        """The folder of its log and state."""
        if self._made is None:
            self._made = Path(self._resources.enter_context(tempfile.TemporaryDirectory(prefix="edge-agent-")))
            self._state.mkdir()
        return self._made

    @property
    def journal(self) -> Path:
        """The file of its press journal."""
        return self._state / f"{AGENT_ID}.presses.json"

    @property
    def _state(self) -> Path:
        return self._folder / "state"

    @property
    def _surroundings(self) -> dict[str, str]:
        return {**os.environ, "RUNTIME_DIRECTORY": str(self._state), **self.environment}

    def start(self) -> None:
        """Start or restart it."""
        self.start_in(*self.through)

    def start_in(self, *command: str, program: Sequence[str] = ("-m", "edge_agent", "run")) -> None:
        """Start it in place of a running one, through a command that prepares its environment."""
        self.kill()
        self._started_at = datetime.now(UTC)
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [*command, sys.executable, *program],
                env={**self._surroundings, "EDGE_AGENT_STATE__DIR": str(self._state), **self._settings},
                cwd=PROJECT,
                stdout=log,
                stderr=log,
            )

    def wait_until_ready(self, recorder: Recorder, workers: int = 2) -> None:
        """Wait until that many workers of this run, and not of an earlier one, accept frames."""

        def is_ready(health: dict[str, Any]) -> bool:
            return datetime.fromisoformat(health["started_at"]) >= self._started_at and _working(health) >= workers

        recorder.wait_for(f"edge_agent/{AGENT_ID}/health", is_ready)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal."""
        assert self._process is not None
        self._process.send_signal(number)

    def wait(self, timeout_s: float = STOP_S) -> int:
        """Wait for its end and return its exit code."""
        assert self._process is not None
        return self._process.wait(timeout_s)

    @property
    def exit_code(self) -> int | None:
        """Its exit code, or None while it runs."""
        assert self._process is not None
        return self._process.poll()

    def stop(self) -> int:
        """Stop it, and return its exit code."""
        self.signal(signal.SIGTERM)
        return self.wait()

    def healthcheck(self) -> subprocess.CompletedProcess[str]:
        """Run the container's healthcheck."""
        return subprocess.run(
            [sys.executable, "-m", "edge_agent", "healthcheck"],
            env=self._surroundings,
            cwd=PROJECT,
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )

    def kill(self) -> None:
        """Kill it."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait(STOP_S)


def _working(health: dict[str, Any]) -> int:
    return sum(worker["state"] in {"idle", "busy"} for worker in health["workers"])
