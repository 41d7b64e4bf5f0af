"""A user without a home directory and without an entry in the list of users, as in many containers."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from testing.agent_process import AgentProcess
from testing.pictures import jpeg
from testing.processes import needs_namespaces
from tests.command_line import edge_agent_in

if TYPE_CHECKING:
    from collections.abc import Iterator

    from testing.broker import Mosquitto
    from testing.recorder import Recorder

pytestmark = pytest.mark.slow

RIGHTS = "+dac_override,+dac_read_search"


@pytest.fixture
def nobody() -> Iterator[tuple[str, ...]]:
    """Return a command that becomes such a user."""
    user = 200_000 + os.getpid()
    rights = (f"--inh-caps={RIGHTS}", f"--ambient-caps={RIGHTS}", f"--bounding-set=-all,{RIGHTS}")
    variables = ("-u", "HOME", "-u", "XDG_RUNTIME_DIR", "-u", "RUNTIME_DIRECTORY", "-u", "EDGE_AGENT_STATE__DIR")
    yield ("setpriv", "--reuid", str(user), "--clear-groups", *rights, "env", *variables)
    shutil.rmtree(f"/dev/shm/edge-agent-{user}", ignore_errors=True)  # noqa: S108 - the agent's own


@needs_namespaces
@pytest.mark.broker
def test_the_agent_starts_and_keeps_its_options(
    mosquitto: Mosquitto, recorder: Recorder, nobody: tuple[str, ...]
) -> None:
    with AgentProcess.with_script(mosquitto.port) as agent:
        for value in (b"55", b""):
            agent.start_in(*nobody)
            agent.wait_until_ready(recorder)
            if value:
                recorder.publish("doorbell/front/frame", jpeg())
                recorder.wait_for_payload("doorbell/front/min_confidence", b"70")
                recorder.publish("doorbell/front/min_confidence/set", value)
            recorder.wait_for_payload("doorbell/front/min_confidence", b"55")
            assert "options set over MQTT are kept in /dev/shm/edge-agent-" in agent.log
            assert agent.stop() == 0


@needs_namespaces
@pytest.mark.parametrize("arguments", [("models", "list"), ("detectors",), ("detect", "a.jpg"), ("doctor",)])
def test_commands_work(tmp_path: Path, nobody: tuple[str, ...], arguments: tuple[str, ...]) -> None:
    (tmp_path / "a.jpg").write_bytes(jpeg())
    done = edge_agent_in(tmp_path, *arguments, through=nobody, EDGE_AGENT_DETECTION__STRATEGIES="mock")
    assert done.returncode in {0, 1}
    assert "Traceback" not in done.stderr
    assert "this is a bug" not in done.stderr


@needs_namespaces
def test_a_folder_in_a_home_that_does_not_exist_is_refused(nobody: tuple[str, ...]) -> None:
    done = edge_agent_in(Path.cwd(), "models", "list", through=nobody, EDGE_AGENT_MODELS__DIR="~/models")
    assert done.returncode == 2
    assert "the folder ~/models cannot be used: this user has no home directory" in done.stderr
