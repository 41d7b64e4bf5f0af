"""The agent's files on disk, and its child processes' environment."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from edge_agent.settings.loading import remove_secrets
from testing.agent_process import AGENT_ID, AgentProcess
from testing.pictures import jpeg
from testing.pools import BY_WIDTH, WIDTHS
from testing.processes import descendants
from testing.waiting import wait_until

if TYPE_CHECKING:
    from testing.broker import Mosquitto
    from testing.recorder import Recorder


@pytest.mark.broker
def test_the_agents_files_are_readable_by_its_user_only(
    mosquitto: Mosquitto, recorder: Recorder, tmp_path: Path
) -> None:
    settings = {
        "QUARANTINE__DIR": str(tmp_path / "poison"),
        "STATE__DIR": str(tmp_path / "state"),
        "MQTT__USERNAME": "hall",
        "MQTT__PASSWORD": "open sesame",
    }
    with AgentProcess.with_script(mosquitto.port, {"by_width": BY_WIDTH}, **settings) as agent:
        agent.wait_until_ready(recorder)
        recorder.publish(f"edge_agent/{AGENT_ID}/log_level/set", "debug")
        recorder.publish("doorbell/front/frame", jpeg(WIDTHS["exit"], 80))
        recorder.wait_for("doorbell/front/faces")
        written = wait_until(lambda: files if len(files := _files(tmp_path)) == 3 else None)
        assert {stat.S_IMODE(path.stat().st_mode) for path in written} == {0o600}
        assert {stat.S_IMODE(path.parent.stat().st_mode) for path in written} == {0o700}
        environments = [Path(f"/proc/{pid}/environ").read_bytes() for pid in descendants(agent.pid)]
    assert environments
    assert all(b"sesame" not in each for each in environments)
    assert all(b"sesame" not in each.payload for each in recorder.messages("edge_agent/#"))


def test_passwords_leave_the_environment_and_nothing_else_does() -> None:
    environment = {"EDGE_AGENT_MQTT__PASSWORD": "a", "edge_agent_mqtt__password": "b", "EDGE_AGENT_MQTT__HOST": "c"}
    remove_secrets(environment)
    assert environment == {"EDGE_AGENT_MQTT__HOST": "c"}


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]
