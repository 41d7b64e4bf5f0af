"""Visits and privacy: which events and pictures are published."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from edge_agent.demo.porch import Scene, draw
from edge_agent.detectors import table
from edge_agent.wire import DetectorChoice
from testing.agent_process import AGENT_ID, AgentProcess
from testing.pictures import jpeg, visitors
from testing.shared_data import shared

if TYPE_CHECKING:
    from testing.broker import Mosquitto
    from testing.recorder import Recorder

METRICS = f"edge_agent/{AGENT_ID}/metrics"
IMAGE_STARTS = (b"\xff\xd8\xff", b"\x89PNG")


def _scene(distance_m: float | None, seed: int = 0) -> bytes:
    scene = Scene(seed=seed) if distance_m is None else Scene(visitors()[0], distance_m, seed=seed)
    return bytes(cv2.imencode(".jpg", draw(scene), [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes())


def _published(recorder: Recorder) -> list[bytes]:
    """Return every picture that the agent published, once: those of a new doorbell are sent again after a second."""
    received = {each.topic: each.payload for each in recorder.messages("#") if not each.topic.endswith("/frame")}
    return [payload for payload in received.values() if payload.startswith(IMAGE_STARTS)]


def _faces(picture: bytes) -> list[Any]:
    detector = table.load(DetectorChoice("cpu", "yunet_n", str(shared("models", "yunet_n_dynamic.onnx"))))
    pixels = np.asarray(cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_COLOR), np.uint8)
    return [face for face in detector.detect(pixels) if face.confidence > 0.5]


def test_one_visitor_is_one_visit(mosquitto: Mosquitto, recorder: Recorder) -> None:
    with AgentProcess.with_real_detector(mosquitto.port, DOORBELLS__VISIT_GAP_S="2") as agent:
        agent.wait_until_ready(recorder)
        for number, distance_m in enumerate((None, 3.0, 2.0, 1.0, 0.9, None)):
            recorder.publish("doorbell/front/frame", _scene(distance_m, number), user={"trigger": "motion"})
            recorder.wait_for_count("doorbell/front/faces", number + 1)
        left = recorder.wait_for("doorbell/front/visit", lambda event: event["event_type"] == "face_left")
        recorder.wait_for("doorbell/front/state", lambda state: state["last_seen"] and state["visit_id"] is None)
    visit = recorder.events("doorbell/front/visit")
    assert visit[0]["event_type"] == "face_appeared"
    assert {event["visit_id"] for event in visit} == {left["visit_id"]}
    assert len({event["event_id"] for event in visit}) == len(visit)
    assert (left["people"], left["frames"]) == (1, 4)
    best = next(each for each in recorder.events("doorbell/front/faces") if each["event_id"] == left["best_event_id"])
    assert best["faces"][0]["quality"] == left["quality"]
    assert left["quality"] > visit[0]["quality"]
    assert any(state["visit_id"] == left["visit_id"] for state in recorder.events("doorbell/front/state"))


def test_the_picture_of_a_face_is_published_with_the_snapshot(mosquitto: Mosquitto, recorder: Recorder) -> None:
    with AgentProcess.with_real_detector(mosquitto.port) as agent:
        agent.wait_until_ready(recorder)
        recorder.publish("doorbell/front/frame", _scene(1.0))
        snapshot = recorder.wait_for_count("doorbell/front/snapshot", 1)[0]
        face = recorder.wait_for_count("doorbell/front/best_face", 1)[0]
    assert len(_faces(snapshot.payload)) == len(_faces(face.payload)) == 1
    assert len(face.payload) < len(snapshot.payload)


def test_a_notice_follows_the_snapshot_of_a_press(mosquitto: Mosquitto, recorder: Recorder) -> None:
    with AgentProcess.with_real_detector(mosquitto.port) as agent:
        agent.wait_until_ready(recorder)
        recorder.publish("doorbell/front/frame", _scene(1.0), user={"trigger": "motion"})
        visit = recorder.wait_for("doorbell/front/picture")
        recorder.publish("doorbell/front/press", "")
        recorder.publish("doorbell/front/frame", _scene(2.0, seed=1))
        notice = recorder.wait_for("doorbell/front/picture", lambda event: event["press_id"])
    (ring,) = recorder.events("doorbell/front/ring")
    assert (visit["press_id"], notice["press_id"]) == (None, ring["press_id"])
    assert visit["visit_id"] == notice["visit_id"] == recorder.events("doorbell/front/visit")[0]["visit_id"]
    assert ring["picture_expected"] is True
    topics = [each.topic.split("/")[2] for each in recorder.messages("doorbell/front/+")]
    order = [each for each in topics if each in {"ring", "snapshot", "picture"}]
    assert order[-3:] in (["ring", "snapshot", "picture"], ["picture", "snapshot", "picture"])
    pictures = [each for each in order if each != "ring"]
    assert pictures == ["snapshot", "picture"] * (len(pictures) // 2)


def test_a_blurred_picture_shows_no_face(mosquitto: Mosquitto, recorder: Recorder) -> None:
    with AgentProcess.with_real_detector(mosquitto.port, DOORBELLS__PRIVACY="blurred") as agent:
        agent.wait_until_ready(recorder)
        for number, distance_m in enumerate((2.0, 1.0, 0.9)):
            recorder.publish(f"doorbell/door{number}/frame", _scene(distance_m), user={"trigger": "press"})
            recorder.wait_for_count(f"doorbell/door{number}/snapshot", 1)
    assert [_faces(picture) for picture in _published(recorder)] == [[], [], []]
    assert recorder.messages("doorbell/+/best_face") == []


def test_events_only_publishes_no_picture(mosquitto: Mosquitto, recorder: Recorder) -> None:
    with AgentProcess.with_real_detector(mosquitto.port, DOORBELLS__PRIVACY="events_only") as agent:
        agent.wait_until_ready(recorder)
        for trigger in ("press", "motion", "continuous"):
            recorder.publish("doorbell/front/frame", _scene(1.0), user={"trigger": trigger})
        events = [each.json for each in recorder.wait_for_count("doorbell/front/faces", 3)]
        assert agent.stop() == 0
    assert all(event["outcome"] == "face" for event in events)
    assert _published(recorder) == []
    assert recorder.messages("doorbell/front/picture") == []
    expected = [
        event["picture_expected"] for kind in ("ring", "visit") for event in recorder.events(f"doorbell/front/{kind}")
    ]
    assert set(expected) == {False}
    sent = _scene(1.0)
    assert not any(
        sent[200:300] in each.payload for each in recorder.messages("#") if not each.topic.endswith("/frame")
    )


def test_a_press_only_doorbell(mosquitto: Mosquitto, recorder: Recorder) -> None:
    each = '{"front": {"press_only": true}}'
    with AgentProcess.with_script(mosquitto.port, DOORBELLS__EACH=each) as agent:
        agent.wait_until_ready(recorder)
        recorder.publish("doorbell/front/frame", jpeg(), user={"trigger": "motion"})
        recorder.publish("doorbell/back/frame", jpeg(), user={"trigger": "motion"})
        recorder.publish("doorbell/front/frame", jpeg(seed=1), user={"trigger": "press"})
        recorder.wait_for("doorbell/back/faces")
        assert recorder.wait_for("doorbell/front/faces")["trigger"] == "press"
        assert agent.stop() == 0
        metrics = recorder.last_metrics("test")
    assert metrics["shed"] == {"press_only": 1}


def test_faces_outside_the_zones_are_rejected_and_listed(mosquitto: Mosquitto, recorder: Recorder) -> None:
    left_half = "[[0, 0], [0.3, 0], [0.3, 1], [0, 1]]"
    each = f'{{"front": {{"zones": [{left_half}]}}}}'
    with AgentProcess.with_real_detector(mosquitto.port, DOORBELLS__EACH=each) as agent:
        agent.wait_until_ready(recorder)
        recorder.publish("doorbell/front/frame", _scene(1.0))
        event = recorder.wait_for("doorbell/front/faces")
    assert (event["outcome"], event["rejected"][0]["reason"]) == ("no_face", "outside_zones")


def test_filtered_frames_are_skipped_and_counted(mosquitto: Mosquitto, recorder: Recorder) -> None:
    settings = {"DOORBELLS__SKIP_DUPLICATES": "true", "DOORBELLS__SKIP_UNCHANGED": "true"}
    empty, again, visitor = _scene(None), _scene(None, seed=1), _scene(1.0)
    with AgentProcess.with_real_detector(mosquitto.port, **settings) as agent:
        agent.wait_until_ready(recorder)
        recorder.publish("doorbell/front/frame", empty)
        recorder.wait_for_count("doorbell/front/faces", 1)
        for image in (empty, again, visitor):
            recorder.publish("doorbell/front/frame", image, user={"trigger": "motion"})
        recorder.wait_for("doorbell/front/faces", lambda event: event["outcome"] == "face")
        recorder.publish("doorbell/front/press", "")
        recorder.publish("doorbell/front/frame", visitor)
        recorder.wait_for("doorbell/front/answer", lambda answer: answer["event_type"] == "face")
        metrics = recorder.wait_for(METRICS, lambda metrics: metrics["answered"]["face"] == 2)
    assert metrics["shed"] == {"duplicate": 1, "unchanged": 1}
    assert metrics["answered"] == {"face": 2, "no_face": 1}
