"""Doorbells that appear, are deleted, and outlive restarts in a real Home Assistant: no ring lost, none twice."""

from __future__ import annotations

import json
import urllib.error
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from edge_agent import topics
from testing.agent_process import AGENT_ID, AgentProcess
from testing.pictures import jpeg
from testing.recorder import Recorder
from testing.waiting import wait_until
from tests.home_assistant.at_home import (
    AGENT,
    DOORBELL,
    MARKS,
    StateChanges,
    agent_for,
    entity,
    known,
    wait_state,
    wait_until_listening,
)

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = list(MARKS)

NEW = tuple(f"new{number}" for number in range(7))


def test_the_first_ring_of_a_new_doorbell_arrives_once_with_its_picture(home: Any, recorder: Recorder) -> None:
    """Seven of seven, each by a press and a frame at once."""
    with AgentProcess.with_script(home.d["mqtt_port"]) as agent:
        agent.wait_until_ready(recorder)
        entity(home, AGENT, "connectivity")
        changes = StateChanges(home)
        for name in NEW:
            recorder.publish(topics.press(name), "")
            recorder.publish(topics.frame(name), jpeg())
            device = f"edge_doorbell_{name}"
            wait_state(home, entity(home, device, "doorbell"), known)
            wait_state(home, entity(home, device, "snapshot"), known)
        for name in NEW:
            device = f"edge_doorbell_{name}"
            rings = [state for state in changes.of(entity(home, device, "doorbell")) if known(state)]
            assert len(rings) == 1, name
            _, picture = home.image(entity(home, device, "snapshot"))
            assert picture == recorder.messages(topics.snapshot(name))[-1].payload
            assert len(recorder.messages(topics.ring(name))) == 1


def announced_camera(home: Any) -> str:
    """Return a camera that shows new and last snapshots."""
    config = {"name": "View", "unique_id": "view", "topic": topics.every_snapshot("front")}
    home.pub("homeassistant/camera/view/config", json.dumps(config), retain=True)
    found = wait_until(lambda: [each["entity_id"] for each in home.entities() if each["unique_id"] == "view"])
    return str(found[0])


def shown_by(home: Any, camera: str) -> bytes:
    """Return what a camera shows, or nothing before its first picture: Home Assistant answers 500 then."""
    try:
        return bytes(home.image(camera)[1])
    except urllib.error.HTTPError as error:
        if error.code != HTTPStatus.INTERNAL_SERVER_ERROR:
            raise
        return b""


def wait_until_received(home: Any, recorder: Recorder, percent: str) -> None:
    """Wait until Home Assistant has received everything that the agent published: an option comes after it."""
    recorder.publish(topics.doorbell_option_set("front", "min_confidence"), percent)
    wait_state(home, entity(home, DOORBELL, "min_confidence"), percent)


def test_a_birth_changes_no_picture_and_a_camera_has_it_after_a_restart(home: Any, recorder: Recorder) -> None:
    """The birth of a second Home Assistant, a restart of the broker, and one of Home Assistant itself."""
    with AgentProcess.with_script(home.d["mqtt_port"]) as agent:
        agent.wait_until_ready(recorder)
        recorder.publish("doorbell/front/frame", jpeg())
        wait_until_listening(home)
        camera = announced_camera(home)
        snapshot = entity(home, DOORBELL, "snapshot")
        recorder.publish("doorbell/front/frame", jpeg(seed=1), user={"trigger": "press"})
        recorder.wait_for_count(topics.answer("front"), 1)
        wait_until_received(home, recorder, "51")
        taken_at, picture = home.state(snapshot)["state"], home.image(snapshot)[1]
        assert known(taken_at)
        changes = StateChanges(home)
        recorder.publish(topics.home_assistant_status(), "online")
        recorder.wait_for_count(topics.last_snapshot("front"), 1)
        wait_until_received(home, recorder, "52")
        assert changes.of(snapshot) == []
        assert home.image(camera)[1] == picture
        home.restart_broker(down=1.0)
        wait_state(home, snapshot, "unavailable")
        wait_state(home, snapshot, taken_at)
        recorder.clear()
        home.restart_ha()
        recorder.wait_for_count(topics.last_snapshot("front"), 1)
        wait_state(home, snapshot, "unknown")
        wait_until(lambda: shown_by(home, camera) == picture, timeout_s=20)
        assert home.state(snapshot)["state"] == "unknown"


