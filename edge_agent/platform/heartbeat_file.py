"""The heartbeat file: when each part of a running agent was last alive; reading it needs no network.

Its times are from the monotonic clock, which all processes of a host share. It lies in memory if the system has
such a folder, to spare memory cards.
"""

from __future__ import annotations

import contextlib
import os
import stat
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from edge_agent.errors import reason_of
from edge_agent.platform.regular_file import open_regular
from edge_agent.platform.temporary_folder import SHARED_MEMORY, USUAL, temporary_folder

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SUFFIX: Final = ".heartbeat"
HEARTBEAT_INTERVAL_S: Final = 2.0
AGENT_FRESH_S: Final = 15.0
LINK_FRESH_S: Final = 60.0
"""One attempt to reach a broker may take this long: an unresolvable name, an address without a reply."""
WORKER_FRESH_S: Final = 60.0
MOST_BYTES: Final = 65_536
ROOT: Final = 0
FOR_OTHERS: Final = stat.S_IWGRP | stat.S_IWOTH
ENDED: Final = frozenset({"Z", "X"})
"""States in proc(5) of a process that has ended; its exit code has not been collected."""


class ProcessId(msgspec.Struct, frozen=True):
    """The unique identity of a process: process ids are reused, and each container counts from 1.

    `started_ticks` is when it started, in clock ticks since boot; `namespace` is its PID namespace, or '' if
    unknown.
    """

    pid: int = 0
    started_ticks: int = 0
    namespace: str = ""


class Heartbeat(msgspec.Struct, frozen=True):
    """When each part was last alive, in monotonic seconds: each thread, and any worker that accepts frames."""

    agent_s: float
    supervisor_s: float
    link_s: float
    worker_s: float
    process: ProcessId = ProcessId()


def this_process() -> ProcessId:
    """Return the current process, with its process id in /proc."""
    try:
        pid = int(str(Path("/proc/self").readlink()))
        return ProcessId(pid, _read_start_ticks(pid), _namespace())
    except OSError:
        return ProcessId(os.getpid())


def is_running(beat: Heartbeat, now: float, seen_from: str) -> bool:
    """Return whether the process of a heartbeat is running; `seen_from` is the caller's PID namespace.

    A process id from another namespace, or an unknown one, is not checked: only the age of the heartbeat is.
    """
    process = beat.process
    if not seen_from or process.namespace != seen_from:
        return 0 <= now - beat.agent_s <= AGENT_FRESH_S
    try:
        return _read_start_ticks(process.pid) == process.started_ticks
    except OSError:
        return False


def _read_start_ticks(pid: int) -> int:
    """Return when a process started, proc(5), stat, field 22; raise ProcessLookupError if it has ended."""
    state, *fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    if state in ENDED:
        raise ProcessLookupError(pid)
    return int(fields[18])


def _namespace() -> str:
    try:
        return str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return ""


def is_named(environment: Mapping[str, str] = os.environ) -> bool:
    """Return whether the environment names the runtime folder: its owner is then trusted."""
    return bool(environment.get("RUNTIME_DIRECTORY") or environment.get("XDG_RUNTIME_DIR"))


def runtime_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """Return the folder for runtime files: systemd's, the user's, or one in memory."""
    if runtime_dir := environment.get("RUNTIME_DIRECTORY", ""):
        return Path(runtime_dir.split(":")[0])
    if runtime_dir := environment.get("XDG_RUNTIME_DIR", ""):
        return Path(runtime_dir) / "edge-agent"
    memory = SHARED_MEMORY if os.access(SHARED_MEMORY, os.W_OK) else temporary_folder() or USUAL
    return memory / f"edge-agent-{os.getuid()}"


def stale_parts(beat: Heartbeat, now: float) -> tuple[str, ...]:
    """Return the parts that are not alive, as clauses; a time in the future is from before a reboot."""
    parts = (
        ("the agent's thread", beat.agent_s, AGENT_FRESH_S),
        ("the pool's supervisor", beat.supervisor_s, AGENT_FRESH_S),
        ("the MQTT thread", beat.link_s, LINK_FRESH_S),
        ("any worker", beat.worker_s, WORKER_FRESH_S),
    )
    return tuple(
        f"{name} was last seen {now - last_s:.0f} s ago" if 0 < last_s <= now else f"{name} was not seen yet"
        for name, last_s, fresh_s in parts
        if not 0 <= now - last_s <= fresh_s
    )


