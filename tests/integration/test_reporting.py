"""The agent's health, metrics and error events, over a real broker."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest

from testing.agent_process import AGENT_ID, AgentProcess
from testing.pictures import jpeg
from testing.recorder import Recorder

if TYPE_CHECKING:
    from testing.broker import Mosquitto

pytestmark = pytest.mark.broker

AGENT = f"edge_agent/{AGENT_ID}"


def test_a_health_request_is_answered_on_its_response_topic(mosquitto: Mosquitto, recorder: Recorder) -> None:
    with AgentProcess.with_script(mosquitto.port) as agent:
        agent.wait_until_ready(recorder)
        recorder.clear()
        recorder.publish(f"{AGENT}/command/health", response_topic="monitor/answers", correlation_data=b"\x00 7")
        (answer,) = recorder.wait_for_count("monitor/answers", 1)
        assert (answer.correlation_data, answer.retained) == (b"\x00 7", False)
        told = recorder.wait_for(f"{AGENT}/health", lambda health: health == answer.json)
        assert told["broker"]["protocol"] == "5"
        with Recorder(mosquitto.port, topic_filter=f"{AGENT}/health", mqtt5=False) as plain:
            before = plain.wait_for_count(f"{AGENT}/health", 1)
            plain.publish(f"{AGENT}/command/health", "how are you?")
            assert plain.wait_for_count(f"{AGENT}/health", len(before) + 1)[-1].json["status"] == "ok"
        assert len(recorder.messages("monitor/answers")) == 1


def test_each_failed_frame_and_worker_exit_is_an_error_event(mosquitto: Mosquitto, recorder: Recorder) -> None:
    with AgentProcess.with_script(mosquitto.port, {"by_width": {"101": "error"}}, POOL__MAX_ATTEMPTS="1") as agent:
        agent.wait_until_ready(recorder)
        recorder.publish("doorbell/front/frame", jpeg(101, 80), user={"frame_id": "7"})
        error = recorder.wait_for(f"{AGENT}/error")
        event = recorder.wait_for("doorbell/front/faces")
        assert (error["component"], error["error_type"], error["frame_id"]) == ("worker", "detector_error", "7")
        assert (error["frame_event_id"], error["message"]) == (event["event_id"], event["detail"])
        assert (error["detector"], error["boot_id"]) == ("mock script", event["boot_id"])
        worker = recorder.events(f"{AGENT}/health")[-1]["workers"][0]
        os.kill(worker["pid"], signal.SIGKILL)
        died = recorder.wait_for(f"{AGENT}/error", lambda each: each["error_type"] == "died")
        assert (died["worker"], died["message"]) == (worker["slot"], "was ended by SIGKILL")
        assert recorder.events(f"{AGENT}/health")[-1]["status"] == "ok", "one exit is repaired before it matters"


def test_the_metrics_at_the_end_account_for_every_frame_and_stage(mosquitto: Mosquitto, recorder: Recorder) -> None:
    with AgentProcess.with_script(mosquitto.port, {"latency_ms": 20}) as agent:
        agent.wait_until_ready(recorder)
        for number in range(10):
            recorder.publish(f"doorbell/door{number}/frame", jpeg(seed=number), user={"trigger": "motion"})
        recorder.publish("doorbell/front/frame", b"no picture")
        recorder.wait_for_count("doorbell/+/faces", 11)
        assert agent.stop() == 0
    metrics = recorder.last_metrics(AGENT_ID)
    assert (metrics["received"], metrics["failed"]) == ({"press": 0, "motion": 10, "continuous": 1}, {"bad_image": 1})
    assert (metrics["in_flight"], metrics["connections"]) == (0, 1)
    for told in (metrics, metrics["since_start"]):
        assert {stage: times["n"] for stage, times in told["trigger_stage_ms"]["motion"].items()} == dict.fromkeys(
            ("queue", "decode", "inference", "render", "publish"), 10
        )
        assert told["latency_ms"]["motion"]["p50"] >= told["stage_ms"]["inference"]["p50"] >= 18
        assert told["latency_ms"]["press"] == {"n": 0, "p50": None, "p95": None, "p99": None}
    assert max(metrics["utilization_percent"].values()) > 0
