"""Options over MQTT, with a real broker and a real agent: set, echoed, used, remembered."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.agent_process import AGENT_ID, AgentProcess
from tests.pictures import jpeg
from tests.stand_in import Stick

if TYPE_CHECKING:
    from pathlib import Path

    from tests.broker import Mosquitto
    from tests.recorder import Recorder

pytestmark = pytest.mark.broker

AGENT = f"edge_agent/{AGENT_ID}"
HEALTH = f"{AGENT}/health"


def test_options_are_echoed_used_and_remembered(mosquitto: Mosquitto, recorder: Recorder) -> None:
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
        assert event["rejected"][0]["reason"] == "below min_confidence"
        recorder.forget()
        recorder.publish("doorbell/front/min_confidence/set", "a lot")
        recorder.wait_for_payload("doorbell/front/min_confidence", b"95")
        agent.kill()
        agent.start()
        recorder.publish("doorbell/front/frame", jpeg(seed=2))
        assert recorder.wait_for("doorbell/front/faces")["outcome"] == "no_face"


def test_where_detection_is_off_a_press_still_rings(mosquitto: Mosquitto, recorder: Recorder) -> None:
    with AgentProcess.with_script(mosquitto.port, PRESS__DEADLINE_S="1") as agent:
        agent.wait_until_ready(recorder)
        recorder.publish(f"{AGENT}/detection/set", "OFF")
        recorder.wait_for_payload(f"{AGENT}/detection", b"OFF")
        recorder.publish("doorbell/front/frame", jpeg())
        recorder.publish("doorbell/front/press", "")
        recorder.publish("doorbell/front/frame", jpeg(seed=1))
        recorder.wait_for("doorbell/front/ring")
        answer = recorder.wait_for("doorbell/front/answer")
        assert (answer["event_type"], answer["detail"]) == ("failed", "detection is switched off")
        assert [event["trigger"] for event in recorder.events("doorbell/front/faces")] == ["press"]


def test_the_strategy_is_chosen_over_mqtt(mosquitto: Mosquitto, recorder: Recorder, tmp_path: Path) -> None:
    stick = Stick(tmp_path)
    settings = {
        "DETECTION__STRATEGIES": "edgetpu,mock",
        "DETECTION__SECOND_LOOK": "off",
        "DETECTION__MOCK_SCRIPT": '{"latency_ms": 30}',
        "DETECTION__EDGETPU_LIBRARY": str(stick.library),
        "DETECTION__EDGETPU_MODEL": str(stick.model),
        "POOL__PROBE_REST_S": "0.3",
    }
    with AgentProcess(mosquitto.port, **settings) as agent:
        agent.wait_until_ready(recorder)
        recorder.wait_for(HEALTH, lambda health: "edgetpu" in [each["strategy"] for each in health["workers"]])
        recorder.publish(f"{AGENT}/strategy/set", "mock")
        recorder.wait_for_payload(f"{AGENT}/strategy", b"mock")
        recorder.wait_for(HEALTH, lambda health: health["accelerators"][0]["state"] == "off")
        recorder.forget()
        recorder.publish(f"{AGENT}/strategy/set", "auto")
        recorder.wait_for_payload(f"{AGENT}/strategy", b"auto")
        recorder.wait_for(HEALTH, lambda health: health["accelerators"][0]["state"] == "in_use")
        stick.does("crash")
        recorder.publish("doorbell/front/press", "")
        recorder.publish("doorbell/front/frame", jpeg())
        assert recorder.wait_for("doorbell/front/answer")["event_type"] == "face"
        health = recorder.wait_for(HEALTH, lambda health: health["status"] == "degraded")
        assert "edgetpu (any) is lost since" in "; ".join(health["reasons"])
        recorder.forget()
        stick.does("work")
        health = recorder.wait_for(HEALTH, lambda health: health["status"] == "ok")
        assert health["accelerators"][0]["state"] == "in_use"