class HeartbeatFile:
    """The file of one agent. `fault` is why it cannot be written, or ''."""

    def __init__(self, folder: Path, agent_id: str) -> None:
        self.path = folder / f"{agent_id}{SUFFIX}"
        self.fault = ""

    def write(self, beat: Heartbeat) -> None:
        """Write a heartbeat atomically."""
        written = self.path.with_suffix(".new")
        try:
            _create_folder(self.path.parent)
            _write(written, msgspec.json.encode(beat))
            written.replace(self.path)
        except OSError as error:
            self.fault = f"{self.path} cannot be written ({error.strerror}): `edge-agent healthcheck` will fail"
        else:
            self.fault = ""

    def last_beat_s(self, now: float) -> float | None:
        """Return when the agent of this file was alive last, or None if that is unknown."""
        try:
            beat_s = msgspec.json.decode(self.path.read_bytes(), type=Heartbeat).agent_s
        except (OSError, msgspec.MsgspecError):
            return None
        return beat_s if beat_s <= now else None

    def remove(self) -> None:
        """Remove the file."""
        with contextlib.suppress(OSError):
            self.path.unlink()


@dataclass(frozen=True, slots=True)
class HeartbeatReading:
    """The content of a heartbeat file: its heartbeat, or why it has none."""

    agent_id: str
    beat: Heartbeat | None
    fault: str = ""


def check(folder: Path, agent_id: str = "", *, now: float | None = None, named: bool = True) -> str:
    """Return what is wrong with the agents that have a file in a folder, as a sentence, or ''.

    A file of an ended process, or an unreadable one, is ignored if another agent runs. A folder that nobody has `named`
    lies where every user can make one: it must be this user's alone.
    """
    now = time.monotonic() if now is None else now
    if not named and (is_foreign(folder) or _is_open(folder)):
        return f"{folder} is not used: it belongs to another user, or others can write to it"
    paths = [folder / f"{agent_id}{SUFFIX}"] if agent_id else sorted(folder.glob(f"*{SUFFIX}"))
    files = [_read(path, now) for path in paths]
    running = [(each.agent_id, each.beat) for each in files if each.beat is not None]
    if not running:
        return _not_running_text(folder, agent_id, [each.fault for each in files if each.fault])
    return "; ".join(
        f"the agent {name} is unhealthy: {', '.join(stale)}"
        for name, beat in running
        if (stale := stale_parts(beat, now))
    )


def _not_running_text(folder: Path, agent_id: str, faults: Sequence[str]) -> str:
    if faults:
        return f"no agent runs here: {'; '.join(faults)}"
    whose = f"of the agent {agent_id} " if agent_id else ""
    return f"no heartbeat {whose}in {folder}: the agent is not running, is starting, or runs as another user"


def _read(path: Path, now: float) -> HeartbeatReading:
    agent_id = path.name.removesuffix(SUFFIX)
    try:
        beat = msgspec.json.decode(_read_own(path), type=Heartbeat)
    except FileNotFoundError:
        return HeartbeatReading(agent_id, None)
    except OSError as error:
        return HeartbeatReading(agent_id, None, f"{path} cannot be read: {reason_of(error)}")
    except msgspec.MsgspecError:
        return HeartbeatReading(agent_id, None, f"{path} is damaged")
    if not is_running(beat, now, _namespace()):
        return HeartbeatReading(agent_id, None, f"the agent {agent_id} has ended and left {path} behind")
    return HeartbeatReading(agent_id, beat)


def _read_own(path: Path) -> bytes:
    """Return the content of a file of this user, of root, or of its folder's owner; raise OSError for any other."""
    with os.fdopen(open_regular(path), "rb") as file:
        found, trusted = os.fstat(file.fileno()), {os.getuid(), ROOT, path.parent.stat().st_uid}
        if found.st_uid not in trusted or found.st_mode & FOR_OTHERS:
            raise PermissionError(1, "another user can write to it")
        return file.read(MOST_BYTES)


def _write(path: Path, content: bytes) -> None:
    """Write a file that only its owner can write to; raise OSError where a link or a pipe stands in its place."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
    with os.fdopen(os.open(path, flags, 0o644), "wb") as file:
        file.write(content)


def is_foreign(folder: Path) -> bool:
    """Return whether an existing folder belongs to another user, or is a link: nothing is written there."""
    return folder.is_symlink() or (folder.exists() and folder.stat().st_uid != os.getuid())


def _is_open(folder: Path) -> bool:
    return folder.exists() and bool(folder.stat().st_mode & FOR_OTHERS)


def _create_folder(folder: Path) -> None:
    """Create the folder, accessible only to its owner; raise PermissionError if another user owns it."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if is_foreign(folder):
        raise PermissionError(1, "its folder belongs to another user")
