"""Brokers that refuse: too large messages, denied topics, wrong versions, silence."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Any

import pytest

from testing.agent_process import AgentProcess
from testing.broker import Mosquitto, set_password
from testing.pictures import noise
from testing.recorder import Recorder
from testing.waiting import wait_until
from tests.proxy import Proxy

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.broker

HEALTH = "edge_agent/test/health"
LIMIT_BYTES = 60_000


def problems(health: dict[str, Any]) -> dict[str, str]:
    """Return the problems of a health message by their code."""
    return {each["code"]: each["text"] for each in health["problems"]}


def agent_connections(recorder: Recorder) -> set[int]:
    """Return the numbers of the agent's connections so far."""
    return {health["broker"]["connections"] for health in recorder.events(HEALTH)}


@pytest.mark.parametrize(
    ("limit", "protocol"),
    [("max_packet_size", "3.1.1"), ("message_size_limit", "5")],
)
def test_a_picture_that_the_broker_does_not_take_costs_two_connections_and_the_next_one_is_smaller(
    limit: str, protocol: str
) -> None:
    with (
        Mosquitto(f"{limit} {LIMIT_BYTES}") as broker,
        Recorder(broker.port) as recorder,
        AgentProcess.with_script(broker.port, MQTT__PROTOCOL=protocol, PRESS__DEBOUNCE_S="0") as agent,
    ):
        agent.wait_until_ready(recorder)
        recorder.publish("doorbell/front/press", b"x")
        recorder.publish("doorbell/front/frame", noise())
        health = recorder.wait_for(HEALTH, lambda health: "broker_refuses" in problems(health))
        assert "to doorbell/front/snapshot" in problems(health)["broker_refuses"]
        assert limit in problems(health)["broker_refuses"]
        recorder.publish("doorbell/front/press", b"x")
        recorder.publish("doorbell/front/frame", noise())
        wait_until(lambda: recorder.messages("doorbell/front/snapshot"))
        assert len(recorder.messages("doorbell/front/snapshot")[0].payload) < LIMIT_BYTES
        assert recorder.wait_for(HEALTH)["broker"]["connections"] <= 3
        assert len({each["event_id"] for each in recorder.events("doorbell/front/ring")}) == 2


def test_an_announced_limit_costs_no_connection_and_the_pictures_fit() -> None:
    with (
        Mosquitto(f"max_packet_size {LIMIT_BYTES}") as broker,
        Recorder(broker.port) as recorder,
        AgentProcess.with_script(broker.port) as agent,
    ):
        agent.wait_until_ready(recorder)
        recorder.publish("doorbell/front/press", b"x")
        recorder.publish("doorbell/front/frame", noise())
        wait_until(lambda: recorder.messages("doorbell/front/snapshot"))
        assert len(recorder.messages("doorbell/front/snapshot")[0].payload) < LIMIT_BYTES
        assert broker.log.count("as edge_agent-test") == 1


def test_a_denied_discovery_is_reported_and_everything_else_works(tmp_path: Path) -> None:
    access = tmp_path / "acl"
    access.write_text("topic readwrite doorbell/#\ntopic readwrite edge_agent/#\ntopic read homeassistant/#\n")
    with (
        Mosquitto(f"acl_file {access}") as broker,
        Recorder(broker.port) as recorder,
        AgentProcess.with_script(broker.port) as agent,
    ):
        agent.wait_until_ready(recorder)
        recorder.publish("doorbell/front/press", b"x")
        recorder.publish("doorbell/front/frame", noise())
        assert recorder.wait_for("doorbell/front/answer")["event_type"] == "face"
        health = recorder.wait_for(HEALTH, lambda health: "broker_refuses" in problems(health))
        assert "homeassistant/device/edge_agent_test/config" in problems(health)["broker_refuses"]
        assert health["broker"]["connections"] == 1


def test_a_broker_that_is_silent_for_a_while_does_not_change_the_version() -> None:
    with (
        Mosquitto() as broker,
        AgentProcess.with_script(broker.port, MQTT__KEEPALIVE_S="5") as agent,
        Recorder(broker.port) as recorder,
    ):
        agent.wait_until_ready(recorder)
        with Proxy(broker.port) as line, AgentProcess.with_script(line.port, AGENT_ID="other") as other:
            recorder.wait_for("edge_agent/other/health", lambda health: health["broker"]["connected"])
            broker.signal(signal.SIGSTOP)
            line.cut()
            wait_until(lambda: "did not answer like an MQTT broker" in other.log)
            broker.signal(signal.SIGCONT)
            health = recorder.wait_for("edge_agent/other/health", lambda health: health["broker"]["connections"] > 1)
            assert health["broker"]["protocol"] == "5"


def test_a_new_reason_is_logged_and_published(tmp_path: Path) -> None:
    passwords = tmp_path / "passwords"
    set_password(passwords, "agent")
    broker = Mosquitto(f"password_file {passwords}", "allow_anonymous false")
    with AgentProcess.with_script(broker.port, MQTT__USERNAME="agent", MQTT__PASSWORD="wrong") as agent:
        wait_until(lambda: "Connection refused" in agent.log)
        with broker:
            wait_until(lambda: "the broker refused the login: not authorized" in agent.log)


def test_a_link_that_flaps_is_a_problem_of_its_own(mosquitto: Mosquitto, recorder: Recorder) -> None:
    with Proxy(mosquitto.port) as line, AgentProcess.with_script(line.port) as agent:
        agent.wait_until_ready(recorder)
        for number in range(2, 5):
            line.cut()
            wait_until(lambda: len(agent_connections(recorder)) >= number)  # noqa: B023 - waited for at once
        health = recorder.wait_for(HEALTH, lambda health: "broker_unstable" in problems(health))
        assert "lost 3 times in the last minute" in problems(health)["broker_unstable"]
        assert health["status"] == "degraded"
