"""The heartbeat: when each part counts as alive, what its file says, and who may own it."""

from __future__ import annotations

import os
import socket
import stat
from typing import TYPE_CHECKING

import pytest

from edge_agent.heartbeat import Beat, HeartbeatFile, check, runtime_folder, stale_parts
from edge_agent.service_manager import ServiceManager

if TYPE_CHECKING:
    from pathlib import Path

NOW_S = 1000.0


def beat(agent_s: float = NOW_S, supervisor_s: float = NOW_S, link_s: float = NOW_S, worker_s: float = NOW_S) -> Beat:
    return Beat(1, agent_s, supervisor_s, link_s, worker_s)


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
def test_a_part_is_stale_when_it_was_not_seen_for_long(seen: Beat, stale: tuple[str, ...]) -> None:
    assert stale_parts(seen, NOW_S) == stale


def test_the_file_says_whether_all_is_well(tmp_path: Path) -> None:
    assert "there is no heartbeat in" in check(tmp_path)
    file = HeartbeatFile(tmp_path / "run", "hall")
    file.write(beat())
    assert file.fault == ""
    assert stat.S_IMODE(file.path.parent.stat().st_mode) == 0o700
    assert check(file.path.parent, now=NOW_S + 1) == ""
    assert check(file.path.parent, "hall", now=NOW_S + 1) == ""
    assert "of the agent attic" in check(file.path.parent, "attic", now=NOW_S + 1)
    assert check(file.path.parent, now=NOW_S + 30).startswith("the agent hall is not well: the agent's thread was last")
    file.path.write_text("{", encoding="ascii")
    assert "cannot be read" in check(file.path.parent)
    file.remove()
    file.remove()
    assert "no heartbeat" in check(file.path.parent)


def test_a_folder_of_somebody_else_is_not_used(tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "theirs")
    file = HeartbeatFile(tmp_path / "link", "hall")
    file.write(beat())
    assert "belongs to somebody else" in file.fault
    assert list((tmp_path / "theirs").iterdir()) == []
    (tmp_path / "file").write_text("", encoding="ascii")
    file = HeartbeatFile(tmp_path / "file", "hall")
    file.write(beat())
    assert "cannot be written" in file.fault


def test_the_folder_is_what_the_system_gives(tmp_path: Path) -> None:
    assert str(runtime_folder({"RUNTIME_DIRECTORY": "/run/edge-agent:/run/b", "XDG_RUNTIME_DIR": "/run/user/1"})) == (
        "/run/edge-agent"
    )
    assert str(runtime_folder({"XDG_RUNTIME_DIR": str(tmp_path)})) == f"{tmp_path}/edge-agent"
    assert runtime_folder({}).name == f"edge-agent-{os.getuid()}"


@pytest.mark.parametrize("abstract", [False, True])
def test_a_service_manager_hears_what_it_is_told(tmp_path: Path, abstract: bool) -> None:
    name = f"edge-agent-test-{tmp_path.name}-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(f"\0{name}" if abstract else str(tmp_path / "s"))
        manager.settimeout(5.0)
        ServiceManager(f"@{name}" if abstract else str(tmp_path / "s")).tell("READY=1", "STATUS=a\nMAINPID=1")
        assert manager.recv(100) == b"READY=1\nSTATUS=a MAINPID=1"


def test_nobody_need_listen(tmp_path: Path) -> None:
    ServiceManager("").tell("READY=1")
    ServiceManager(str(tmp_path / "nowhere")).tell("READY=1")
