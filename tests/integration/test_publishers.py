"""The known publishers: their messages in, rings, frames, availability and names out; a real broker, one real agent."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from edge_agent.ingest.presets import PRESETS
from testing.agent_process import AgentProcess
from testing.broker import Mosquitto
from testing.recorder import Recorder
from tests.publishers import CASES, Case

if TYPE_CHECKING:
    from collections.abc import Iterator

OWN_SOURCES = [
    {"press": "zigbee2mqtt/Door button", "press_path": "action", "press_payload": ["single"], "doorbell": "button",
     "name": "Knopf"},
    {"press": "shelly/input/0", "press_path": "state", "press_payload": True, "press_edge": True, "doorbell": "shelly"},
    {"press": "bell/{doorbell}/last", "press_time_path": "at"},
    {"frame": "nvr/{doorbell}/{doorbell}/json", "frame_path": "data.jpeg"},
]  # fmt: skip
"""Topics of users, as they write them in agent.yaml."""


@pytest.fixture(scope="module")
def broker() -> Iterator[Mosquitto]:
    with Mosquitto() as broker:
        yield broker


@pytest.fixture(scope="module")
def recorder(broker: Mosquitto) -> Iterator[Recorder]:
    with Recorder(broker.port) as recorder:
        yield recorder


@pytest.fixture(scope="module")
def agent(broker: Mosquitto, recorder: Recorder) -> Iterator[AgentProcess]:
    """Return an agent with every preset and the users' topics; some publishers were there before it."""
    for case in CASES:
        for each in case.sent:
            if each.topic.endswith("/availability"):
                recorder.publish(each.topic, each.payload, retain=True)
    sources = json.dumps([{"preset": name} for name in PRESETS] + OWN_SOURCES)
    with AgentProcess.with_script(
        broker.port,
        SOURCES=sources,
        DOORBELLS__SKIP_DUPLICATES="true",
        PRESS__DEADLINE_S="0.3",
        PRESS__DEBOUNCE_S="0",
    ) as agent:
        agent.wait_until_ready(recorder)
        yield agent


def _settle(recorder: Recorder, name: str) -> None:
    """Wait until the agent has handled everything that was sent before."""
    recorder.publish(f"doorbell/{name}/press")
    recorder.wait_for(f"doorbell/{name}/ring")
    recorder.publish(f"doorbell/{name}/frame", b"no picture")
    recorder.wait_for(f"doorbell/{name}/answer")


@pytest.mark.broker
@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.preset}: {case.what}")
def test_what_a_publisher_sends_is_understood(agent: AgentProcess, recorder: Recorder, case: Case) -> None:
    topic = f"doorbell/{case.doorbell}"
    for each in case.sent:
        recorder.publish(each.topic, each.payload, retain=each.retain)
    if case.frames:
        recorder.wait_for_count(f"{topic}/faces", case.frames)
    _settle(recorder, f"after-{CASES.index(case)}")
    assert len(recorder.messages(f"{topic}/ring")) == case.rings
    events = recorder.events(f"{topic}/faces")
    assert [event["outcome"] for event in events] == ["face"] * case.frames
    if case.rings and case.frames:
        assert {event["trigger"] for event in events} == {"press"}
    if case.rings or case.frames:
        assert recorder.messages(f"{topic}/availability")[-1].payload.decode() == case.available
    if case.name:
        config = recorder.events(f"homeassistant/device/edge_doorbell_{case.doorbell}/config")[-1]
        assert config["device"]["name"] == case.name
    assert [each.payload for each in recorder.messages(case.asked)] == [b"true"] * bool(case.asked)


@pytest.mark.broker
def test_every_preset_has_a_case() -> None:
    assert {case.preset for case in CASES} == set(PRESETS)
    assert any(case.asked for case in CASES)
    assert any(case.name for case in CASES)


@pytest.mark.broker
@pytest.mark.parametrize(
    ("topic", "payloads", "rings"),
    [
        ("zigbee2mqtt/Door button", ['{"action": "single"}', '{"action": ""}', '{"action": "hold"}'], {"button": 1}),
        (
            "shelly/input/0",
            ['{"state": true}', '{"state": true}', '{"state": false}', '{"state": true}'],
            {"shelly": 2},
        ),
        ("bell/gate/last", ['{"at": 100}', '{"at": 100}', '{"at": "2026-01-02T12:00:00Z"}'], {"gate": 2}),
    ],
)
def test_a_button_needs_no_camera(
    agent: AgentProcess, recorder: Recorder, topic: str, payloads: list[str], rings: dict[str, int]
) -> None:
    for payload in payloads:
        recorder.publish(topic, payload)
    ((doorbell, expected),) = rings.items()
    _settle(recorder, f"settled-{doorbell}")
    assert len(recorder.messages(f"doorbell/{doorbell}/ring")) == expected


@pytest.mark.broker
def test_the_name_of_a_source_is_that_of_its_device(agent: AgentProcess, recorder: Recorder) -> None:
    recorder.publish("zigbee2mqtt/Door button", '{"action": "single"}')
    config = recorder.wait_for("homeassistant/device/edge_doorbell_button/config")
    assert config["device"]["name"] == "Knopf"


@pytest.mark.broker
def test_a_misnamed_doorbell_is_logged_once(agent: AgentProcess, recorder: Recorder) -> None:
    for _ in range(3):
        recorder.publish("doorbell/Haustür/frame", b"x")
    _settle(recorder, "after-misnamed")
    lines = [line for line in agent.log.splitlines() if "Haustür" in line or "Haust\\u00fcr" in line]
    assert len(lines) == 1
    assert "letters, digits, _ or -" in lines[0]
