"""Several agents and several brokers: partitions, shared frames, fallback addresses."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from testing.agent_process import AgentProcess
from testing.broker import Mosquitto
from testing.pictures import jpeg
from testing.recorder import Recorder
from testing.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.slow

SHARED = 12


@pytest.fixture
def listening(mosquitto: Mosquitto) -> Iterator[Recorder]:
    with Recorder(mosquitto.port) as recorder:
        yield recorder


def _ready(recorder: Recorder, agent_id: str) -> None:
    topic = f"edge_agent/{agent_id}/health"
    recorder.wait_for(topic, lambda health: any(worker["state"] == "idle" for worker in health["workers"]))


def _dropped(recorder: Recorder, agent_id: str, reason: str) -> int:
    return int(recorder.last_metrics(agent_id)["dropped"].get(reason, 0))


def _of_agents(port: int, one: dict[str, str], two: dict[str, str]) -> tuple[AgentProcess, AgentProcess]:
    return (
        AgentProcess.with_script(port, None, AGENT_ID="one", POOL__WORKERS="1", **one),
        AgentProcess.with_script(port, None, AGENT_ID="two", POOL__WORKERS="1", **two),
    )


def test_each_press_is_answered_by_the_agent_whose_doorbell_it_is(mosquitto: Mosquitto, listening: Recorder) -> None:
    first, second = _of_agents(
        mosquitto.port, {"DOORBELLS__INCLUDE": "front,back"}, {"DOORBELLS__INCLUDE": "gate-*,shed"}
    )
    with first, second:
        _ready(listening, "one")
        _ready(listening, "two")
        for doorbell in ("front", "gate-1", "back", "shed"):
            listening.publish(f"doorbell/{doorbell}/press", "")
            listening.publish(f"doorbell/{doorbell}/frame", jpeg())
            listening.wait_for(f"doorbell/{doorbell}/answer")
        assert first.stop() == second.stop() == 0
        boots = {
            doorbell: listening.events(f"doorbell/{doorbell}/answer")[0]["boot_id"]
            for doorbell in ("front", "gate-1", "back", "shed")
        }
        assert len(listening.events("doorbell/+/answer")) == len(listening.events("doorbell/+/ring")) == 4
        assert boots["front"] == boots["back"] != boots["gate-1"] == boots["shed"]
        # names are subscribed one by one; a glob subscribes to everything, and ignores other doorbells
        assert _dropped(listening, "one", "other_agent") == 0
        assert _dropped(listening, "two", "other_agent") == 4


def test_a_persistent_session_keeps_no_old_subscriptions(mosquitto: Mosquitto, listening: Recorder) -> None:
    with AgentProcess.with_script(mosquitto.port, AGENT_ID="one", POOL__WORKERS="1") as agent:
        _ready(listening, "one")
        assert agent.stop() == 0
    listening.wait_for_payload("edge_agent/one/availability", b"offline")
    listening.clear()
    with AgentProcess.with_script(
        mosquitto.port, AGENT_ID="one", POOL__WORKERS="1", DOORBELLS__INCLUDE="front"
    ) as agent:
        _ready(listening, "one")
        listening.publish("doorbell/back/frame", jpeg())
        listening.publish("doorbell/front/frame", jpeg())
        listening.wait_for("doorbell/front/faces")
        assert agent.stop() == 0
        assert _dropped(listening, "one", "other_agent") == 0
        assert listening.messages("doorbell/back/faces") == []


def test_agents_of_a_group_take_turns_at_shared_frames(mosquitto: Mosquitto, listening: Recorder) -> None:
    own = {"MQTT__SHARE_GROUP": "lookers", "DOORBELLS__INCLUDE": "nothing"}
    first, second = _of_agents(mosquitto.port, own, own)
    with first, second:
        _ready(listening, "one")
        _ready(listening, "two")
        for number in range(SHARED):
            user = {"frame_id": f"frame-{number}", "trigger": "press"}
            listening.publish(f"doorbell/door{number}/shared_frame", jpeg(), user=user)
        events = [each.json for each in listening.wait_for_count("doorbell/+/faces", SHARED)]
        assert first.stop() == second.stop() == 0
    assert {event["frame_id"] for event in events} == {f"frame-{number}" for number in range(SHARED)}
    assert {event["trigger"] for event in events} == {"motion"}
    assert len(Counter(event["boot_id"] for event in events)) == 2
    # shared frames change no doorbell's state, and imply no press
    assert {message.topic.split("/")[2] for message in listening.messages("doorbell/#")} == {"shared_frame", "faces"}


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_the_next_address_takes_over_when_a_broker_dies(protocol: str) -> None:
    with Mosquitto() as first, Mosquitto() as second, Recorder(second.port) as at_second:
        fallback = f"127.0.0.1:{second.port}"
        settings = {"MQTT__FALLBACKS": fallback, "MQTT__PROTOCOL": protocol, "PRESS__DEBOUNCE_S": "0"}
        with AgentProcess.with_script(first.port, None, **settings) as agent:
            with Recorder(first.port) as at_first:
                agent.wait_until_ready(at_first)
                assert _is_answered(at_first)
            first.kill()
            agent.wait_until_ready(at_second)
            assert _is_answered(at_second)
            # every new connection tries the first address first
            first.start()
            second.kill()
            with Recorder(first.port) as at_first:
                at_first.wait_for_payload("edge_agent/test/availability", b"online")
                assert _is_answered(at_first)
            assert agent.stop() == 0


def _is_answered(recorder: Recorder) -> dict[str, Any]:
    recorder.publish("doorbell/front/press", "")
    recorder.publish("doorbell/front/frame", jpeg())
    return dict(recorder.wait_for("doorbell/front/answer"))


def test_where_no_address_answers_each_is_named_with_its_reason() -> None:
    with Mosquitto() as gone, Mosquitto() as gone_too:
        ports = (gone.port, gone_too.port)
    with AgentProcess.with_script(ports[0], MQTT__FALLBACKS=f"127.0.0.1:{ports[1]}") as agent:
        wait_until(lambda: "trying again" in agent.log)
        said = re.sub(r"\s+", " ", agent.log)
    assert all(f"127.0.0.1:{port}" in said for port in ports)
