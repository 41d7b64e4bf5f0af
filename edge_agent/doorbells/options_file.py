"""What was chosen while the agent ran, in a small file that survives a power cut, and is begun anew when damaged."""

from __future__ import annotations

import contextlib
import logging
import os
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import msgspec
from platformdirs import user_state_path

from edge_agent.errors import SettingsError

log = logging.getLogger(__name__)

VERSION: Final = 1


class StoredOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The options that were set over MQTT, as the words that were sent: of the agent, and of each doorbell."""

    version: int = VERSION
    agent: dict[str, str] = {}
    doorbells: dict[str, dict[str, str]] = {}


def default_folder() -> Path:
    """Return the user's folder for state (XDG Base Directory Specification); raise SettingsError if there is none."""
    try:
        return user_state_path("edge-agent")
    except RuntimeError as error:
        message = "this user has no home directory to keep the options in: set state.dir (EDGE_AGENT_STATE__DIR)"
        raise SettingsError(message) from error


def read(path: Path) -> StoredOptions:
    """Return what a file holds, nothing where there is none; raise OSError, or ValueError with what is wrong in it."""
    try:
        chosen = msgspec.json.decode(path.read_bytes(), type=StoredOptions)
    except FileNotFoundError:
        return StoredOptions()
    except msgspec.MsgspecError as error:
        message = "it holds something else"
        raise ValueError(message) from error
    if chosen.version != VERSION:
        message = f"it is of version {chosen.version}"
        raise ValueError(message)
    return chosen


class OptionsFile:
    """The file. Nothing that goes wrong with it stops the agent: the log says what, and `fault` keeps it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.fault = ""
        self._unsaved: StoredOptions | None = None
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="state-file")

    def load(self) -> StoredOptions:
        """Return what the file holds; one that is damaged is put aside and nothing is chosen."""
        try:
            return read(self.path)
        except OSError as error:
            self._report(f"{self.path} cannot be read ({error.strerror}): what was set over MQTT is forgotten")
            return StoredOptions()
        except ValueError as error:
            return self._move_aside(str(error))

    def save(self, chosen: StoredOptions) -> None:
        """Put `chosen` into the file, soon: a memory card may take a second, and a press cannot wait for it.

        After a power cut the file holds the old or the new.
        """
        self._writer.submit(self._save, chosen)

    def retry_save(self) -> None:
        """Try once more what could not be saved, if anything."""
        if self._unsaved is not None:
            self.save(self._unsaved)

    def close(self) -> None:
        """Wait until all is saved."""
        self._writer.shutdown()

    def _save(self, chosen: StoredOptions) -> None:
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            _replace(self.path, msgspec.json.format(msgspec.json.encode(chosen)) + b"\n")
        except OSError as error:
            self._unsaved = chosen
            self._report(f"{self.path} cannot be written ({error.strerror}): what is set is lost at the next start")
        else:
            self._unsaved, self.fault = None, ""

    def _move_aside(self, why: str) -> StoredOptions:
        aside = self.path.with_suffix(".damaged")
        log.warning("%s is damaged (%s): it is kept as %s, and nothing is set", self.path, why, aside.name)
        with contextlib.suppress(OSError):
            self.path.replace(aside)
        return StoredOptions()

    def _report(self, fault: str) -> None:
        if fault != self.fault:
            log.warning("%s", fault)
        self.fault = fault


def _replace(path: Path, content: bytes) -> None:
    """Write a file so that it is there whole or not at all, for its owner alone, and on the disk when this returns."""
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
