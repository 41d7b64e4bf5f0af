"""One push of a button has one id, one ring and one answer, whatever the agent, the broker or the connection does."""

from __future__ import annotations

import json
import random
import signal
import time
from base64 import b64encode
from typing import Any

import pytest

from testing.agent_process import AGENT_ID, AgentProcess
from testing.broker import Mosquitto
from testing.pictures import jpeg
from testing.recorder import Recorder
from testing.waiting import wait_until
from tests.chaos.storm import BROKER_CONFIG
from tests.proxy import Proxy

PRESS, FRAME, FACES = "doorbell/front/press", "doorbell/front/frame", "doorbell/front/faces"
RING, ANSWER, VISIT = "doorbell/front/ring", "doorbell/front/answer", "doorbell/front/visit"
ONLINE = f"edge_agent/{AGENT_ID}/availability"
CONFIG = "homeassistant/device/edge_doorbell_front/config"
SOON = {"PRESS__DEADLINE_S": "1.5"}

protocols = pytest.mark.parametrize("protocol", ["5", "3.1.1"])


def _ids(recorder: Recorder, topic: str) -> list[str]:
    return [event["event_id"] for event in recorder.events(topic)]


def _is_stored(agent: AgentProcess, key: str) -> bool:
    """Return whether the journal says of its press that the broker has the ring or the answer."""
    stored = json.loads(agent.journal.read_bytes())
    return any(press[key] for press in stored["presses"])


def _last(agent: AgentProcess, recorder: Recorder) -> dict[str, Any]:
    """Stop the agent and return its last metrics."""
    recorder.clear()
    assert agent.stop() == 0
    metrics: dict[str, Any] = recorder.last_metrics(AGENT_ID)
    return metrics


def _only_press(recorder: Recorder) -> dict[str, Any]:
    """Return the one ring, after its one answer."""
    answer = recorder.wait_for(ANSWER)
    (ring,) = recorder.events(RING)
    assert len(recorder.events(ANSWER)) == 1
    assert answer["press_id"] == ring["press_id"]
    return dict(ring)


@protocols
@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
def test_a_press_rings_once_though_the_agent_restarts_before_the_answer(
    mosquitto: Mosquitto, recorder: Recorder, protocol: str, end: signal.Signals
) -> None:
    with AgentProcess.with_script(mosquitto.port, None, MQTT__PROTOCOL=protocol, **SOON) as agent:
        agent.wait_until_ready(recorder)
        recorder.publish(PRESS, "")
        recorder.wait_for(RING)
        wait_until(lambda: _is_stored(agent, "ring_sent"))
        agent.signal(end)
        agent.wait()
        agent.start()
        ring = _only_press(recorder)
        wait_until(lambda: _is_stored(agent, "answered"))
        agent.kill()
        agent.start()
        agent.wait_until_ready(recorder)
        recorder.publish("doorbell/back/press", "")
        recorder.wait_for("doorbell/back/answer")
    assert _ids(recorder, RING) == [ring["event_id"]]
    assert len(_ids(recorder, ANSWER)) == 1


@pytest.mark.parametrize("config", [(), BROKER_CONFIG], ids=["forgets", "persists"])
@protocols
def test_a_press_rings_once_though_the_broker_restarts_before_the_answer(
    protocol: str, config: tuple[str, ...]
) -> None:
    with (
        Mosquitto(*config) as broker,
        AgentProcess.with_script(broker.port, None, MQTT__PROTOCOL=protocol, PRESS__DEADLINE_S="4") as agent,
    ):
        with Recorder(broker.port) as recorder:
            agent.wait_until_ready(recorder)
            recorder.publish(PRESS, "")
            ring = recorder.wait_for(RING)
            wait_until(lambda: _is_stored(agent, "ring_sent"))
        broker.kill()
        broker.start()
        with Recorder(broker.port) as recorder:
            assert recorder.wait_for(ANSWER)["press_id"] == ring["press_id"]
            assert set(_ids(recorder, RING)) <= {ring["event_id"]}


