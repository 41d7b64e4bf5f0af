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

from tests.programs import program

if TYPE_CHECKING:
    import signal
    from collections.abc import Iterator

START_S: Final = 10.0
STOP_S: Final = 10.0
POLL_INTERVAL_S: Final = 0.02
OWN_PORTS: Final = range(20_000, 32_000)
"""Below those that Linux gives to outgoing connections: a broker that is started again finds its port free."""
PASSWORD: Final = "let me in"
"""Of every user in tests."""


class Mosquitto:
    """One broker. Its port and what it keeps on disk stay the same over `stop`, `kill` and `start`."""

    def __init__(self, *config: str, port: int | None = None) -> None:
        """Take lines of mosquitto.conf; what they leave open is as tests want it."""
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
        """End it, and remove what it left on disk."""
        self.stop()
        self._resources.close()

    @property
    def folder(self) -> Path:
        """Where its configuration, its log and its database are."""
        if self._folder is None:
            self._folder = Path(self._resources.enter_context(tempfile.TemporaryDirectory(prefix="mosquitto-")))
        return self._folder

    @property
    def log(self) -> str:
        """What it has logged since its first start."""
        return (self.folder / "log").read_text(encoding="utf-8", errors="replace")

    def start(self) -> None:
        """Start it and return when it takes connections; skip the test where mosquitto is not installed."""
        command = program("mosquitto")
        config = self.folder / "mosquitto.conf"
        config.write_text("\n".join(self._lines()) + "\n", encoding="utf-8")
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen([command, "-v", "-c", str(config)], stdout=log, stderr=log)
        self._wait_until_ready()

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal: at SIGHUP it reads its access list again."""
        if self._process is not None:
            self._process.send_signal(number)

    def stop(self) -> None:
        """End it as an administrator would: it keeps what it must."""
        self._end(kill=False)

    def kill(self) -> None:
        """End it as a power cut would."""
        self._end(kill=True)

    def _lines(self) -> Iterator[str]:
        """Return its configuration."""
        yield f"listener {self.port} {self.host}"
        if os.geteuid() == 0:
            yield "user root"  # as whom else it could not read its folder
        usual = {"allow_anonymous": "true", "persistence_location": f"{self.folder}/"}
        given = {line.split()[0] for line in self._config if line.strip()}
        yield from (f"{name} {value}" for name, value in usual.items() if name not in given)
        yield from self._config

    def _ports(self) -> Iterator[int]:
        """Return where it listens."""
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
    """Give a user of mosquitto the password of tests."""
    command = program("mosquitto_passwd", "mosquitto")
    create = [] if file.exists() else ["-c"]
    subprocess.run([command, *create, "-b", str(file), user, PASSWORD], check=True, capture_output=True, timeout=30)


def free_port() -> int:
    """Return a loopback port that nobody listens on, and that the system gives to no connection meanwhile."""
    while True:
        port = random.SystemRandom().choice(OWN_PORTS)
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
