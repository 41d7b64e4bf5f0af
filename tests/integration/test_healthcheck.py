"""What a container's health check says, against a real broker."""

from __future__ import annotations

import subprocess
import sys

import pytest
from paho.mqtt import publish

from edge_agent import topics
from tests.broker import Mosquitto, free_port
from tests.shared_data import PROJECT

pytestmark = pytest.mark.broker


def check(monkeypatch: pytest.MonkeyPatch, port: int) -> subprocess.CompletedProcess[str]:
    """Run the health check of the agent `attic` as a container does."""
    monkeypatch.setenv("EDGE_AGENT_MQTT__HOST", "127.0.0.1")
    monkeypatch.setenv("EDGE_AGENT_MQTT__PORT", str(port))
    monkeypatch.setenv("EDGE_AGENT_AGENT_ID", "attic")
    command = [sys.executable, "-m", "edge_agent.mqtt.healthcheck"]
    return subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False, timeout=30)


@pytest.mark.parametrize(("availability", "code"), [("online", 0), ("offline", 1), (None, 1)])
def test_it_says_what_the_broker_holds(
    mosquitto: Mosquitto, monkeypatch: pytest.MonkeyPatch, availability: str | None, code: int
) -> None:
    topic = topics.agent_availability("attic")
    if availability:
        publish.single(topic, availability, qos=1, retain=True, hostname=mosquitto.host, port=mosquitto.port)
    done = check(monkeypatch, mosquitto.port)
    assert done.returncode == code, done.stderr
    assert done.stderr.strip() == ("" if code == 0 else "the agent attic is not online")


def test_without_a_broker_it_says_so_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    done = check(monkeypatch, free_port())
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert "no connection to the broker" in done.stderr