@protocols
def test_a_press_that_waited_rings_once_after_online_and_discovery(
    mosquitto: Mosquitto, recorder: Recorder, protocol: str
) -> None:
    with AgentProcess.with_script(mosquitto.port, None, MQTT__PROTOCOL=protocol, **SOON) as agent:
        agent.wait_until_ready(recorder)
        agent.kill()
        recorder.wait_for_payload(ONLINE, b"offline")
        recorder.clear()
        recorder.publish(PRESS, "")
        agent.start()
        ring = _only_press(recorder)
        assert ring["age_ms"] is None
        assert recorder.wait_for(ANSWER)["age_ms"] is None
    order = [each.topic for each in recorder.messages("#")]
    assert order.index(ONLINE) < order.index(CONFIG) < order.index(RING)


def test_a_press_that_may_be_too_old_does_not_ring(mosquitto: Mosquitto, recorder: Recorder) -> None:
    with AgentProcess.with_script(mosquitto.port, None, PRESS__MAX_AGE_S="0.3", **SOON) as agent:
        agent.wait_until_ready(recorder)
        assert agent.stop() == 0
        recorder.publish(PRESS, "")
        recorder.publish(FRAME, jpeg(seed=1), user={"trigger": "press"})
        agent.start()
        agent.wait_until_ready(recorder)
        assert recorder.wait_for(FACES)["reason"] == "stale"
        assert _last(agent, recorder)["presses_dropped"] == {"too_old": 2}
    assert recorder.events(RING) == []


def test_a_press_frame_says_how_old_its_press_is(mosquitto: Mosquitto, recorder: Recorder) -> None:
    with AgentProcess.with_script(mosquitto.port, None, **SOON) as agent:
        agent.wait_until_ready(recorder)
        recorder.publish(FRAME, jpeg(), user={"trigger": "press", "captured_at": "2026-01-02T12:00:00Z"})
        assert recorder.wait_for(FACES)["reason"] == "stale"
        recorder.publish(FRAME, jpeg(seed=1), user={"trigger": "press"})
        assert _only_press(recorder)["age_ms"] < 5000


def test_a_push_that_sends_several_presses_rings_once(mosquitto: Mosquitto, recorder: Recorder) -> None:
    settings = {"DOORBELLS__EACH": '{"back": {"press_debounce_s": 0}}', "PRESS__DEBOUNCE_S": "3", **SOON}
    with AgentProcess.with_script(mosquitto.port, None, **settings) as agent:
        agent.wait_until_ready(recorder)
        for _ in range(3):
            recorder.publish(PRESS, "")
            recorder.publish("doorbell/back/press", "")
        recorder.wait_for_count("doorbell/back/answer", 3)
        _only_press(recorder)
        wait_until(lambda: _send(recorder, PRESS, b"") and len(recorder.events(RING)) == 2, timeout_s=10)
        dropped = _last(agent, recorder)["presses_dropped"]
    assert dropped.keys() == {"debounced"}
    assert dropped["debounced"] > 2


@protocols
def test_a_press_whose_acknowledgement_is_lost_rings_once(
    mosquitto: Mosquitto, recorder: Recorder, protocol: str
) -> None:
    settings = {"MQTT__PROTOCOL": protocol, "PRESS__DEBOUNCE_S": "0", **SOON}
    with Proxy(mosquitto.port) as line, AgentProcess.with_script(line.port, None, **settings) as agent:
        agent.wait_until_ready(recorder)
        line.mute()
        recorder.publish(PRESS, "")
        wait_until(lambda: agent.journal.exists() and json.loads(agent.journal.read_bytes())["presses"])
        line.heal()
        _only_press(recorder)
        assert _last(agent, recorder)["presses_dropped"] == {"redelivered": 1}


