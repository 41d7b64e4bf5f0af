"""Options over MQTT, with a real broker and a real agent: set, echoed, applied, stored."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from testing.agent_process import AGENT_ID, AgentProcess
from testing.pictures import jpeg
from testing.recorder import Recorder
from tests.command_line import edge_agent
from tests.stand_in import Stick

if TYPE_CHECKING:
    from pathlib import Path

    from testing.broker import Mosquitto

pytestmark = pytest.mark.broker

AGENT = f"edge_agent/{AGENT_ID}"
HEALTH = f"{AGENT}/health"


def test_options_are_echoed_applied_and_stored(mosquitto: Mosquitto, recorder: Recorder) -> None:
    with AgentProcess.with_script(mosquitto.port) as agent:
        agent.wait_until_ready(recorder)
        recorder.wait_for_payload(f"{AGENT}/detection", b"ON")
        recorder.publish("doorbell/front/frame", jpeg())
        recorder.wait_for("doorbell/front/faces", lambda event: event["outcome"] == "face")
        recorder.wait_for_payload("doorbell/front/min_confidence", b"70")
        recorder.publish("doorbell/front/min_confidence/set", "95")
        recorder.wait_for_payload("doorbell/front/min_confidence", b"95")
        recorder.publish("doorbell/front/frame", jpeg(seed=1))
        event = recorder.wait_for("doorbell/front/faces", lambda event: event["outcome"] == "no_face")
        assert event["rejected"][0]["reason"] == "below_min_confidence"
        recorder.clear()
        recorder.publish("doorbell/front/min_confidence/set", "a lot")
        recorder.wait_for_payload("doorbell/front/min_confidence", b"95")
        agent.kill()
        agent.start()
        agent.wait_until_ready(recorder)
        recorder.publish("doorbell/front/frame", jpeg(seed=2))
        assert recorder.wait_for("doorbell/front/faces")["outcome"] == "no_face"


def test_a_press_rings_while_detection_is_off(mosquitto: Mosquitto, recorder: Recorder) -> None:
    with AgentProcess.with_script(mosquitto.port, PRESS__DEADLINE_S="1") as agent:
        agent.wait_until_ready(recorder)
        recorder.publish(f"{AGENT}/detection/set", "OFF")
        recorder.wait_for_payload(f"{AGENT}/detection", b"OFF")
        recorder.publish("doorbell/front/frame", jpeg())
        recorder.publish("doorbell/front/press", "")
        recorder.publish("doorbell/front/frame", jpeg(seed=1))
        recorder.wait_for("doorbell/front/ring")
        answer = recorder.wait_for("doorbell/front/answer")
        assert (answer["event_type"], answer["reason"]) == ("failed", "detection_off")
        assert answer["detail"] == "detection is switched off"
        assert [event["trigger"] for event in recorder.events("doorbell/front/faces")] == ["press"]
        metrics = recorder.wait_for(f"{AGENT}/metrics", lambda metrics: metrics["failed"])
        assert (metrics["failed"], metrics["shed"]) == ({"detection_off": 1}, {"detection_off": 1})
        assert recorder.messages(f"{AGENT}/error") == [], "a user's setting is not an error"


def test_the_strategy_is_chosen_over_mqtt(mosquitto: Mosquitto, recorder: Recorder, tmp_path: Path) -> None:
    stick = Stick(tmp_path)
    settings = {
        "DETECTION__STRATEGIES": "edgetpu,mock",
        "DETECTION__SECOND_STAGE": "off",
        "DETECTION__MOCK_SCRIPT": '{"latency_ms": 150}',
        "DETECTION__EDGETPU_LIBRARY": str(stick.library),
        "DETECTION__EDGETPU_MODEL": str(stick.model),
        "POOL__PROBE_BACKOFF_S": "0.3",
    }
    with AgentProcess(mosquitto.port, **settings) as agent:
        agent.wait_until_ready(recorder)
        recorder.wait_for(HEALTH, lambda health: "edgetpu" in [each["strategy"] for each in health["workers"]])
        recorder.publish(f"{AGENT}/strategy/set", "mock")
        recorder.wait_for_payload(f"{AGENT}/strategy", b"mock")
        recorder.wait_for(HEALTH, lambda health: health["accelerators"][0]["state"] == "off")
        recorder.clear()
        recorder.publish(f"{AGENT}/strategy/set", "auto")
        recorder.wait_for_payload(f"{AGENT}/strategy", b"auto")
        recorder.wait_for(HEALTH, lambda health: health["accelerators"][0]["state"] == "in_use")
        stick.does("crash")
        recorder.publish("doorbell/front/press", "")
        recorder.publish("doorbell/front/frame", jpeg())
        assert recorder.wait_for("doorbell/front/answer")["event_type"] == "face"
        health = recorder.wait_for(HEALTH, lambda health: health["status"] == "degraded")
        assert "Coral lost since" in "; ".join(health["reasons"])
        recorder.clear()
        stick.does("work")
        health = recorder.wait_for(HEALTH, lambda health: health["status"] == "ok")
        assert health["accelerators"][0]["state"] == "in_use"


def test_remove_clears_everything_that_was_retained_for_a_doorbell(mosquitto: Mosquitto, recorder: Recorder) -> None:
    broker = ("--host", "127.0.0.1", "--port", str(mosquitto.port), "--agent-id", AGENT_ID)
    with AgentProcess.with_script(mosquitto.port) as agent:
        agent.wait_until_ready(recorder)
        recorder.publish("doorbell/front/min_confidence/set", "85")
        recorder.publish("doorbell/front/frame", jpeg())
        recorder.wait_for("doorbell/front/state", lambda state: state["face_present"])
        done = edge_agent("remove", "front", *broker)
        assert (done.returncode, done.stderr) == (0, "")
        recorder.wait_for_payload("homeassistant/device/edge_doorbell_front/config", b"")
        with Recorder(mosquitto.port, topic_filter="doorbell/front/#") as late:
            recorder.publish("doorbell/front/frame", jpeg(seed=1))
            late.wait_for_payload("doorbell/front/min_confidence", b"70")
            assert [each.topic for each in late.messages("#") if each.retained] == []
        assert agent.stop() == 0
    nobody = edge_agent("remove", "front", *broker)
    assert nobody.returncode == 1
    assert f"the agent {AGENT_ID} did not answer" in nobody.stderr


def test_home_assistants_birth_message_triggers_all_announcements(mosquitto: Mosquitto, recorder: Recorder) -> None:
    with AgentProcess.with_script(mosquitto.port) as agent:
        agent.wait_until_ready(recorder)
        recorder.publish("doorbell/front/frame", jpeg())
        recorder.wait_for("doorbell/front/state", lambda state: state["face_present"])
        for picture in ("snapshot", "best_face"):
            recorder.wait_for_count(f"doorbell/front/{picture}", 2)  # again, since the doorbell is new
        recorder.clear()
        recorder.publish("homeassistant/status", "online")
        configs = [recorder.wait_for_count(f"homeassistant/device/{each}/config", 1)[0] for each in (
            f"edge_agent_{AGENT_ID}", "edge_doorbell_front")]  # fmt: skip
        states = [recorder.wait_for_count(f"doorbell/front/{each}", 1)[0] for each in ("state", "snapshot/last")]
        assert min(each.at_s for each in states) > max(each.at_s for each in configs)
        assert not recorder.messages("doorbell/front/ring")
        assert not recorder.messages("doorbell/front/visit")
