"""The history of a real agent: what it writes of visits and presses, and what it does not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from edge_agent.demo.porch import Scene, draw
from edge_agent.detectors import table
from edge_agent.history.entries import Entry, EntryKind, PictureKind
from edge_agent.history.reader import HistoryReader
from edge_agent.history.store import folder_of
from edge_agent.wire import DetectorChoice
from testing.agent_process import AGENT_ID, AgentProcess
from testing.pictures import jpeg, visitors
from testing.shared_data import shared
from testing.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from testing.broker import Mosquitto
    from testing.recorder import Recorder


def _scene(distance_m: float | None, seed: int = 0) -> bytes:
    scene = Scene(seed=seed) if distance_m is None else Scene(visitors()[0], distance_m, seed=seed)
    return bytes(cv2.imencode(".jpg", draw(scene), [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes())


def _faces_in(picture: bytes) -> int:
    detector = table.load(DetectorChoice("cpu", "yunet_n", str(shared("models", "yunet_n_dynamic.onnx"))))
    pixels = np.asarray(cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_COLOR), np.uint8)
    return len([face for face in detector.detect(pixels) if face.confidence > 0.5])


def _reader(state: Path) -> HistoryReader:
    return HistoryReader(folder_of(state, AGENT_ID))


def _evening(mosquitto: Mosquitto, recorder: Recorder, state: Path, **settings: str) -> list[Entry]:
    """Press, show a visitor, let the visitor leave; return the entries, a press and a visit."""
    settings |= {"HISTORY__ENABLED": "true", "STATE__DIR": str(state), "DOORBELLS__VISIT_GAP_S": "2"}
    with AgentProcess.with_real_detector(mosquitto.port, **settings) as agent:
        agent.wait_until_ready(recorder)
        recorder.publish("doorbell/front/press", "")
        for number, distance_m in enumerate((2.0, 1.0, 0.9)):
            recorder.publish("doorbell/front/frame", _scene(distance_m, number))
            recorder.wait_for_count("doorbell/front/faces", number + 1)
        recorder.wait_for("doorbell/front/visit", lambda event: event["event_type"] == "face_left")
        assert agent.stop() == 0
        assert "Traceback" not in agent.log
    return sorted(_reader(state).between(None, None), key=lambda each: each.kind)


def test_a_press_and_its_visit_are_written_with_pictures(
    mosquitto: Mosquitto, recorder: Recorder, tmp_path: Path
) -> None:
    press, visit = _evening(mosquitto, recorder, tmp_path)
    (ring,) = recorder.events("doorbell/front/ring")
    answer = recorder.wait_for("doorbell/front/answer")
    left = recorder.events("doorbell/front/visit")[-1]
    assert (press.entry_id, visit.entry_id) == (ring["press_id"], left["visit_id"])
    assert (press.kind, press.visit_id, press.answer) == (EntryKind.PRESS, visit.entry_id, "face")
    assert press.confidence == answer["confidence"]
    assert (visit.people, visit.frames, visit.quality) == (1, 3, left["quality"])
    assert visit.duration_s <= left["duration_s"] + 0.1
    reader = _reader(tmp_path)
    for entry in (press, visit):
        for kind in PictureKind:
            assert _faces_in(reader.picture(entry.entry_id, kind)) == 1
    published = {each.payload for each in recorder.messages("doorbell/front/snapshot")}
    assert reader.picture(press.entry_id, PictureKind.SNAPSHOT) in published
    assert reader.presses_of(visit) == [press]


def test_blurred_pictures_stay_blurred(mosquitto: Mosquitto, recorder: Recorder, tmp_path: Path) -> None:
    entries = _evening(mosquitto, recorder, tmp_path, DOORBELLS__PRIVACY="blurred")
    pictures = [each.read_bytes() for each in tmp_path.rglob("*.jpg")]
    assert len(pictures) == 2
    assert [_faces_in(each) for each in pictures] == [0, 0]
    assert [each.has(PictureKind.FACE) for each in entries] == [False, False]


def test_events_only_stores_no_picture(mosquitto: Mosquitto, recorder: Recorder, tmp_path: Path) -> None:
    press, visit = _evening(mosquitto, recorder, tmp_path, DOORBELLS__PRIVACY="events_only")
    assert list(tmp_path.rglob("*.jpg")) == []
    assert (press.visit_id, press.answer, visit.frames) == (visit.entry_id, "face", 3)


def test_a_press_without_a_face_says_why(mosquitto: Mosquitto, recorder: Recorder, tmp_path: Path) -> None:
    each = '{"front": {"zones": [[[0, 0], [0.3, 0], [0.3, 1], [0, 1]]], "press_deadline_s": 2}}'
    settings = {"HISTORY__ENABLED": "true", "STATE__DIR": str(tmp_path), "DOORBELLS__EACH": each}
    with AgentProcess.with_real_detector(mosquitto.port, **settings) as agent:
        agent.wait_until_ready(recorder)
        recorder.publish("doorbell/front/press", "")
        recorder.publish("doorbell/front/frame", _scene(1.0))
        recorder.wait_for("doorbell/front/answer")
        assert agent.stop() == 0
    (press,) = _reader(tmp_path).between(None, None)
    assert (press.answer, press.rejected, press.has(PictureKind.SNAPSHOT)) == ("no_face", {"outside_zones": 1}, True)


def test_it_is_off_by_default(mosquitto: Mosquitto, recorder: Recorder, tmp_path: Path) -> None:
    with AgentProcess.with_script(mosquitto.port, STATE__DIR=str(tmp_path)) as agent:
        agent.wait_until_ready(recorder)
        recorder.publish("doorbell/front/frame", jpeg(), user={"trigger": "press"})
        assert recorder.wait_for("doorbell/front/answer")["history_path"] is None
        assert agent.stop() == 0
    assert not folder_of(tmp_path, AGENT_ID).exists()


def test_after_a_kill_the_visitor_is_there(mosquitto: Mosquitto, recorder: Recorder, tmp_path: Path) -> None:
    with AgentProcess.with_script(mosquitto.port, HISTORY__ENABLED="true", STATE__DIR=str(tmp_path)) as agent:
        agent.wait_until_ready(recorder)
        recorder.publish("doorbell/front/frame", jpeg(), user={"trigger": "press"})
        answer = recorder.wait_for("doorbell/front/answer")
        wait_until(lambda: {each.kind for each in _reader(tmp_path).between(None, None)} == set(EntryKind))
        agent.kill()
        assert {each.kind for each in _reader(tmp_path).between(None, None)} == set(EntryKind)
        assert _reader(tmp_path).picture(answer["press_id"], PictureKind.SNAPSHOT)
        agent.start()
        agent.wait_until_ready(recorder)
        wait_until(lambda: all(each.ended_at for each in _reader(tmp_path).between(None, None)))


def test_a_history_that_cannot_be_written_stops_nothing(
    mosquitto: Mosquitto, recorder: Recorder, tmp_path: Path
) -> None:
    folder_of(tmp_path, AGENT_ID).write_text("a file where the folder should be")
    with AgentProcess.with_script(mosquitto.port, HISTORY__ENABLED="true", STATE__DIR=str(tmp_path)) as agent:
        agent.wait_until_ready(recorder)
        recorder.publish("doorbell/front/frame", jpeg(), user={"trigger": "press"})
        assert recorder.wait_for("doorbell/front/answer")["event_type"] == "face"
        health = recorder.wait_for(
            f"edge_agent/{AGENT_ID}/health", lambda health: [each["code"] for each in health["problems"]] == ["history"]
        )
        assert health["status"] == "degraded"
        assert health["reasons"][0].startswith("The history of visits is not written")
        assert agent.stop() == 0


def test_the_visits_of_today_survive_a_restart(mosquitto: Mosquitto, recorder: Recorder, tmp_path: Path) -> None:
    settings = {"DOORBELLS__VISIT_GAP_S": "1", "STATE__DIR": str(tmp_path)}
    with AgentProcess.with_script(mosquitto.port, None, HISTORY__ENABLED="true", **settings) as agent:
        agent.wait_until_ready(recorder)
        for ended in (1, 2):
            recorder.publish("doorbell/front/frame", jpeg(), user={"trigger": "motion"})
            wait_until(lambda: recorder.events("doorbell/front/visits_today")[-1:] == [ended])  # noqa: B023 - waits here
            wait_until(lambda: _ended(recorder) == ended)  # noqa: B023 - waits here
        assert agent.stop() == 0
        recorder.clear()
        agent.start()
        recorder.wait_for("doorbell/front/visits_today", lambda count: count == 2)
    assert recorder.events("doorbell/front/visits_today")[-1] == 2


def _ended(recorder: Recorder) -> int:
    return sum(each["event_type"] == "face_left" for each in recorder.events("doorbell/front/visit"))


def test_a_press_that_a_restart_interrupted_gets_its_answer(
    mosquitto: Mosquitto, recorder: Recorder, tmp_path: Path
) -> None:
    with AgentProcess.with_script(mosquitto.port, HISTORY__ENABLED="true", STATE__DIR=str(tmp_path)) as agent:
        agent.wait_until_ready(recorder)
        recorder.publish("doorbell/front/press", "")
        ring = recorder.wait_for("doorbell/front/ring")
        wait_until(lambda: _reader(tmp_path).entry(ring["press_id"]))
        agent.kill()
        agent.start()
        answer = recorder.wait_for("doorbell/front/answer", timeout_s=60)
        assert answer["press_id"] == ring["press_id"]
        wait_until(lambda: (press := _reader(tmp_path).entry(ring["press_id"])) and press.answer)
        (press,) = _reader(tmp_path).between(None, None)
        assert (press.answer, press.reason) == (answer["event_type"], answer["reason"])
        assert agent.stop() == 0
