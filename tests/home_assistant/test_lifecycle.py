"""The real agent in the real Home Assistant: entities, states, and restarts without side effects."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from edge_agent.ingest.names import doorbell_id
from testing.agent_process import AGENT_ID, AgentProcess
from testing.pictures import jpeg
from testing.waiting import wait_until
from tests.home_assistant.at_home import (
    AGENT,
    DOORBELL,
    MARKS,
    agent_for,
    alert,
    enable,
    entity,
    finished,
    known,
    ring,
    wait_state,
    wait_until_listening,
)
from tests.home_assistant.test_entities import OF_THE_DOORBELL

if TYPE_CHECKING:
    from testing.recorder import Recorder

pytestmark = list(MARKS)


def test_everything_appears_and_follows_a_visit(home: Any, recorder: Recorder) -> None:
    with agent_for(home) as agent:
        agent.wait_until_ready(recorder)
        recorder.publish("doorbell/front/frame", jpeg())
        entity(home, DOORBELL, "face_present")
        devices = {each["identifiers"][0][1]: each for each in home.devices()}
        assert devices[DOORBELL]["via_device_id"] == devices[AGENT]["id"]
        assert devices[DOORBELL]["name"] == "Front doorbell"
        assert {each["type"] for each in home.device_triggers(DOORBELL)} >= {"ring", "face_appeared"}
        wait_state(home, entity(home, AGENT, "connectivity"), "on")
        wait_state(home, entity(home, AGENT, "problem"), "off")
        wait_state(home, entity(home, AGENT, "detector"), "CPU")
        wait_state(home, entity(home, DOORBELL, "camera"), "on")
        wait_state(home, entity(home, DOORBELL, "face_present"), "off")
        ring_entity = entity(home, DOORBELL, "doorbell")
        assert home.state(ring_entity)["state"] == "unknown"
        ring(recorder)
        assert wait_state(home, ring_entity, known)["attributes"]["event_type"] == "ring"
        wait_state(home, entity(home, DOORBELL, "face_present"), "on")
        wait_state(home, entity(home, DOORBELL, "faces"), "1")
        wait_state(home, entity(home, DOORBELL, "confidence"), lambda value: known(value) and float(value) >= 70)
        appeared = wait_state(home, entity(home, DOORBELL, "face"), known)
        assert appeared["attributes"]["event_type"] == "Appeared"
        snapshot = entity(home, DOORBELL, "snapshot")
        wait_state(home, snapshot, known)
        kind, picture = home.image(snapshot)
        assert (kind, picture[:3]) == ("image/jpeg", b"\xff\xd8\xff")
        assert home.image(entity(home, DOORBELL, "snapshot_camera")) == (kind, picture)
        left = entity(home, DOORBELL, "face")
        wait_until(lambda: home.state(left)["attributes"]["event_type"] == "Left", timeout_s=30)
        wait_state(home, entity(home, DOORBELL, "face_present"), "off")
        wait_state(home, entity(home, DOORBELL, "last_seen"), known)
        agent.kill()
        wait_state(home, entity(home, AGENT, "connectivity"), "off")
        for key in ("face_present", "camera", "detection", "snapshot", "snapshot_camera"):
            wait_state(home, entity(home, DOORBELL, key), "unavailable")


def test_a_camera_with_a_name_of_its_own_is_shown_as_it_is(home: Any, recorder: Recorder) -> None:
    device = f"edge_doorbell_{doorbell_id('Haustür links')}"
    with agent_for(home, SOURCES="blue-iris") as agent:
        agent.wait_until_ready(recorder)
        for _ in range(2):
            recorder.publish("BlueIris/Haustür links/alert-image-b64", base64.b64encode(jpeg()))
            entity(home, device, "face_present")
            devices = {each["identifiers"][0][1]: each for each in home.devices()}
            assert devices[device]["name"] == "Haustür links"
            agent.start()
            agent.wait_until_ready(recorder)


def test_each_control_changes_the_agent(home: Any, recorder: Recorder) -> None:
    with agent_for(home) as agent:
        agent.wait_until_ready(recorder)
        recorder.publish("doorbell/front/frame", jpeg())
        enable(home, AGENT, "strategy", "log_level", "restart_pool")
        controls: tuple[tuple[str, str, str, dict[str, Any], str, bytes], ...] = (
            (DOORBELL, "detection", "switch.turn_off", {}, "doorbell/front/detection", b"OFF"),
            (DOORBELL, "min_confidence", "number.set_value", {"value": 85}, "doorbell/front/min_confidence", b"85"),
            (AGENT, "detection", "switch.turn_off", {}, f"edge_agent/{AGENT_ID}/detection", b"OFF"),
            (AGENT, "strategy", "select.select_option", {"option": "CPU"}, f"edge_agent/{AGENT_ID}/strategy", b"cpu"),
            (
                AGENT,
                "log_level",
                "select.select_option",
                {"option": "Error"},
                f"edge_agent/{AGENT_ID}/log_level",
                b"error",
            ),
        )
        for device, key, service, data, topic, payload in controls:
            name = entity(home, device, key)
            wait_state(home, name, known)
            home.call(service, data, {"entity_id": name})
            recorder.wait_for_payload(topic, payload)
        wait_state(home, entity(home, DOORBELL, "min_confidence"), "85")
        wait_state(home, entity(home, DOORBELL, "detection"), "off")
        assert wait_state(home, entity(home, AGENT, "strategy"), "CPU")["attributes"]["options"] == ["Automatic", "CPU"]
        wait_state(home, entity(home, AGENT, "log_level"), "Error")
        before = {each["pid"] for each in recorder.events(f"edge_agent/{AGENT_ID}/health")[-1]["workers"]}
        home.call("button.press", {}, {"entity_id": entity(home, AGENT, "restart_pool")})
        recorder.wait_for(
            f"edge_agent/{AGENT_ID}/health",
            lambda health: health["workers_alive"] == 2 and not before & {each["pid"] for each in health["workers"]},
        )
        recorder.publish(f"edge_agent/{AGENT_ID}/command/remove", "front")
        wait_until(lambda: home.device_id(DOORBELL) is None, why=lambda: str(home.devices()))


def runs(home: Any, automation: str) -> int:
    return len(home.traces(automation))


def test_automations_run_once_and_never_because_of_a_restart(home: Any, recorder: Recorder) -> None:
    """Agent, Home Assistant and broker are restarted one after the other; afterwards all states are the same."""
    with agent_for(home) as agent:
        agent.wait_until_ready(recorder)
        recorder.publish("doorbell/front/frame", jpeg())
        wait_until_listening(home)
        wait_state(home, entity(home, DOORBELL, "snapshot"), "unknown")
        note = [{"event": "alerted", "event_data": {"message": "{{ message }}", "picture": "{{ picture }}"}}]
        automations = [
            alert(home, "doorbell_alert", quiet_time=0, picture_wait=3, alert=note),
            {
                "id": "naive", "alias": "naive", "mode": "parallel",
                "triggers": [{"trigger": "state", "entity_id": entity(home, DOORBELL, "doorbell"),
                              "not_to": ["unavailable", "unknown"], "not_from": ["unavailable"]}],
                "actions": [{"event": "rang"}],
            },
        ]  # fmt: skip
        home.automations(automations)
        wait_until(lambda: len(home.states("automation.")) == 2)
        ring(recorder)
        wait_until(lambda: runs(home, "doorbell_alert") >= 1 and runs(home, "naive") >= 1, timeout_s=30)
        recorder.wait_for("doorbell/front/visit", lambda visit: visit["event_type"] == "face_left", timeout_s=30)
        before = (runs(home, "doorbell_alert"), runs(home, "naive"))
        assert before[1] == 1
        assert before[0] in {1, 2}, "once for the ring and once for the face, unless the ring's alert still waits"
        assert all(not each.get("error") for each in home.traces("doorbell_alert"))

        agent.kill()
        agent.start()
        settle(home)
        home.restart_ha()
        settle(home)
        assert (runs(home, "doorbell_alert"), runs(home, "naive")) == before
        home.restart_broker(down=1.0)
        settle(home)
        assert (runs(home, "doorbell_alert"), runs(home, "naive")) == before
        home.pub("doorbell/front/press")
        home.pub("doorbell/front/frame", jpeg(seed=3))
        wait_until(lambda: runs(home, "naive") == before[1] + 1, timeout_s=30)


def settle(home: Any) -> None:
    """Wait until Home Assistant shows the agent again, and the doorbell, which keeps sending."""
    detection = entity(home, DOORBELL, "detection")

    def is_back() -> bool:
        home.pub("doorbell/front/frame", jpeg())
        return bool((home.state(detection) or {}).get("state") == "on")

    wait_until(is_back, timeout_s=60, why=lambda: str(home.states("switch.")))
    wait_state(home, entity(home, AGENT, "connectivity"), "on")
    wait_state(home, entity(home, AGENT, "detector"), "CPU")


def test_an_unanswered_press_alerts_once_and_an_open_door_answers(home: Any, recorder: Recorder) -> None:
    with agent_for(home, PRESS__DEBOUNCE_S="0") as agent:
        agent.wait_until_ready(recorder)
        recorder.publish("doorbell/front/frame", jpeg())
        answered = entity(home, AGENT, "detection")
        wait_state(home, answered, "on")
        wait_until_listening(home)
        home.call("switch.turn_off", {}, {"entity_id": answered})
        wait_state(home, answered, "off")
        home.automations(
            [alert(home, "nobody_answered", answered=[answered], patience=3, missed=[{"event": "missed"}])]
        )
        wait_until(lambda: len(home.states("automation.")) == 1)
        ring(recorder, jpeg())
        wait_until(
            lambda: finished(home, "nobody_answered") == ["finished"],
            timeout_s=30,
            why=lambda: str(home.traces("nobody_answered")),
        )
        ring(recorder, jpeg(seed=1))
        recorder.wait_for_count("doorbell/front/ring", 2)
        wait_until(lambda: runs(home, "nobody_answered") == 2)
        home.call("switch.turn_on", {}, {"entity_id": answered})
        wait_until(lambda: sorted(finished(home, "nobody_answered")) == ["failed_conditions", "finished"] or
                   sorted(finished(home, "nobody_answered")) == ["aborted", "finished"], timeout_s=30,
                   why=lambda: str(home.traces("nobody_answered")))  # fmt: skip


def test_24_doorbells_are_registered_at_once(home: Any, recorder: Recorder) -> None:
    with AgentProcess.with_script(home.d["mqtt_port"]) as agent:
        agent.wait_until_ready(recorder)
        for number in range(24):
            recorder.publish(f"doorbell/door{number}/frame", jpeg())
        wait_until(lambda: len(home.devices()) == 25, why=lambda: str(len(home.devices())))
        expected = 24 * len(OF_THE_DOORBELL)
        wait_until(lambda: sum(each["unique_id"].startswith("edge_doorbell_") for each in home.entities()) == expected)
