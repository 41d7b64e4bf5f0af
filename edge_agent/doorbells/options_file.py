"""The options file: a small file that survives a power cut; a damaged one is replaced."""

from __future__ import annotations

import contextlib
import functools
import logging
import os
import tempfile
from pathlib import Path
from typing import Final

import msgspec
from platformdirs import user_state_path

from edge_agent.errors import SettingsError
from edge_agent.platform.background import BackgroundWorker
from edge_agent.platform.heartbeat_file import is_foreign, runtime_folder

log = logging.getLogger(__name__)

VERSION: Final = 1
VARIABLE: Final = "(EDGE_AGENT_STATE__DIR)"


class StoredOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The options that were set over MQTT, as sent: those of the agent, and those of each doorbell."""

    version: int = VERSION
    agent: dict[str, str] = {}
    doorbells: dict[str, dict[str, str]] = {}


def default_folder() -> Path:
    """Return the user's state folder (XDG Base Directory Specification), or one in memory for a user without a home."""
    try:
        return user_state_path("edge-agent")
    except RuntimeError:
        folder = runtime_folder()
    if is_foreign(folder):
        message = f"this user has no home directory, and {folder} belongs to another user: set state.dir {VARIABLE}"
        raise SettingsError(message)
    log.warning(
        "this user has no home directory: options set over MQTT are kept in %s, and lost when the host restarts;"
        " set state.dir %s",
        folder,
        VARIABLE,
    )
    return folder


def read(path: Path) -> StoredOptions:
    """Return the contents of a file, no options if it is missing; raise OSError, or ValueError if it is invalid."""
    try:
        chosen = msgspec.json.decode(path.read_bytes(), type=StoredOptions)
    except FileNotFoundError:
        return StoredOptions()
    except msgspec.MsgspecError as error:
        message = "it has an unknown format"
        raise ValueError(message) from error
    if chosen.version != VERSION:
        message = f"its version {chosen.version} is unknown"
        raise ValueError(message)
    return chosen


class OptionsFile:
    """The options file. A failure never stops the agent: it is logged and kept in `fault`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.fault = ""
        self._unsaved: StoredOptions | None = None
        self._writer = BackgroundWorker("state-file")

    def load(self) -> StoredOptions:
        """Return the stored options; a damaged file is moved aside and no options are set."""
        try:
            return read(self.path)
        except OSError as error:
            self._report(f"{self.path} cannot be read ({error.strerror}): the options set over MQTT are lost")
            return StoredOptions()
        except ValueError as error:
            return self._move_aside(str(error))

    def save(self, chosen: StoredOptions) -> None:
        """Write `chosen` to the file on another thread: a memory card may take a second, and a press cannot wait.

        After a power cut the file holds the old or the new options.
        """
        self._writer.submit(functools.partial(self._save, chosen))

    def retry_save(self) -> None:
        """Write the options again if the last attempt failed."""
        if self._unsaved is not None:
            self.save(self._unsaved)

    def close(self) -> None:
        """Wait until the options are written; not for a disk that does not answer."""
        if not self._writer.close():
            log.warning("%s is not written yet: changed options may be lost", self.path)

    def _save(self, chosen: StoredOptions) -> None:
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            replace_file(self.path, msgspec.json.format(msgspec.json.encode(chosen)) + b"\n")
        except OSError as error:
            self._unsaved = chosen
            self._report(
                f"{self.path} cannot be written ({error.strerror}): changed options are lost at the next start"
            )
        else:
            self._unsaved, self.fault = None, ""

    def _move_aside(self, why: str) -> StoredOptions:
        aside = self.path.with_suffix(".damaged")
        log.warning("%s is damaged (%s): it was moved to %s, and no options are set", self.path, why, aside.name)
        with contextlib.suppress(OSError):
            self.path.replace(aside)
        return StoredOptions()

    def _report(self, fault: str) -> None:
        if fault != self.fault:
            log.warning("%s", fault)
        self.fault = fault


def replace_file(path: Path, content: bytes) -> None:
    """Replace a file atomically, readable only by its owner, and synced to disk when this returns."""
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
