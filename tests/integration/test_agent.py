"""The agent as a whole: a real broker, real processes; frames and presses in, events out."""

from __future__ import annotations

import base64
import json
import os
import re
import signal
from typing import TYPE_CHECKING

import pytest

from edge_agent import topics
from testing.agent_process import AGENT_ID, AgentProcess
from testing.photos import face_photo
from testing.pictures import jpeg, png
from testing.recorder import Recorder
from testing.waiting import wait_until
from tests.command_line import edge_agent

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from testing.broker import Mosquitto

FACES_KEYS = {
    "event_id", "doorbell", "frame_id", "trigger", "outcome", "reason", "detail", "captured_at", "received_at",
    "published_at", "age_ms", "clock_jump_s", "boot_id", "sequence", "image", "faces", "rejected", "detector",
    "timing_ms", "attempts",
}  # fmt: skip


@pytest.fixture
def agent(mosquitto: Mosquitto, recorder: Recorder) -> Iterator[AgentProcess]:
    with AgentProcess.with_script(mosquitto.port) as agent:
        agent.wait_until_ready(recorder)
        yield agent


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_a_photograph_gives_a_face_event(mosquitto: Mosquitto, recorder: Recorder, protocol: str) -> None:
    with AgentProcess.with_real_detector(mosquitto.port, MQTT__PROTOCOL=protocol) as agent:
        agent.wait_until_ready(recorder)
        recorder.publish("doorbell/front/frame", face_photo())
        event = recorder.wait_for("doorbell/front/faces")
        state = recorder.wait_for("doorbell/front/state", lambda state: state["face_present"])
        snapshot = recorder.wait_for_count("doorbell/front/snapshot", 1)[0]
    assert event.keys() == FACES_KEYS
    assert event["outcome"] == "face"
    assert event["trigger"] == "continuous"
    assert event["detector"]["strategy"] == "cpu"
    assert event["faces"][0]["confidence"] >= 0.7
    assert event["faces"][0]["box"].keys() == {"x", "y", "width", "height"}
    assert state["faces"] == len(event["faces"])
    assert snapshot.payload.startswith(b"\xff\xd8")


def test_a_press_is_announced_and_answered_once(agent: AgentProcess, recorder: Recorder) -> None:
    recorder.publish("doorbell/front/press", "ON")
    ring = recorder.wait_for("doorbell/front/ring")
    recorder.publish("doorbell/front/frame", jpeg())
    recorder.publish("doorbell/front/frame", jpeg(seed=1))
    answer = recorder.wait_for("doorbell/front/answer")
    recorder.wait_for_count("doorbell/front/faces", 2)
    assert ring["event_type"] == "ring"
    assert answer["event_type"] == "face"
    assert answer["press_id"] == ring["press_id"]
    assert [event["trigger"] for event in recorder.events("doorbell/front/faces")] == ["press", "press"]
    assert len(recorder.events("doorbell/front/answer")) == 1
    assert answer["frame_event_id"] in {event["event_id"] for event in recorder.events("doorbell/front/faces")}
    assert '"level":"error"' not in agent.log


def test_a_press_without_a_picture_is_answered_too(mosquitto: Mosquitto, recorder: Recorder) -> None:
    with AgentProcess.with_script(mosquitto.port, PRESS__DEADLINE_S="0.5") as agent:
        agent.wait_until_ready(recorder)
        recorder.publish("doorbell/front/press", "")
        answer = recorder.wait_for("doorbell/front/answer")
    assert (answer["event_type"], answer["reason"]) == ("failed", "timeout")
    assert answer["age_ms"] >= 500


def test_a_press_without_a_face_is_answered_no_face(mosquitto: Mosquitto, recorder: Recorder) -> None:
    with AgentProcess.with_script(mosquitto.port, {"faces": 0}, PRESS__DEADLINE_S="0.5") as agent:
        agent.wait_until_ready(recorder)
        recorder.publish("doorbell/front/press", "")
        recorder.publish("doorbell/front/frame", jpeg())
        assert recorder.wait_for("doorbell/front/answer")["event_type"] == "no_face"