@protocols
def test_a_redelivered_press_rings_once_in_the_next_run(
    mosquitto: Mosquitto, recorder: Recorder, protocol: str
) -> None:
    settings = {"MQTT__PROTOCOL": protocol, "PRESS__DEBOUNCE_S": "0", **SOON}
    with Proxy(mosquitto.port) as line, AgentProcess.with_script(line.port, None, **settings) as agent:
        agent.wait_until_ready(recorder)
        line.mute()
        recorder.publish(PRESS, "")
        wait_until(lambda: agent.journal.exists() and json.loads(agent.journal.read_bytes())["presses"])
        agent.kill()
        line.heal()
        agent.start()
        _only_press(recorder)
        assert _last(agent, recorder)["presses_dropped"] == {"redelivered": 1}


@protocols
def test_without_a_journal_a_press_is_acknowledged_after_its_answer(
    mosquitto: Mosquitto, recorder: Recorder, protocol: str
) -> None:
    with Proxy(mosquitto.port) as line:
        agent = AgentProcess.with_script(line.port, None, MQTT__PROTOCOL=protocol, PRESS__DEBOUNCE_S="0", **SOON)
        agent.journal.mkdir()
        with agent:
            _press_without_journal(agent, line, recorder)


def _press_without_journal(agent: AgentProcess, line: Proxy, recorder: Recorder) -> None:
    agent.wait_until_ready(recorder)
    recorder.publish(PRESS, "")
    ring = recorder.wait_for(RING)
    line.cut()
    assert recorder.wait_for(ANSWER)["press_id"] == ring["press_id"]
    words = "a press may ring again after a restart"
    health = recorder.wait_for(f"edge_agent/{AGENT_ID}/health", lambda health: words in str(health["reasons"]))
    assert [problem["code"] for problem in health["problems"]] == ["state"]
    assert set(_ids(recorder, RING)) == {ring["event_id"]}
    assert _last(agent, recorder)["presses_dropped"] == {"redelivered": 1}


def test_a_damaged_journal_is_moved_aside(mosquitto: Mosquitto, recorder: Recorder) -> None:
    with AgentProcess.with_script(mosquitto.port, None, **SOON) as agent:
        agent.wait_until_ready(recorder)
        assert agent.stop() == 0
        agent.journal.write_bytes(b'{"presses": [{"press_id": "\xff')
        agent.start()
        agent.wait_until_ready(recorder)
        recorder.publish(PRESS, "")
        _only_press(recorder)
        assert "no press is remembered" in agent.log
        assert agent.journal.with_suffix(".damaged").exists()


def test_the_picture_of_a_press_sent_again_is_no_visitor(mosquitto: Mosquitto, recorder: Recorder) -> None:
    with AgentProcess.with_script(
        mosquitto.port, None, DOORBELLS__VISIT_GAP_S="1", PRESS__WINDOW_S="1", **SOON
    ) as agent:
        agent.wait_until_ready(recorder)
        recorder.publish(PRESS, "")
        recorder.publish(FRAME, jpeg())
        assert recorder.wait_for(ANSWER)["event_type"] == "face"
        recorder.wait_for(VISIT, lambda visit: visit["event_type"] == "face_left")
        wait_until(lambda: _is_stored(agent, "answered"))
        agent.kill()
        _make_older(agent, 20.0)
        agent.start()
        agent.wait_until_ready(recorder)
        recorder.clear()
        recorder.publish(FRAME, jpeg(), user={"trigger": "press"})
        recorder.publish(FRAME, json.dumps({"image": b64encode(jpeg()).decode(), "trigger": "motion"}))
        recorder.publish(FRAME, jpeg(seed=1))
        recorder.wait_for(VISIT)
        assert len(recorder.events(FACES)) == 1
        assert recorder.events(RING) == []
        metrics = _last(agent, recorder)
    assert (metrics["shed"], metrics["presses_dropped"]) == ({"known_picture": 1}, {"known_picture": 1})


def test_a_camera_with_a_still_scene_keeps_its_visits(mosquitto: Mosquitto, recorder: Recorder) -> None:
    with AgentProcess.with_script(
        mosquitto.port, None, DOORBELLS__VISIT_GAP_S="2", PRESS__WINDOW_S="1", **SOON
    ) as agent:
        agent.wait_until_ready(recorder)
        recorder.publish(PRESS, "")
        recorder.publish(FRAME, jpeg())
        recorder.wait_for(ANSWER)
        wait_until(lambda: _send(recorder, FRAME, jpeg()) and _continuous(recorder) > 3, timeout_s=20)
        assert recorder.events(VISIT)[-1]["event_type"] == "face_appeared"
        recorder.publish(PRESS, "")
        recorder.publish(FRAME, jpeg())
        wait_until(lambda: recorder.events(ANSWER)[-1]["event_type"] == "face")


