"""The heartbeat: when each part counts as alive, the file's content, and its owner."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest

from edge_agent.platform.heartbeat_file import (
    Heartbeat,
    HeartbeatFile,
    ProcessId,
    check,
    runtime_folder,
    stale_parts,
    this_process,
)
from edge_agent.platform.systemd import SystemdNotifier
from testing.processes import needs_namespaces

if TYPE_CHECKING:
    from collections.abc import Callable

NOW_S = 1000.0


def beat(
    agent_s: float = NOW_S, supervisor_s: float = NOW_S, link_s: float = NOW_S, worker_s: float = NOW_S
) -> Heartbeat:
    return Heartbeat(agent_s, supervisor_s, link_s, worker_s, this_process())


@pytest.mark.parametrize(
    ("seen", "stale"),
    [
        (beat(), ()),
        (beat(NOW_S - 15, NOW_S - 15, NOW_S - 60, NOW_S - 60), ()),
        (beat(agent_s=NOW_S - 16), ("the agent's thread was last seen 16 s ago",)),
        (beat(supervisor_s=NOW_S - 20), ("the pool's supervisor was last seen 20 s ago",)),
        (beat(link_s=NOW_S - 61, worker_s=0.0),
         ("the MQTT thread was last seen 61 s ago", "any worker was not seen yet")),
        (beat(agent_s=NOW_S + 5000), ("the agent's thread was not seen yet",)),
    ],
)  # fmt: skip
def test_a_part_is_stale_after_its_limit(seen: Heartbeat, stale: tuple[str, ...]) -> None:
    assert stale_parts(seen, NOW_S) == stale


def test_the_file_shows_whether_the_agent_is_alive(tmp_path: Path) -> None:
    assert "no heartbeat in" in check(tmp_path)
    file = HeartbeatFile(tmp_path / "run", "hall")
    file.write(beat())
    assert file.fault == ""
    assert stat.S_IMODE(file.path.parent.stat().st_mode) == 0o700
    assert check(file.path.parent, now=NOW_S + 1) == ""
    assert check(file.path.parent, "hall", now=NOW_S + 1) == ""
    assert "of the agent attic" in check(file.path.parent, "attic", now=NOW_S + 1)
    assert check(file.path.parent, now=NOW_S + 30).startswith(
        "the agent hall is unhealthy: the agent's thread was last"
    )
    file.path.write_text("{", encoding="ascii")
    assert check(file.path.parent) == f"no agent runs here: {file.path} is damaged"
    file.remove()
    file.remove()
    assert "no heartbeat" in check(file.path.parent)


def test_files_of_ended_agents_are_ignored_if_another_agent_runs(tmp_path: Path) -> None:
    ours = this_process()
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        gone.wait()
    stale = beat(NOW_S - 9999)
    left_behind = {
        "killed": ProcessId(gone.pid, ours.started_ticks, ours.namespace),
        "number-used-again": ProcessId(ours.pid, ours.started_ticks - 1, ours.namespace),
        "container-before": ProcessId(ours.pid, ours.started_ticks, "pid:[1]"),
        "older-version": ProcessId(),
    }
    for name, process in left_behind.items():
        HeartbeatFile(tmp_path, name).write(msgspec.structs.replace(stale, process=process))
        assert check(tmp_path, name, now=NOW_S).startswith(f"no agent runs here: the agent {name} has ended and left ")
    (tmp_path / "damaged.heartbeat").write_text("{", encoding="ascii")
    (tmp_path / "unreadable.heartbeat").mkdir()
    assert "unreadable.heartbeat cannot be read: it is not a regular file" in check(tmp_path, now=NOW_S)
    HeartbeatFile(tmp_path, "hall").write(beat())
    assert check(tmp_path, now=NOW_S) == ""
    HeartbeatFile(tmp_path, "attic").write(beat(NOW_S - 20))
    assert check(tmp_path, now=NOW_S) == "the agent attic is unhealthy: the agent's thread was last seen 20 s ago"


def test_a_zombie_process_is_not_running(tmp_path: Path) -> None:
    script = (
        "import sys; from edge_agent.platform.heartbeat_file import *;"
        "HeartbeatFile(Path(sys.argv[1]), 'x').write(Heartbeat(1, 1, 1, 1, this_process()))"
    )
    with subprocess.Popen([sys.executable, "-c", script, str(tmp_path)]) as process:
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert Path(f"/proc/{process.pid}").exists()
        assert "the agent x has ended" in check(tmp_path, now=2.0)


def test_an_agent_in_another_container_is_judged_by_the_age_of_its_heartbeat(tmp_path: Path) -> None:
    elsewhere = ProcessId(1, 1, "pid:[1]")
    HeartbeatFile(tmp_path, "x").write(msgspec.structs.replace(beat(), process=elsewhere))
    assert check(tmp_path, now=NOW_S + 5) == ""
    assert "has ended" in check(tmp_path, now=NOW_S + 16)


@pytest.mark.parametrize("name", ["*", "/etc/passwd", "../x", "a" * 300])
def test_an_impossible_process_is_not_running(tmp_path: Path, name: str) -> None:
    HeartbeatFile(tmp_path, "hall").write(beat())
    assert check(tmp_path, name, now=NOW_S) != ""


def test_a_folder_of_another_user_is_not_used(tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "theirs")
    file = HeartbeatFile(tmp_path / "link", "hall")
    file.write(beat())
    assert "belongs to another user" in file.fault
    assert list((tmp_path / "theirs").iterdir()) == []
    (tmp_path / "file").write_text("", encoding="ascii")
    file = HeartbeatFile(tmp_path / "file", "hall")
    file.write(beat())
    assert "cannot be written" in file.fault


@needs_namespaces
def test_a_folder_that_nobody_named_must_be_ours_alone(tmp_path: Path) -> None:
    """Anybody may have made it in shared memory, with a forged file in it."""
    theirs = tmp_path / "theirs"
    HeartbeatFile(theirs, "hall").write(beat())
    (tmp_path / "link").symlink_to(theirs)
    assert check(theirs, now=NOW_S, named=False) == ""
    assert "is not used" in check(tmp_path / "link", now=NOW_S, named=False)
    theirs.chmod(0o777)
    assert "is not used" in check(theirs, now=NOW_S, named=False)
    theirs.chmod(0o700)
    os.chown(theirs, 4242, 4242)
    assert "is not used: it belongs to another user" in check(theirs, now=NOW_S, named=False)


@needs_namespaces
def test_a_link_a_pipe_or_a_forged_file_is_not_believed(tmp_path: Path) -> None:
    HeartbeatFile(tmp_path / "elsewhere", "hall").write(beat())
    path = tmp_path / "hall.heartbeat"
    path.symlink_to(tmp_path / "elsewhere" / "hall.heartbeat")
    assert check(tmp_path, now=NOW_S) == f"no agent runs here: {path} cannot be read: it is a link"
    path.unlink()
    os.mkfifo(path)
    assert "hall.heartbeat cannot be read: it is not a regular file" in check(tmp_path, now=NOW_S)
    path.unlink()
    HeartbeatFile(tmp_path, "hall").write(beat())
    path.chmod(0o666)
    assert "hall.heartbeat cannot be read: another user can write to it" in check(tmp_path, now=NOW_S)
    path.chmod(0o644)
    os.chown(path, 4242, 4242)
    assert "hall.heartbeat cannot be read: another user can write to it" in check(tmp_path, now=NOW_S)
    os.chown(tmp_path, 4242, 4242)
    assert check(tmp_path, now=NOW_S) == "", "root looks at a folder that was named to it"


@pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.symlink_to("/dev/null")])
def test_a_link_or_pipe_is_never_written_to(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path / "hall.new")
    file = HeartbeatFile(tmp_path, "hall")
    file.write(beat())
    assert "cannot be written" in file.fault


def test_the_folder_is_the_systems_runtime_folder(tmp_path: Path) -> None:
    assert str(runtime_folder({"RUNTIME_DIRECTORY": "/run/edge-agent:/run/b", "XDG_RUNTIME_DIR": "/run/user/1"})) == (
        "/run/edge-agent"
    )
    assert str(runtime_folder({"XDG_RUNTIME_DIR": str(tmp_path)})) == f"{tmp_path}/edge-agent"
    assert runtime_folder({}).name == f"edge-agent-{os.getuid()}"


@pytest.mark.parametrize("abstract", [False, True])
def test_a_service_manager_receives_notifications(tmp_path: Path, abstract: bool) -> None:
    name = f"edge-agent-test-{tmp_path.name}-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(f"\0{name}" if abstract else str(tmp_path / "s"))
        manager.settimeout(5.0)
        SystemdNotifier(f"@{name}" if abstract else str(tmp_path / "s")).notify("READY=1", "STATUS=a\nMAINPID=1")
        assert manager.recv(100) == b"READY=1\nSTATUS=a MAINPID=1"


def test_notifications_need_no_receiver(tmp_path: Path) -> None:
    SystemdNotifier("").notify("READY=1")
    SystemdNotifier(str(tmp_path / "nowhere")).notify("READY=1")
