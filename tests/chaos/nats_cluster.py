"""Three nodes of NATS as one MQTT broker, each in a separate process on loopback ports."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path
from typing import Final, Self

import pytest

from testing.broker import free_port
from testing.waiting import wait_until

NODES: Final = 3
STOP_S: Final = 10.0
ACK_WAIT_S: Final = 5
"""The redelivery delay of a press whose agent died. NATS' default of 30 s is too long for a doorbell."""


class NatsCluster:
    """The nodes, by number; `ports` are those of MQTT."""

    def __init__(self) -> None:
        """Choose the ports; skip the test if NATS is not installed."""
        self._program = shutil.which("nats-server") or pytest.skip("nats-server is not installed")
        self._resources = contextlib.ExitStack()
        self._made: Path | None = None
        self._routes = [free_port() for _ in range(NODES)]
        self._clients = [free_port() for _ in range(NODES)]
        self.ports = [free_port() for _ in range(NODES)]
        self._processes: dict[int, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Self:
        """Start all nodes, and wait until they have elected a leader."""
        with contextlib.ExitStack() as undo:
            undo.push(self)
            for number in range(NODES):
                self.start(number)
            wait_until(lambda: "JetStream cluster new metadata leader" in self.log, timeout_s=60, why=lambda: self.log)
            undo.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop all nodes, and remove their files."""
        for number in list(self._processes):
            self.kill(number)
        self._resources.close()

    @property
    def log(self) -> str:
        """The log of all nodes."""
        return "".join(path.read_text(encoding="utf-8", errors="replace") for path in self._path.glob("*.log"))

    @property
    def _path(self) -> Path:
        if self._made is None:
            self._made = Path(self._resources.enter_context(tempfile.TemporaryDirectory(prefix="nats-")))
        return self._made

    def start(self, number: int) -> None:
        """Start or restart a node, and wait until it accepts connections."""
        config = self._path / f"{number}.conf"
        config.write_text(self._config(number), encoding="utf-8")
        with (self._path / f"{number}.log").open("ab") as log:
            self._processes[number] = subprocess.Popen([self._program, "-c", str(config)], stdout=log, stderr=log)
        wait_until(lambda: self._takes_connections(number), timeout_s=30, why=lambda: self.log)

    def kill(self, number: int) -> None:
        """Kill a node."""
        process = self._processes.pop(number)
        process.kill()
        process.wait(STOP_S)

    def _config(self, number: int) -> str:
        routes = ", ".join(f"nats-route://127.0.0.1:{port}" for port in self._routes)
        return (
            f"server_name: node{number}\nlisten: 127.0.0.1:{self._clients[number]}\n"
            f"jetstream {{ store_dir: {self._path / str(number)} }}\n"
            f'mqtt {{ listen: 127.0.0.1:{self.ports[number]}, ack_wait: "{ACK_WAIT_S}s" }}\n'
            f"cluster {{ name: test, listen: 127.0.0.1:{self._routes[number]}, routes: [{routes}] }}\n"
        )

    def _takes_connections(self, number: int) -> bool:
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", self.ports[number]), timeout=1).close()
            return True
        return False