def _send(recorder: Recorder, topic: str, payload: bytes) -> bool:
    """Publish once more in a condition that is polled."""
    recorder.publish(topic, payload)
    return True


def _continuous(recorder: Recorder) -> int:
    return sum(event["trigger"] == "continuous" for event in recorder.events(FACES))


def _make_older(agent: AgentProcess, by_s: float) -> None:
    """Date back the pictures in the journal, as if the agent had been away for longer."""
    stored = json.loads(agent.journal.read_bytes())
    stored["pictures"] = {key: [seen_s - by_s, value] for key, (seen_s, value) in stored["pictures"].items()}
    agent.journal.write_text(json.dumps(stored), encoding="utf-8")


def test_an_odd_press_frame_rings(mosquitto: Mosquitto, recorder: Recorder) -> None:
    image = b64encode(jpeg()).decode()
    odd = [
        json.dumps({"image": image, "trigger": "press", "frame_id": 17, "captured_at": [1]}),
        '{"trigger": "press", "battery": NaN, "image": "' + image + '"}',
        json.dumps({"image": "no picture", "trigger": "press"}),
        '{"trigger": "press", "image": "' + image[:100],
    ]
    with AgentProcess.with_script(mosquitto.port, None, **SOON) as agent:
        agent.wait_until_ready(recorder)
        for number, payload in enumerate(odd):
            recorder.publish(f"doorbell/door{number}/frame", payload)
        recorder.wait_for_count("doorbell/+/ring", len(odd))
        answers = recorder.wait_for_count("doorbell/+/answer", len(odd))
        keys = _last(agent, recorder)["unreadable_keys"]
    found = {each.topic.split("/")[1]: each.json["event_type"] for each in answers}
    assert found == {"door0": "face", "door1": "face", "door2": "failed", "door3": "failed"}
    assert keys == {"captured_at": 1, "json": 1}


@pytest.mark.heavy
@pytest.mark.timeout(300)
@protocols
def test_each_push_has_one_id_one_ring_and_one_answer_despite_failures(
    mosquitto: Mosquitto, recorder: Recorder, protocol: str
) -> None:
    settings = {"MQTT__PROTOCOL": protocol, "PRESS__DEADLINE_S": "3"}
    chance = random.Random(7)  # noqa: S311 - a seed must give the same faults
    with Proxy(mosquitto.port) as line, AgentProcess.with_script(line.port, None, **settings) as agent:
        agent.wait_until_ready(recorder)
        faults = (line.cut, lambda: _restart(agent, signal.SIGKILL), lambda: _restart(agent, signal.SIGTERM))
        for number in range(PUSHES):
            recorder.publish(f"doorbell/door{number}/press", "")
            if chance.random() < FAULT_SHARE:
                chance.choice(faults)()
            _wait(chance.uniform(0.2, 1.0))
        wait_until(lambda: len(_press_ids(recorder, "answer")) == PUSHES)
    assert _press_ids(recorder, "answer") == _press_ids(recorder, "ring")
    assert [len(ids) for ids in _press_ids(recorder, "ring").values()] == [1] * PUSHES


FAULT_SHARE, PUSHES = 0.4, 60


def _wait(seconds: float) -> None:
    end_s = time.monotonic() + seconds
    wait_until(lambda: time.monotonic() > end_s)


def _restart(agent: AgentProcess, end: signal.Signals) -> None:
    agent.signal(end)
    agent.wait()
    agent.start()


def _press_ids(recorder: Recorder, kind: str) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for event in recorder.events(f"doorbell/+/{kind}"):
        found.setdefault(event["doorbell"], set()).add(event["press_id"])
    return found
