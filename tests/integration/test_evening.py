"""An evening at the door, replayed from photographs: exactly the expected messages, even across restarts."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

import pytest
from rich.console import Console
from rich.table import Table

from edge_agent import topics
from testing.agent_process import AgentProcess
from testing.photos import Photo, close_up, photos
from testing.recorder import Recorder
from testing.waiting import wait_until

if TYPE_CHECKING:
    from testing.broker import Mosquitto

pytestmark = [pytest.mark.broker, pytest.mark.slow, pytest.mark.timeout(120)]

FRONT: Final = "doorbell/front"
GAP_S: Final = 4.0

EXPECTED: Final = {
    ("ring", "ring"): 3,
    ("answer", "face"): 2,
    ("answer", "no_face"): 1,
    ("visit", "face_appeared"): 3,
    ("visit", "face_left"): 3,
}
"""Three visitors; two of them press, and one more press has nobody in view."""


def door_openings(recorder: Recorder) -> list[str]:
    """Return the visits for which a simple automation opens the door: at every face_appeared."""
    events = recorder.events(f"{FRONT}/visit")
    return [event["visit_id"] for event in events if event["event_type"] == "face_appeared"]


def stills(stratum: str, faces: int, count: int, *, which: int = 0) -> list[bytes]:
    """Return distinct pictures of one photograph of a stratum."""
    photo = [each for each in photos() if each.stratum == stratum and len(each.boxes) == faces][which]
    return burst(photo, count)


def burst(photo: Photo, count: int) -> list[bytes]:
    """Return distinct pictures of one photograph, like a camera's burst."""
    data = photo.path.read_bytes()
    return [data + number.to_bytes(2, "big") for number in range(count)]


def show(recorder: Recorder, images: list[bytes], trigger: str = "motion") -> None:
    """Send frames one after the other, each after the result of the one before."""
    for image in images:
        before = len(recorder.messages(f"{FRONT}/faces"))
        recorder.publish(f"{FRONT}/frame", image, user={"trigger": trigger})
        recorder.wait_for_count(f"{FRONT}/faces", before + 1)


def ring(recorder: Recorder, images: list[bytes]) -> None:
    before = len(recorder.messages(f"{FRONT}/answer"))
    recorder.publish(f"{FRONT}/press", "")
    show(recorder, images, "press")
    recorder.wait_for_count(f"{FRONT}/answer", before + 1)


def wait_until_left(recorder: Recorder, visits: int) -> None:
    wait_until(
        lambda: sum(each["event_type"] == "face_left" for each in recorder.events(f"{FRONT}/visit")) == visits,
        why=lambda: str(recorder.events(f"{FRONT}/visit")),
    )


def test_an_evening_at_the_door(mosquitto: Mosquitto, recorder: Recorder) -> None:
    settings = {"DOORBELLS__VISIT_GAP_S": str(GAP_S), "PRESS__DEADLINE_S": "3", "PRESS__WINDOW_S": "3"}
    with AgentProcess.with_real_detector(mosquitto.port, **settings) as agent:
        agent.wait_until_ready(recorder)
        show(recorder, stills("neg_scene", 0, 3))
        ring(recorder, burst(close_up(), 4))
        wait_until_left(recorder, 1)
        # the first animal photograph shows its face, which the detector mistakes for a person's
        show(recorder, stills("neg_animal", 0, 3, which=1))
        ring(recorder, stills("neg_street", 0, 2))

        assert agent.stop() == 0
        agent.start()
        agent.wait_until_ready(recorder)
        show(recorder, stills("mask", 1, 4))
        wait_until_left(recorder, 2)

        with Recorder(mosquitto.port, topic_filter=f"{FRONT}/#") as late:
            late.publish("tests/marker", "")
            show(recorder, stills("neg_scene", 0, 2))
            replayed = {each.topic.removeprefix(f"{FRONT}/") for each in late.messages("#") if each.retained}
        assert replayed <= {"state", "availability", "visits_today", *topics.DOORBELL_OPTIONS}, (
            "a subscriber gets no old event"
        )
        ring(recorder, stills("video", 1, 5))
        wait_until_left(recorder, 3)

    seen = Counter(
        (kind, event["event_type"])
        for kind in ("ring", "answer", "visit")
        for event in recorder.events(f"{FRONT}/{kind}")
        if event["event_type"] != "face_updated"
    )
    print_table(seen)
    assert seen == EXPECTED
    ids = [each["event_id"] for kind in ("ring", "answer", "visit") for each in recorder.events(f"{FRONT}/{kind}")]
    assert len(ids) == len(set(ids)), "no event is received twice"
    assert len(door_openings(recorder)) == 3, "a door opens once for each visitor, and never for a restart"
    updates = sum(each["event_type"] == "face_updated" for each in recorder.events(f"{FRONT}/visit"))
    assert updates <= 3, "a burst of stills is not a burst of messages"


def test_restarts_never_trigger_a_face_automation(mosquitto: Mosquitto) -> None:
    """A visitor leaves; then subscriber, broker and agent are restarted, each twice: the door stays shut."""
    with AgentProcess.with_real_detector(mosquitto.port, DOORBELLS__VISIT_GAP_S=str(GAP_S)) as agent:
        with Recorder(mosquitto.port) as recorder:
            agent.wait_until_ready(recorder)
            ring(recorder, burst(close_up(), 2))
            wait_until_left(recorder, 1)
            assert len(door_openings(recorder)) == 1
        for _ in range(2):
            mosquitto.kill()
            mosquitto.start()
            with Recorder(mosquitto.port) as recorder:
                recorder.wait_for(f"{FRONT}/state")
                agent.kill()
                agent.start()
                agent.wait_until_ready(recorder)
                recorder.wait_for_payload(f"{FRONT}/availability", b"offline")
                assert door_openings(recorder) == []
                assert recorder.messages(f"{FRONT}/ring") == []
                assert recorder.messages(f"{FRONT}/answer") == []


def print_table(seen: Counter[tuple[str, str]]) -> None:
    table = Table("message", "kind", "expected", "seen")
    for kind, word in sorted(EXPECTED.keys() | seen.keys()):
        table.add_row(kind, word, str(EXPECTED.get((kind, word), 0)), str(seen[kind, word]))
    Console().print(table)
