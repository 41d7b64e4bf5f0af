"""A real mosquitto for tests: on a free loopback port, started, stopped, killed and started again."""

from __future__ import annotations

import contextlib
import os
import random
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from testing.programs import program

if TYPE_CHECKING:
    import signal
    from collections.abc import Iterator

START_S: Final = 10.0
STOP_S: Final = 10.0
POLL_INTERVAL_S: Final = 0.02
OWN_PORTS: Final = range(20_000, 32_000)
"""Below Linux's ephemeral ports: a restarted broker finds its port free."""
PASSWORD: Final = "let me in"
"""The password of every user in tests."""


class Mosquitto:
    """One broker. Its port and its files on disk are kept over `stop`, `kill` and `start`."""

    def __init__(self, *config: str, port: int | None = None) -> None:
        """Take lines of mosquitto.conf; missing ones get the tests' defaults."""
        self.host = "127.0.0.1"
        self.port = port or free_port()
        self._config = config
        self._resources = contextlib.ExitStack()
        self._folder: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        """Start it."""
        with contextlib.ExitStack() as undo:
            undo.push(self)
            self.start()
            undo.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop it, and remove its files."""
        self.stop()
        self._resources.close()

    @property
    def folder(self) -> Path:
        """The folder of its configuration, log and database."""
        if self._folder is None:
            self._folder = Path(self._resources.enter_context(tempfile.TemporaryDirectory(prefix="mosquitto-")))
        return self._folder

    @property
    def log(self) -> str:
        """Its log since the first start."""
        return (self.folder / "log").read_text(encoding="utf-8", errors="replace")

    def configure(self, *config: str) -> None:
        """Replace its configuration: for the next start, or for SIGHUP where mosquitto reads a line again."""
        self._config = config
        self._write_config()

    def start(self) -> None:
        """Start it and return when it accepts connections; skip the test if mosquitto is not installed."""
        command = program("mosquitto")
        config = self._write_config()
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen([command, "-v", "-c", str(config)], stdout=log, stderr=log)
        self._wait_until_ready()

    def signal(self, number: signal.Signals) -> None:
        """Send a signal: SIGHUP reloads the access list."""
        if self._process is not None:
            self._process.send_signal(number)

    def stop(self) -> None:
        """Stop it like an administrator: it saves its state."""
        self._end(kill=False)

    def kill(self) -> None:
        """Kill it."""
        self._end(kill=True)

    def _write_config(self) -> Path:
        config = self.folder / "mosquitto.conf"
        config.write_text("\n".join(self._lines()) + "\n", encoding="utf-8")
        return config

    def _lines(self) -> Iterator[str]:
        """Return its configuration."""
        yield f"listener {self.port} {self.host}"
        if os.geteuid() == 0:
            yield "user root"  # other users could not read its folder
        usual = {"allow_anonymous": "true", "persistence_location": f"{self.folder}/"}
        given = {line.split()[0] for line in self._config if line.strip()}
        yield from (f"{name} {value}" for name, value in usual.items() if name not in given)
        yield from self._config

    def _ports(self) -> Iterator[int]:
        """Return its ports."""
        yield self.port
        yield from (int(line.split()[1]) for line in self._config if line.startswith("listener "))

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline and self._process and self._process.poll() is None:
            with contextlib.suppress(OSError):
                for port in self._ports():
                    socket.create_connection((self.host, port), timeout=1).close()
                return
            time.sleep(POLL_INTERVAL_S)
        self.kill()
        message = f"mosquitto does not start:\n{self.log}"
        raise RuntimeError(message)

    def _end(self, *, kill: bool) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        if kill:
            process.kill()
        else:
            process.terminate()
        process.wait(STOP_S)


def set_password(file: Path, user: str) -> None:
    """Set the tests' password for a user of mosquitto."""
    command = program("mosquitto_passwd", "mosquitto")
    create = [] if file.exists() else ["-c"]
    subprocess.run([command, *create, "-b", str(file), user, PASSWORD], check=True, capture_output=True, timeout=30)


def free_port() -> int:
    """Return a free loopback port outside the ephemeral range."""
    while True:
        port = random.SystemRandom().choice(OWN_PORTS)
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
