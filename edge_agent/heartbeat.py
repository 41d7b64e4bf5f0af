"""A file that says when each part of a running agent was last known to live: no network is needed to read it.

Its times are of the monotonic clock, which all processes of a machine share. It lies in memory, where the system has
such a folder, so that it wears no memory card out.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SUFFIX: Final = ".heartbeat"
BEAT_S: Final = 2.0
AGENT_FRESH_S: Final = 15.0
LINK_FRESH_S: Final = 60.0
"""One try to reach a broker may take this long: a name that nobody resolves, an address that does not answer."""
WORKER_FRESH_S: Final = 60.0
SHARED_MEMORY: Final = Path("/dev/shm")  # noqa: S108 - our folder in it is ours alone, or is not used


class Beat(msgspec.Struct, frozen=True):
    """When each part was last known to live, in monotonic seconds: each thread, and any worker that takes frames."""

    pid: int
    agent_s: float
    supervisor_s: float
    link_s: float
    worker_s: float


def runtime_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """Return the folder of what is gone after a restart: systemd's, the user's, or one in memory."""
    if given := environment.get("RUNTIME_DIRECTORY", ""):
        return Path(given.split(":")[0])
    if given := environment.get("XDG_RUNTIME_DIR", ""):
        return Path(given) / "edge-agent"
    memory = SHARED_MEMORY if os.access(SHARED_MEMORY, os.W_OK) else Path(tempfile.gettempdir())
    return memory / f"edge-agent-{os.getuid()}"


def stale_parts(beat: Beat, now: float) -> tuple[str, ...]:
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

    def write(self, beat: Beat) -> None:
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


def check(folder: Path, agent_id: str = "", *, now: float | None = None) -> str:
    """Return what is wrong with the agents that have a file in a folder, in a sentence, or ''."""
    now = time.monotonic() if now is None else now
    paths = sorted(folder.glob(f"{agent_id or '*'}{SUFFIX}"))
    if not paths:
        whose = f"of the agent {agent_id} " if agent_id else ""
        return f"there is no heartbeat {whose}in {folder}: it does not run, is starting, or runs as another user"
    return "; ".join(sentence for path in paths for sentence in _complaints(path, now))


def _complaints(path: Path, now: float) -> Iterator[str]:
    try:
        beat = msgspec.json.decode(path.read_bytes(), type=Beat)
    except (OSError, msgspec.MsgspecError) as error:
        yield f"{path} cannot be read: {error}"
        return
    if stale := stale_parts(beat, now):
        yield f"the agent {path.name.removesuffix(SUFFIX)} is not well: {', '.join(stale)}"


def _own(folder: Path) -> None:
    """Make the folder, for its owner alone; raise PermissionError where somebody else was first."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if folder.is_symlink() or folder.stat().st_uid != os.getuid():
        raise PermissionError(1, "its folder belongs to somebody else")