def test_a_device_deleted_in_home_assistant_returns_with_the_next_frame(home: Any, recorder: Recorder) -> None:
    with AgentProcess.with_script(home.d["mqtt_port"]) as agent:
        agent.wait_until_ready(recorder)
        recorder.publish("doorbell/front/frame", jpeg())
        wait_until_listening(home)
        device = next(each for each in home.devices() if ["mqtt", DOORBELL] in each["identifiers"])
        entry = device["config_entries"][0]
        home.ws("config/device_registry/remove_config_entry", device_id=device["id"], config_entry_id=entry)
        recorder.wait_for_payload(topics.doorbell_state("front"), b"")
        assert home.device_id(DOORBELL) is None
        recorder.publish("doorbell/front/press", "")
        recorder.publish("doorbell/front/frame", jpeg())
        wait_until_listening(home)
        wait_state(home, entity(home, DOORBELL, "doorbell"), known)


def test_a_birth_is_received_whatever_the_discovery_prefix(harness: Any, installation: Path, tmp_path: Path) -> None:
    with (
        harness.start(tmp_path / "home", installation, prefix="own") as home,
        Recorder(home.d["mqtt_port"]) as recorder,
        AgentProcess.with_script(home.d["mqtt_port"], HOME_ASSISTANT__PREFIX="own") as agent,
    ):
        agent.wait_until_ready(recorder)
        entity(home, AGENT, "connectivity")
        recorder.clear()
        home.restart_ha()
        recorder.wait_for_payload("homeassistant/status", b"online")
        recorder.wait_for_count(f"own/device/edge_agent_{AGENT_ID}/config", 1)


def test_doorbells_have_different_names(home: Any, recorder: Recorder) -> None:
    """Those with like names, and one with a name of the settings."""
    settings = {"DOORBELLS__EACH": '{"54e019a3f2c7": {"name": "Gate"}}'}
    with AgentProcess.with_script(home.d["mqtt_port"], None, **settings) as agent:
        agent.wait_until_ready(recorder)
        for name in ("front-door", "front_door", "54e019a3f2c7"):
            recorder.publish(topics.frame(name), jpeg())
        expected = {
            f"Edge agent {AGENT_ID}",
            "Front door doorbell (front-door)",
            "Front door doorbell (front_door)",
            "Gate",
        }
        wait_until(lambda: {each["name"] for each in home.devices()} == expected, why=lambda: str(home.devices()))
        entities = [each["entity_id"] for each in home.entities()]
        assert len(set(entities)) == len(entities)


def test_each_ring_arrives_once_after_restarts_of_agent_broker_and_home_assistant(home: Any) -> None:
    """Also one during the broker's restart, when Home Assistant has not connected again. No other client listens to it.

    The broker delivers none of these presses again.
    """
    with (
        Recorder(home.d["mqtt_port"], topic_filter=topics.health(AGENT_ID)) as health,
        agent_for(home, PRESS__DEBOUNCE_S="0") as agent,
    ):
        agent.wait_until_ready(health)
        home.pub(topics.frame("front"), jpeg())
        wait_until_listening(home)
        ring = entity(home, DOORBELL, "doorbell")
        rings, ids = list[str](), list[str]()

        def press() -> None:
            home.pub(topics.press("front"), "x", qos=0)
            rings.append(wait_state(home, ring, lambda value: known(value) and value not in rings)["state"])
            ids.append(home.state(ring)["attributes"]["press_id"])

        press()
        agent.kill()
        agent.start()
        agent.wait_until_ready(health)
        press()
        home.restart_broker(down=1.0)
        wait_until(lambda: agent.log.count("connected to the broker") == 3)
        press()
        home.restart_ha()
        press()
        agent.kill()
        home.restart_broker(down=0.0)
        agent.start()
        agent.wait_until_ready(health)
        press()
        changes = StateChanges(home)
        press()
        assert [state for state in changes.of(ring) if known(state)] == rings[-1:]
        assert len(rings) == len(set(ids)) == 6
        assert agent.log.count("doorbell pressed") == 6
