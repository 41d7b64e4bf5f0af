"""What the agent announces, and when: `online`, discovery, then events; deleted devices; other agents; names."""

from __future__ import annotations

import re
import time
from itertools import permutations
from typing import TYPE_CHECKING, Any

import pytest

from edge_agent import topics
from testing.agent_process import AGENT_ID, AgentProcess
from testing.pictures import jpeg
from testing.recorder import Recorder
from testing.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from testing.broker import Mosquitto

pytestmark = pytest.mark.broker

ONLINE = topics.agent_availability(AGENT_ID)
AGENT_CONFIG = f"homeassistant/device/edge_agent_{AGENT_ID}/config"
CONFIG = "homeassistant/device/edge_doorbell_front/config"
RING = topics.ring("front")
ENTITY_RING = topics.entity_event("front", "ring")


@pytest.fixture
def recorder(mosquitto: Mosquitto) -> Iterator[Recorder]:
    with Recorder(mosquitto.port) as recorder:
        yield recorder


@pytest.fixture
def agent(mosquitto: Mosquitto, recorder: Recorder) -> Iterator[AgentProcess]:
    with AgentProcess.with_script(mosquitto.port, PRESS__DEBOUNCE_S="0") as agent:
        agent.wait_until_ready(recorder)
        yield agent


def order(recorder: Recorder, since_s: float = 0.0) -> list[str]:
    """Return the topics of the agent's beginning, its announcements and rings in the order of their arrival."""
    kept = {ONLINE: b"online", AGENT_CONFIG: None, CONFIG: None, RING: None, ENTITY_RING: None}
    found = [
        each.topic
        for each in recorder.messages("#")
        if each.at_s >= since_s and each.topic in kept and kept[each.topic] in {None, each.payload}
    ]
    return list(dict.fromkeys(found))


def test_a_press_that_waited_for_the_agent_comes_after_its_announcement(
    mosquitto: Mosquitto, recorder: Recorder, agent: AgentProcess
) -> None:
    """For a doorbell that the broker knows, and for one that is new."""
    del mosquitto
    for cleared in (False, True):
        agent.kill()
        recorder.wait_for_payload(ONLINE, b"offline")
        if cleared:
            recorder.publish(CONFIG, b"", retain=True)
        recorder.clear()
        started_s = time.monotonic()
        recorder.publish("doorbell/front/press", "")
        agent.start()
        recorder.wait_for_count(ENTITY_RING, 1)
        agent.wait_until_ready(recorder)
        recorder.wait_for_count(topics.answer("front"), 1)
        assert order(recorder, started_s) == [ONLINE, AGENT_CONFIG, CONFIG, RING, ENTITY_RING]
        assert len(recorder.messages(ENTITY_RING)) == 1


def sent(mosquitto: Mosquitto) -> list[list[str]]:
    """Return the topics that the agent published to, by connection, as the broker's log has them."""
    client = re.escape(f"edge_agent-{AGENT_ID}")
    found = re.finditer(rf"as ({client}) \(|Received PUBLISH from {client} \([^']*'([^']*)'", mosquitto.log)
    connections: list[list[str]] = []
    for match in found:
        if match[1]:
            connections.append([])
        else:
            connections[-1].append(match[2])
    return connections


CONNECTED = "connected to the broker with"
EVENTS = frozenset({RING, ENTITY_RING, topics.answer("front"), topics.faces("front"), topics.visit("front")})


@pytest.mark.slow
def test_after_restarts_in_any_order_events_come_after_online_and_discovery(
    mosquitto: Mosquitto, agent: AgentProcess
) -> None:
    """Of agent, broker and Home Assistant; a press waits for the agent each time, and another comes afterwards."""

    def wait_until_connected(before: int) -> None:
        wait_until(lambda: agent.log.count(CONNECTED) > before, timeout_s=30)

    def restart_agent() -> None:
        before = agent.log.count(CONNECTED)
        agent.kill()
        with Recorder(mosquitto.port) as client:
            client.publish("doorbell/front/press", "")
        agent.start()
        wait_until_connected(before)

    def restart_broker() -> None:
        before = agent.log.count(CONNECTED)
        mosquitto.stop()
        mosquitto.start()
        wait_until_connected(before)

    def restart_home_assistant() -> None:
        with Recorder(mosquitto.port) as client:
            client.publish("homeassistant/status", "online")

    for number, steps in enumerate(permutations((restart_agent, restart_broker, restart_home_assistant)), start=1):
        for step in steps:
            step()
        with Recorder(mosquitto.port) as client:
            agent.wait_until_ready(client)
            client.publish("doorbell/front/frame", jpeg(seed=number), user={"trigger": "press"})
            client.wait_for(topics.faces("front"))
    connections = sent(mosquitto)
    assert len(connections) >= 2 * 6
    connections = [each for each in connections if each]
    for each in connections:  # one that is killed at once may not come to the second
        assert each[:2] == [ONLINE, AGENT_CONFIG][: len(each)]
    with_events = [each for each in connections if EVENTS.intersection(each)]
    assert len(with_events) >= 6
    for each in with_events:
        assert each.index(CONFIG) < min(each.index(event) for event in EVENTS.intersection(each))


