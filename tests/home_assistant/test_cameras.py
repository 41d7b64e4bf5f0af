"""Cameras and doorbells that the real Home Assistant knows: stills, presses and motion through its API."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from testing.photos import face_photo
from testing.waiting import wait_until
from tests.home_assistant.at_home import MARKS, agent_for, known, wait_state

if TYPE_CHECKING:
    from testing.agent_process import AgentProcess
    from testing.recorder import Recorder

pytestmark = list(MARKS)

CAMERA, BELL, MOTION = "camera.porch", "event.bell", "binary_sensor.porch_motion"


def announce(home: Any, recorder: Recorder) -> None:
    """Give Home Assistant a camera, a doorbell and a motion sensor of another publisher."""
    configs: dict[str, dict[str, Any]] = {
        "camera/porch": {"name": "porch", "topic": "other/porch/picture"},
        "event/bell": {
            "name": "bell",
            "state_topic": "other/porch/bell",
            "event_types": ["ring"],
            "device_class": "doorbell",
            "availability_topic": "other/porch/availability",
        },
        "binary_sensor/porch_motion": {
            "name": "porch motion",
            "state_topic": "other/porch/motion",
            "device_class": "motion",
        },
    }
    for name, config in configs.items():
        said = json.dumps(config | {"unique_id": f"other-{name}"})
        recorder.publish(f"homeassistant/{name}/config", said, retain=True)
    recorder.publish("other/porch/availability", "online", retain=True)
    wait_until(lambda: {CAMERA, BELL, MOTION} <= {each["entity_id"] for each in home.entities()})
    wait_state(home, BELL, "unknown")
    recorder.publish("other/porch/motion", "OFF", retain=True)
    wait_state(home, MOTION, "off")
    recorder.publish("other/porch/picture", face_photo(), retain=True)


def agent_with_camera(home: Any, **changes: Any) -> AgentProcess:
    camera: dict[str, Any] = {
        "url": f"home-assistant:{CAMERA}",
        "press_entity": BELL,
        "motion_entity": MOTION,
        "idle_interval_s": 60,
    } | changes
    return agent_for(
        home,
        CAMERAS=json.dumps([camera]),
        HOME_ASSISTANT__URL=f"http://127.0.0.1:{home.d['http_port']}",
        HOME_ASSISTANT__TOKEN=home.d["token"],
    )


def is_live(health: dict[str, Any]) -> bool:
    return any(each["state"] == "live" and each["frames"] for each in health["cameras"])


def test_a_press_of_an_event_entity_is_answered(home: Any, recorder: Recorder) -> None:
    announce(home, recorder)
    with agent_with_camera(home) as agent:
        agent.wait_until_ready(recorder)
        recorder.wait_for("edge_agent/test/health", is_live)
        recorder.publish("other/porch/bell", '{"event_type": "ring"}')
        answer = recorder.wait_for("doorbell/front/answer")
        assert answer["event_type"] == "face"
        assert len(recorder.messages("doorbell/front/press")) == 1
        recorder.publish("other/porch/availability", "offline", retain=True)
        wait_state(home, BELL, "unavailable")
        recorder.publish("other/porch/availability", "online", retain=True)
        wait_state(home, BELL, known)
        recorder.publish("other/porch/motion", "ON")
        recorder.wait_for("doorbell/front/faces", lambda event: event["trigger"] == "motion")
        assert len(recorder.messages("doorbell/front/ring")) == 1, "an entity that returns is no press"
        assert home.d["token"] not in agent.log


def test_a_home_assistant_that_restarts_is_followed_again(home: Any, recorder: Recorder) -> None:
    announce(home, recorder)
    with agent_with_camera(home) as agent:
        agent.wait_until_ready(recorder)
        recorder.wait_for("edge_agent/test/health", is_live)
        home.restart_ha()
        wait_state(home, BELL, lambda state: state != "unavailable")
        recorder.clear()
        recorder.publish("other/porch/picture", face_photo(), retain=True)
        recorder.wait_for("edge_agent/test/health", is_live)

        def is_answered() -> bool:
            recorder.publish("other/porch/bell", '{"event_type": "ring"}')
            return bool(recorder.messages("doorbell/front/answer"))

        wait_until(is_answered)
        assert recorder.messages("doorbell/front/press")


def test_a_wrong_token_is_a_reason(home: Any, recorder: Recorder) -> None:
    announce(home, recorder)
    with agent_for(
        home,
        CAMERAS=json.dumps([{"url": f"home-assistant:{CAMERA}", "press_entity": BELL}]),
        HOME_ASSISTANT__URL=f"http://127.0.0.1:{home.d['http_port']}",
        HOME_ASSISTANT__TOKEN="wrong",
    ) as agent:
        agent.wait_until_ready(recorder)
        recorder.wait_for(
            "edge_agent/test/health",
            lambda health: any(each["reason"] == "password_refused" for each in health["cameras"]),
        )
