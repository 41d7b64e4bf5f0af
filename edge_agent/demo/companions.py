"""The two processes of a first look, as the parent holds them."""

from __future__ import annotations

import subprocess
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final, Self

from edge_agent.errors import DemoUnavailableError, SettingsError
from edge_agent.ingest.image_header import IMAGE_SUFFIXES
from edge_agent.platform.import_path import python_command
from edge_agent.platform.installation import Extra, how_to_add
from edge_agent.platform.program_name import command

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

END_S: Final = 3.0
MISSING: Final = "no broker is configured, and the first look is not installed: name a broker (--host BROKER), or {add}"


class Companion:
    """A process that runs a module of this package, until its standard input closes: at `stop`, or when we die."""

    def __init__(self, module: str, *arguments: str) -> None:
        self._command = python_command("-m", f"edge_agent.demo.{module}", *arguments)
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        """Start it, with no part in what a terminal sends to ours."""
        self._process = subprocess.Popen(  # noqa: S603 - our own module
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
        )
        return self

    def __exit__(self, *_: object) -> None:
        """End it."""
        process, self._process = self._process, None
        if process is None or process.stdin is None:
            return
        process.stdin.close()
        try:
            process.wait(END_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()

    def read_line(self) -> str:
        """Return the next line that it prints, '' when it has ended."""
        output = self._process.stdout if self._process else None
        return output.readline().strip() if output else ""


class EmbeddedBroker(Companion):
    """A small MQTT 3.1.1 broker on a free loopback port: good for a first look, and for nothing else."""

    host = "127.0.0.1"

    def __init__(self) -> None:
        super().__init__("broker")
        self.port = 0

    def __enter__(self) -> Self:
        """Start it; raise FirstLookUnavailableError where it is not installed or does not start."""
        if find_spec("amqtt") is None:
            raise DemoUnavailableError(MISSING.format(add=how_to_add(Extra.FIRST_LOOK)))
        super().__enter__()
        port = self.read_line()
        if not port:
            self.__exit__()
            message = f"the embedded broker did not start; name a broker: {command('run', '--host', 'BROKER')}"
            raise DemoUnavailableError(message)
        self.port = int(port)
        return self


class SimulatedDoorbell(Companion):
    """A doorbell that plays a drawn porch with visitors, or the pictures of `folder`; now and then it is pressed."""

    def __init__(
        self, host: str, port: int, *, doorbell: str, folder: Path | None = None, visitors: Sequence[Path] = ()
    ) -> None:
        arguments = ["--host", host, "--port", str(port), "--doorbell", doorbell]
        shown = ["--folder", str(folder)] if folder else ["--portraits", *map(str, visitors)]
        super().__init__("doorbell", *arguments, *shown)


def check_pictures(folder: Path) -> None:
    """Raise SettingsError where a folder holds nothing that a doorbell could show."""
    if not folder.is_dir():
        message = f"there is no folder {folder}"
        raise SettingsError(message)
    if not any(file.suffix.lower() in IMAGE_SUFFIXES for file in folder.iterdir()):
        message = f"there is no JPEG or PNG in {folder}"
        raise SettingsError(message)
