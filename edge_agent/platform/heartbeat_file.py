"""A file that says when each part of a running agent was last known to live: no network is needed to read it.

Its times are of the monotonic clock, which all processes of a machine share. It lies in memory, where the system has
such a folder, so that it wears no memory card out.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from edge_agent.errors import reason_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SUFFIX: Final = ".heartbeat"
HEARTBEAT_INTERVAL_S: Final = 2.0
AGENT_FRESH_S: Final = 15.0
LINK_FRESH_S: Final = 60.0
"""One try to reach a broker may take this long: a name that nobody resolves, an address that does not answer."""
WORKER_FRESH_S: Final = 60.0
ENDED: Final = frozenset({"Z", "X"})
"""States in proc(5) of a process that has ended; nobody has asked for its exit code yet."""
SHARED_MEMORY: Final = Path("/dev/shm")  # noqa: S108 - our folder in it is ours alone, or is not used


class ProcessId(msgspec.Struct, frozen=True):
    """A process that no other one can be taken for: a number is used again, and each container counts from 1.

    `started_ticks` is when it started, in clock ticks since boot; `namespace` is what its number is valid in, or ''
    where that is unknown.
    """

    pid: int = 0
    started_ticks: int = 0
    namespace: str = ""


class Heartbeat(msgspec.Struct, frozen=True):
    """When each part was last known to live, in monotonic seconds: each thread, and any worker that takes frames."""

    agent_s: float
    supervisor_s: float
    link_s: float
    worker_s: float
    process: ProcessId = ProcessId()


def this_process() -> ProcessId:
    """Return the process that calls, with the number by which /proc knows it."""
    try:
        pid = int(str(Path("/proc/self").readlink()))
        return ProcessId(pid, _started_ticks(pid), _namespace())
    except OSError:
        return ProcessId(os.getpid())


def is_running(beat: Heartbeat, now: float, seen_from: str) -> bool:
    """Return whether the process of a beat is still there; `seen_from` is the namespace of who asks.

    The number of a process in another namespace, or an unknown one, says nothing: its last sign of life must do.
    """
    process = beat.process
    if not seen_from or process.namespace != seen_from:
        return 0 <= now - beat.agent_s <= AGENT_FRESH_S
    try:
        return _started_ticks(process.pid) == process.started_ticks
    except OSError:
        return False


def _started_ticks(pid: int) -> int:
    """Return when a process started, proc(5), stat, field 22; raise ProcessLookupError where it has ended."""
    state, *fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    if state in ENDED:
        raise ProcessLookupError(pid)
    return int(fields[18])


def _namespace() -> str:
    try:
        return str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return ""


def runtime_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """Return the folder of what is gone after a restart: systemd's, the user's, or one in memory."""
    if given := environment.get("RUNTIME_DIRECTORY", ""):
        return Path(given.split(":")[0])
    if given := environment.get("XDG_RUNTIME_DIR", ""):
        return Path(given) / "edge-agent"
    memory = SHARED_MEMORY if os.access(SHARED_MEMORY, os.W_OK) else Path(tempfile.gettempdir())
    return memory / f"edge-agent-{os.getuid()}"


def stale_parts(beat: Heartbeat, now: float) -> tuple[str, ...]:
    """Return what is not known to live any more, as clauses; a time that lies ahead is of before a reboot."""
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
        """Put a beat into the file, whole or not at all."""
        written = self.path.with_suffix(".new")
        try:
            _own(self.path.parent)
            written.write_bytes(msgspec.json.encode(beat))
            written.replace(self.path)
        except OSError as error:
            self.fault = f"{self.path} cannot be written ({error.strerror}): `edge-agent healthcheck` will say no"
        else:
            self.fault = ""

    def remove(self) -> None:
        """Take the file away at the end."""
        with contextlib.suppress(OSError):
            self.path.unlink()


@dataclass(frozen=True, slots=True)
class CascadeResult:
    """A heartbeat file: its beat, or why there is none that counts."""

    agent_id: str
    beat: Heartbeat | None
    fault: str = ""


def check(folder: Path, agent_id: str = "", *, now: float | None = None) -> str:
    """Return what is wrong with the agents that have a file in a folder, in a sentence, or ''.

    A file that a process left behind which is gone, or that cannot be read, does not count beside an agent that runs.
    """
    now = time.monotonic() if now is None else now
    paths = [folder / f"{agent_id}{SUFFIX}"] if agent_id else sorted(folder.glob(f"*{SUFFIX}"))
    files = [_read(path, now) for path in paths]
    running = [(each.agent_id, each.beat) for each in files if each.beat is not None]
    if not running:
        return _nothing_runs(folder, agent_id, [each.fault for each in files if each.fault])
    return "; ".join(
        f"the agent {name} is not well: {', '.join(stale)}"
        for name, beat in running
        if (stale := stale_parts(beat, now))
    )


def _nothing_runs(folder: Path, agent_id: str, faults: Sequence[str]) -> str:
    if faults:
        return f"no agent runs here: {'; '.join(faults)}"
    whose = f"of the agent {agent_id} " if agent_id else ""
    return f"there is no heartbeat {whose}in {folder}: it does not run, is starting, or runs as another user"


def _read(path: Path, now: float) -> CascadeResult:
    agent_id = path.name.removesuffix(SUFFIX)
    try:
        beat = msgspec.json.decode(path.read_bytes(), type=Heartbeat)
    except FileNotFoundError:
        return CascadeResult(agent_id, None)
    except OSError as error:
        return CascadeResult(agent_id, None, f"{path} cannot be read: {reason_of(error)}")
    except msgspec.MsgspecError:
        return CascadeResult(agent_id, None, f"{path} is damaged")
    if not is_running(beat, now, _namespace()):
        return CascadeResult(agent_id, None, f"the agent {agent_id} has ended and left {path} behind")
    return CascadeResult(agent_id, beat)


def is_foreign(folder: Path) -> bool:
    """Return whether a folder that is there is somebody else's, or leads somewhere else: nothing is written there."""
    return folder.is_symlink() or (folder.exists() and folder.stat().st_uid != os.getuid())


def _own(folder: Path) -> None:
    """Make the folder, for its owner alone; raise PermissionError where somebody else was first."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if is_foreign(folder):
        raise PermissionError(1, "its folder belongs to somebody else")