def test_a_press_comes_before_a_hundred_waiting_frames(
    mosquitto: Mosquitto, recorder: Recorder, tmp_path: Path
) -> None:
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(jpeg())
    patience = {"QUEUE__MOTION_EXPIRY_S": "60", "QUEUE__MOTION_PER_DOORBELL": "100", "POOL__JOB_TIMEOUT_S": "60"}
    with AgentProcess.with_script(mosquitto.port, None, POOL__WORKERS="1", **patience) as agent:
        agent.wait_until_ready(recorder, workers=1)
        (worker,) = _pids(recorder)
        os.kill(worker, signal.SIGSTOP)
        recorder.publish("doorbell/busy/frame", jpeg(), user={"trigger": "motion"})
        for number in range(100):
            recorder.publish(f"doorbell/waiting{number % 4}/frame", jpeg(), user={"trigger": "motion"})
        sent = edge_agent("send", "--press", str(photo), "--port", str(mosquitto.port), "--host", "127.0.0.1")
        assert sent.returncode == 0, sent.stderr
        recorder.publish(f"edge_agent/{AGENT_ID}/command/health", "")
        recorder.wait_for(f"edge_agent/{AGENT_ID}/health", lambda health: health["queue"]["press"] == 1)
        assert recorder.messages("doorbell/+/faces") == []
        os.kill(worker, signal.SIGCONT)
        events = [each.json["doorbell"] for each in recorder.wait_for_count("doorbell/+/faces", 50)]
        recorder.wait_for("doorbell/front/answer")
    assert events[:2] == ["busy", "front"]


def test_the_envelope_and_user_properties_are_equivalent(agent: AgentProcess, recorder: Recorder) -> None:
    said = {"trigger": "motion", "captured_at": "2026-01-02T03:04:05+00:00", "frame_id": "frame-7"}
    envelope = json.dumps({"image": base64.b64encode(jpeg()).decode(), **said})
    recorder.publish("doorbell/json/frame", envelope)
    recorder.publish("doorbell/user/frame", jpeg(), user=said)
    recorder.publish("doorbell/both/frame", envelope, user={"trigger": "press"})
    for doorbell, trigger in (("json", "motion"), ("user", "motion"), ("both", "press")):
        event = recorder.wait_for(f"doorbell/{doorbell}/faces")
        assert event["trigger"] == trigger
        assert event["frame_id"] == "frame-7"
        assert event["captured_at"] == "2026-01-02T03:04:05Z"


def test_any_client_gets_its_result_on_its_response_topic(agent: AgentProcess, recorder: Recorder) -> None:
    recorder.publish("doorbell/front/frame", png(), response_topic="my/answers", correlation_data=b"no. 5")
    (reply,) = recorder.wait_for_count("my/answers", 1)
    assert reply.json["outcome"] == "face"
    assert reply.correlation_data == b"no. 5"


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"", "bad_image"),
        (b"\xff\xd8\xff\xe0junk", "bad_image"),
        (b'{"image": 5}', "bad_image"),
        (jpeg()[: len(jpeg()) // 2], "bad_image"),
    ],
)
def test_a_bad_frame_gives_one_failed_answer(
    agent: AgentProcess, recorder: Recorder, payload: bytes, reason: str
) -> None:
    recorder.publish("doorbell/front/frame", payload)
    event = recorder.wait_for("doorbell/front/faces")
    assert (event["outcome"], event["reason"]) == ("failed", reason)
    assert event["detail"]


def test_other_messages_are_dropped_and_counted(mosquitto: Mosquitto, recorder: Recorder) -> None:
    recorder.publish("doorbell/front/frame", jpeg(), retain=True)
    with AgentProcess.with_script(mosquitto.port) as agent:
        agent.wait_until_ready(recorder)
        recorder.publish("doorbell/a b/frame", jpeg())
        recorder.publish("doorbell/front/frame", jpeg(seed=2))
        recorder.wait_for("doorbell/front/faces")
        assert agent.stop() == 0
    metrics = recorder.last_metrics(AGENT_ID)
    assert metrics["dropped"] == {"retained": 1, "topic": 1}
    assert metrics["received"]["continuous"] == 1
    assert metrics["in_flight"] == 0


def test_the_agent_waits_for_a_broker_and_comes_back_after_a_restart(mosquitto: Mosquitto) -> None:
    mosquitto.stop()
    with AgentProcess.with_script(mosquitto.port) as agent:
        wait_until(lambda: "trying again" in agent.log)
        mosquitto.start()
        with Recorder(mosquitto.port) as recorder:
            agent.wait_until_ready(recorder)
        mosquitto.kill()
        mosquitto.start()
        with Recorder(mosquitto.port) as recorder:
            agent.wait_until_ready(recorder)
            recorder.publish("doorbell/front/frame", jpeg())
            recorder.wait_for("doorbell/front/faces")
            recorder.wait_for_payload(f"edge_agent/{AGENT_ID}/availability", b"online")


def test_a_restart_repeats_no_event(mosquitto: Mosquitto, recorder: Recorder) -> None:
    with AgentProcess.with_script(mosquitto.port) as agent:
        agent.wait_until_ready(recorder)
        recorder.publish("doorbell/front/press", "")
        recorder.publish("doorbell/front/frame", jpeg())
        recorder.wait_for("doorbell/front/answer")
        assert agent.stop() == 0
        recorder.wait_for_payload(f"edge_agent/{AGENT_ID}/availability", b"offline")
        recorder.clear()
        agent.start()
        agent.wait_until_ready(recorder)
        recorder.publish("doorbell/back/frame", jpeg())
        recorder.wait_for("doorbell/back/faces")
    retained = {"state", "availability", "visits_today", *topics.DOORBELL_OPTIONS}
    assert {each.topic.split("/")[-1] for each in recorder.messages("doorbell/front/+")} <= retained
    assert recorder.wait_for("doorbell/front/state")["face_present"] is None