def test_the_first_ring_of_a_doorbell_is_held_for_entities_only(agent: AgentProcess, recorder: Recorder) -> None:
    """Other clients get it at once; both get it once."""
    del agent
    recorder.publish("doorbell/front/press", "")
    recorder.publish("doorbell/front/frame", jpeg())
    (copy,) = recorder.wait_for_count(ENTITY_RING, 1)
    recorder.wait_for_count(topics.entity_event("front", "visit"), 1)
    (config,), (ring,) = recorder.messages(CONFIG), recorder.messages(RING)
    assert copy.payload == ring.payload
    assert ring.at_s - config.at_s < 0.5
    assert copy.at_s - config.at_s > 0.9
    recorder.wait_for_count(topics.snapshot("front"), 2)
    assert len(recorder.messages(topics.faces("front"))) == len(recorder.messages(topics.answer("front"))) == 1
    recorder.publish("doorbell/front/press", "")
    recorder.wait_for_count(ENTITY_RING, 2)
    assert len(recorder.messages(RING)) == 2


def test_a_ring_that_no_client_receives_is_sent_again(mosquitto: Mosquitto) -> None:
    """Home Assistant may take longer to subscribe, or connect again after a restart of the broker."""
    with (
        Recorder(mosquitto.port, topic_filter=topics.health(AGENT_ID)) as health,
        Recorder(mosquitto.port, topic_filter=RING) as other,
        AgentProcess.with_script(mosquitto.port) as agent,
    ):
        agent.wait_until_ready(health)
        other.publish("doorbell/front/press", "")
        other.wait_for_count(RING, 1)
        announced_s = time.monotonic()
        with Recorder(mosquitto.port, topic_filter=topics.answer("front")) as later:
            later.wait_for_count(topics.answer("front"), 1)
        assert time.monotonic() - announced_s > 2
        with Recorder(mosquitto.port, topic_filter=ENTITY_RING) as home_assistant:
            home_assistant.wait_for_count(ENTITY_RING, 1)
            other.publish("doorbell/front/press", "")
            other.wait_for_count(RING, 2)
            rings = home_assistant.wait_for_count(ENTITY_RING, 2)
    assert [each.json["event_id"] for each in rings] == [each.json["event_id"] for each in other.messages(RING)]


def test_a_birth_publishes_last_snapshots_on_a_topic_of_their_own(agent: AgentProcess, recorder: Recorder) -> None:
    """Nobody takes them for new ones."""
    del agent
    recorder.publish("doorbell/front/frame", jpeg(), user={"trigger": "press"})
    *_, picture = recorder.wait_for_count(topics.snapshot("front"), 2)
    recorder.wait_for_count(topics.best_face("front"), 2)
    recorder.clear()
    recorder.publish("homeassistant/status", "online")
    (last,) = recorder.wait_for_count(topics.last_snapshot("front"), 1)
    assert last.payload == picture.payload
    assert not last.retained
    assert recorder.messages(topics.snapshot("front")) == recorder.messages(topics.best_face("front")) == []


def test_births_are_received_with_an_own_discovery_prefix(mosquitto: Mosquitto, recorder: Recorder) -> None:
    with AgentProcess.with_script(mosquitto.port, HOME_ASSISTANT__PREFIX="own/ha") as agent:
        agent.wait_until_ready(recorder)
        own_config = f"own/ha/device/edge_agent_{AGENT_ID}/config"
        for count, status in enumerate(("homeassistant/status", "own/ha/status"), start=2):
            recorder.publish(status, "online")
            recorder.wait_for_count(own_config, count)


def test_a_doorbell_deleted_in_home_assistant_returns_with_its_next_frame(
    agent: AgentProcess, recorder: Recorder
) -> None:
    """So does the agent itself."""
    del agent
    recorder.publish("doorbell/front/frame", jpeg())
    recorder.wait_for_count(topics.faces("front"), 1)
    for topic in (CONFIG, AGENT_CONFIG):
        recorder.publish(topic, b"", retain=True)
    recorder.wait_for_payload(topics.doorbell_state("front"), b"")
    recorder.clear()
    recorder.publish("doorbell/front/frame", jpeg())
    for topic in (CONFIG, AGENT_CONFIG):
        (message,) = recorder.wait_for_count(topic, 1)
        assert message.payload
    recorder.wait_for_count(topics.faces("front"), 1)


