"""Each command ends within EXIT_S of its cause, and with all that it started."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import psutil
import pytest

from edge_agent.cli.commands import commands
from testing.processes import descendants
from testing.shared_data import PROJECT, shared
from testing.waiting import wait_until
from tests.chaos.endings import EXIT_S, PICTURE, has_connected, seconds_to_end, start, with_picture
from tests.command_line import edge_agent

if TYPE_CHECKING:
    from testing.broker import Mosquitto

CAMERA: Final = "http://127.0.0.1:{}/picture.jpg"
WITH_WORKERS: Final = 3
"""A resource tracker, a fork server and a worker."""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize(
    "arguments",
    [
        ("watch",),
        ("doctor",),
        ("remove", "front"),
        ("send", PICTURE),
        ("run",),
        ("sources",),
        ("capture", "http://127.0.0.1:1/picture.jpg"),
    ],
)
def test_commands_end_in_time_while_the_broker_is_silent(
    silent_server: int, tmp_path: Path, arguments: tuple[str, ...], number: signal.Signals
) -> None:
    broker = ("--host", "127.0.0.1", "--port", str(silent_server))
    process = start(*with_picture(arguments, tmp_path), *broker, EDGE_AGENT_DETECTION__STRATEGIES="mock")
    wait_until(lambda: has_connected(process.pid, silent_server), why=lambda: str(process.poll()))
    process.send_signal(number)
    assert seconds_to_end(process) < EXIT_S
    assert process.returncode in {0, 128 + number}


ends = pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])


@ends
@pytest.mark.parametrize("arguments", [("doctor",), ("capture", CAMERA)])
def test_commands_end_in_time_while_a_camera_is_silent(
    mosquitto: Mosquitto, silent_server: int, arguments: tuple[str, ...], number: signal.Signals
) -> None:
    camera = CAMERA.format(silent_server)
    settings = {
        "EDGE_AGENT_CAMERAS": json.dumps([{"doorbell": "front", "url": camera}]),
        "EDGE_AGENT_DETECTION__STRATEGIES": "mock",
    }
    given = [camera if each == CAMERA else each for each in arguments]
    process = start(*given, "--host", "127.0.0.1", "--port", str(mosquitto.port), **settings)
    wait_until(lambda: any(has_connected(pid, silent_server) for pid in (process.pid, *descendants(process.pid))))
    process.send_signal(number)
    assert seconds_to_end(process) < EXIT_S


@ends
@pytest.mark.parametrize(
    ("arguments", "script"),
    [(("detectors",), {"load": "hang"}), (("detect", PICTURE), {"by_width": {"320": "hang"}}), (("bench",), {})],
)
def test_commands_with_workers_end_in_time(
    tmp_path: Path, arguments: tuple[str, ...], script: dict[str, object], number: signal.Signals
) -> None:
    """`bench` measures a real detector."""
    settings = {
        "EDGE_AGENT_MODELS__DIR": str(shared("models")),
        "EDGE_AGENT_DETECTION__STRATEGIES": "mock",
        "EDGE_AGENT_DETECTION__MOCK_SCRIPT": json.dumps(script),
        "EDGE_AGENT_POOL__JOB_TIMEOUT_S": "60",
    }
    process = start(*with_picture(arguments, tmp_path), **settings)
    wait_until(lambda: len(descendants(process.pid)) >= WITH_WORKERS, why=lambda: str(process.poll()))
    process.send_signal(number)
    assert seconds_to_end(process) < EXIT_S


def test_healthcheck_ends_in_time_with_a_pipe_as_heartbeat(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "edge-agent.heartbeat")
    began_s = time.monotonic()
    assert edge_agent("healthcheck", RUNTIME_DIRECTORY=str(tmp_path)).returncode == 1
    assert time.monotonic() - began_s < EXIT_S


@ends
def test_hash_password_ends_in_time_while_nobody_types(number: signal.Signals) -> None:
    reading, writing = os.pipe()
    command = [sys.executable, "-m", "edge_agent", "hash-password"]
    process = subprocess.Popen(command, stdin=reading, cwd=PROJECT, stdout=subprocess.PIPE, text=True)
    wait_until(lambda: psutil.Process(process.pid).status() == psutil.STATUS_SLEEPING)
    process.send_signal(number)
    assert seconds_to_end(process) < EXIT_S
    os.close(reading)
    os.close(writing)


def test_the_end_of_every_command_is_tested() -> None:
    names = [each.name or getattr(each.callback, "__name__", "") for each in commands.registered_commands]
    text = Path(__file__).read_text(encoding="utf-8")
    assert [name for name in names if f'"{name}"' not in text] == []