def test_a_press_after_its_own_answer_does_not_ring_again_after_a_restart(
    mosquitto: Mosquitto, recorder: Recorder
) -> None:
    with AgentProcess.with_script(mosquitto.port) as agent:
        agent.wait_until_ready(recorder)
        recorder.publish("doorbell/front/frame", jpeg(), user={"trigger": "press"})
        recorder.wait_for("doorbell/front/answer")
        recorder.publish("doorbell/front/press", "")
        recorder.publish("doorbell/front/frame", jpeg(seed=1))
        recorder.wait_for_count("doorbell/front/faces", 2)
        assert agent.stop() == 0
        agent.start()
        agent.wait_until_ready(recorder)
        recorder.publish("doorbell/back/frame", jpeg())
        recorder.wait_for("doorbell/back/faces")
    assert len(recorder.events("doorbell/front/ring")) == 1
    assert len(recorder.events("doorbell/front/answer")) == 1


def test_ctrl_c_ends_it_without_a_traceback(agent: AgentProcess) -> None:
    agent.signal(signal.SIGINT)
    assert agent.wait() == 0
    assert "Traceback" not in agent.log


def test_commands_are_executed(agent: AgentProcess, recorder: Recorder) -> None:
    before = _pids(recorder)
    recorder.publish(f"edge_agent/{AGENT_ID}/command/restart_pool", "")
    recorder.wait_for(
        f"edge_agent/{AGENT_ID}/health",
        lambda health: all(worker["state"] == "idle" and worker["pid"] not in before for worker in health["workers"]),
    )
    assert re.search(r"command received over MQTT: restart_pool", agent.log)


def _pids(recorder: Recorder) -> set[int]:
    return {worker["pid"] for worker in recorder.events(f"edge_agent/{AGENT_ID}/health")[-1]["workers"]}


def test_another_publishers_doorbell_works_like_ours(mosquitto: Mosquitto, recorder: Recorder) -> None:
    own = '{"frame": "yard/jpeg", "press": "yard/bell", "doorbell": "yard", "trigger": "motion"}'
    with AgentProcess.with_script(mosquitto.port, None, SOURCES=f'[{{"preset": "ring-mqtt"}}, {own}]') as agent:
        agent.wait_until_ready(recorder)
        recorder.publish("yard/jpeg", jpeg())
        assert recorder.wait_for("doorbell/yard/faces")["trigger"] == "motion"
        recorder.publish("ring/home/camera/9087a1/ding/state", "ON")
        recorder.wait_for("doorbell/9087a1/ring")
        recorder.publish("ring/home/camera/9087a1/snapshot/image", jpeg())
        recorder.publish("ring/home/camera/9087a1/ding/state", "OFF")
        assert recorder.wait_for("doorbell/9087a1/answer")["event_type"] == "face"
        assert recorder.wait_for("doorbell/9087a1/faces")["trigger"] == "press"
    assert len(recorder.events("doorbell/9087a1/ring")) == 1


def test_the_log_is_lines_of_json_without_passwords_and_pictures(mosquitto: Mosquitto, recorder: Recorder) -> None:
    password, image = "open sesame", jpeg(640, 480)
    settings = {"LOG__LEVEL": "debug", "MQTT__USERNAME": "porch", "MQTT__PASSWORD": password}
    with AgentProcess.with_script(mosquitto.port, {"by_width": {"101": "segfault"}}, **settings) as agent:
        agent.wait_until_ready(recorder)
        envelope = json.dumps({"image": base64.b64encode(image).decode(), "frame_id": "a\nb\x1b[2J"})
        recorder.publish("doorbell/front/frame", envelope)
        recorder.publish("doorbell/back/frame", jpeg(101, 80))
        recorder.publish(f"edge_agent/{AGENT_ID}/log_level/set", "everything\n")
        recorder.wait_for("doorbell/front/faces")
        recorder.wait_for("doorbell/back/faces", lambda event: event["reason"] == "quarantined")
        assert agent.stop() == 0
        log = agent.log
    lines = [json.loads(line) for line in log.splitlines()]
    assert all({"timestamp", "level", "logger", "message"} <= line.keys() for line in lines)
    assert {line["level"] for line in lines} >= {"info", "warning"}
    assert password not in log
    assert base64.b64encode(image).decode()[100:140] not in log
    assert max(map(len, log.splitlines())) < 6000
    assert log.replace("\n", "").isprintable()