def test_a_frame_during_a_deletion_adds_the_doorbell_once_more(agent: AgentProcess, recorder: Recorder) -> None:
    """Home Assistant sends one empty message for each component of a device."""
    del agent
    recorder.publish("doorbell/front/frame", jpeg())
    recorder.wait_for_count(topics.faces("front"), 1)
    for number in range(12):
        recorder.publish(CONFIG, b"", retain=True)
        if number == 5:
            recorder.publish("doorbell/front/press", "")
    recorder.wait_for_count(topics.answer("front"), 1)
    assert recorder.messages(CONFIG)[-1].payload
    assert len(recorder.messages(ENTITY_RING)) == 1


def test_a_doorbell_removed_by_command_returns_and_stays(agent: AgentProcess, recorder: Recorder) -> None:
    """The agent's own message that removes it, which the broker sends back, removes it once."""
    del agent
    recorder.publish("doorbell/front/frame", jpeg())
    recorder.wait_for_count(CONFIG, 1)
    recorder.publish(topics.agent_command(AGENT_ID, "remove"), "front")
    recorder.publish("doorbell/front/frame", jpeg())
    recorder.wait_for_count(topics.faces("front"), 2)
    recorder.publish(topics.agent_command(AGENT_ID, "health"))
    assert [bool(each.payload) for each in recorder.wait_for_count(CONFIG, 3)] == [True, False, True]


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_a_retained_press_does_not_ring(mosquitto: Mosquitto, recorder: Recorder, protocol: str) -> None:
    """Neither at the start, nor sent again by a bridge, which MQTT 5 lets the agent notice."""
    recorder.publish("doorbell/front/press", "pressed", retain=True)
    with AgentProcess.with_script(mosquitto.port, MQTT__PROTOCOL=protocol) as agent:
        agent.wait_until_ready(recorder)
        if protocol == "5":
            recorder.publish("doorbell/front/press", "again", retain=True)
        recorder.publish("doorbell/back/press", "")
        recorder.wait_for_count(topics.ring("back"), 1)
        assert agent.stop() == 0
        assert recorder.last_metrics(AGENT_ID)["dropped"]["retained"] == (2 if protocol == "5" else 1)
        assert recorder.messages(RING) == []


def problems(recorder: Recorder, agent: str) -> list[Any]:
    return [each for each in recorder.events(topics.health(agent))[-1]["problems"] if each["code"] == "two_agents"]


def test_two_agents_of_one_doorbell_say_so_until_one_is_gone(mosquitto: Mosquitto, recorder: Recorder) -> None:
    """The one that stays announces the doorbell again."""
    with (
        AgentProcess.with_script(mosquitto.port, AGENT_ID="one") as one,
        AgentProcess.with_script(mosquitto.port, AGENT_ID="two") as two,
    ):
        for name in ("one", "two"):
            recorder.wait_for(topics.health(name), lambda health: health["workers_alive"] == 2)
        recorder.publish("doorbell/front/frame", jpeg())
        for name, other in (("one", "two"), ("two", "one")):
            wait_until(lambda name=name: problems(recorder, name), timeout_s=30)  # type: ignore[misc]
            (problem,) = problems(recorder, name)
            assert problem["text"].startswith(f"The agent {other} handles front, too: each press rings twice")
        assert two.stop() == 0
        wait_until(lambda: not problems(recorder, "one"), timeout_s=30)
        assert recorder.messages(CONFIG)[-1].json["device"]["via_device"] == "edge_agent_one"
        assert len(recorder.messages(CONFIG)) <= 5
        assert one.stop() == 0


def test_doorbells_have_the_names_of_the_settings_and_never_the_same_one(
    mosquitto: Mosquitto, recorder: Recorder
) -> None:
    settings = {
        "DOORBELLS__EACH": '{"54e019a3f2c7": {"name": "Gate"}}',
        "SOURCES": '[{"frame": "cam/image", "doorbell": "cam", "name": "Garden"}]',
    }
    with AgentProcess.with_script(mosquitto.port, None, **settings) as agent:
        agent.wait_until_ready(recorder)
        for topic in ("doorbell/54e019a3f2c7/frame", "cam/image", "doorbell/a-b/frame", "doorbell/a_b/frame"):
            recorder.publish(topic, jpeg())
        recorder.wait_for_count(topics.faces("a_b"), 1)
        configs = {
            each.topic.split("/")[2].removeprefix("edge_doorbell_"): each.json["device"]["name"]
            for each in recorder.messages("homeassistant/device/+/config")
        }
    assert configs == {
        f"edge_agent_{AGENT_ID}": f"Edge agent {AGENT_ID}",
        "54e019a3f2c7": "Gate",
        "cam": "Garden",
        "a-b": "A b doorbell (a-b)",
        "a_b": "A b doorbell (a_b)",
    }
