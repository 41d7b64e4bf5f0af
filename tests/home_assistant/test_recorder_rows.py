"""How many rows an idle house and a visit make in the real recorder. Measured in real time, and scaled to an hour.

Home Assistant renews the token of each image and camera every five minutes, which is a row too. These rows are counted
by that interval, since a measurement is shorter.
"""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import pytest

from testing.photos import face_photo
from testing.pictures import jpeg
from testing.recorder import Recorder
from tests.home_assistant.at_home import DOORBELL, MARKS, agent_for, entity, wait_state, wait_until_listening

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [*MARKS, pytest.mark.timeout(400)]

RECORDER: Final = "recorder:\n  commit_interval: 1\n"
COMMITTED_S: Final = 3.0
"""Home Assistant writes a row within this time."""
IDLE_S: Final = 60.0
VISIT_S: Final = 45.0
FRAMES_PER_S: Final = 3
MOST_ROWS_AN_HOUR: Final = 60
TOKENS_AN_HOUR: Final = 12
CHANGE_INTERVAL_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the table `states`."""

    entity_id: str
    state: str
    at_s: float
    is_renewal: bool
    """Of the token of an image or a camera: its state did not change."""


def rows(home: Any, since_s: float) -> list[Row]:
    """Return the rows since a time of the wall clock."""
    path = f"file:{home.d['config']}/home-assistant_v2.db?mode=ro"
    query = """
        select states_meta.entity_id, state, last_updated_ts,
            last_updated_ts > coalesce(last_changed_ts, last_updated_ts)
        from states join states_meta using (metadata_id) order by last_updated_ts
    """
    with contextlib.closing(sqlite3.connect(path, uri=True)) as database:
        found = [Row(name, state, at_s, bool(old) and name.startswith(("image.", "camera.")))
                 for name, state, at_s, old in database.execute(query)]  # fmt: skip
    return [row for row in found if row.at_s >= since_s]


def send_frames(recorder: Recorder, photo: bytes | None, seconds: float) -> None:
    """Send a photo several times a second, or nothing: what is measured here is time."""
    end_s = time.monotonic() + seconds
    while time.monotonic() < end_s:
        if photo is not None:
            recorder.publish("doorbell/front/frame", photo, qos=0)
        time.sleep(1 / FRAMES_PER_S)


def measure(home: Any, recorder: Recorder, photo: bytes | None, seconds: float) -> list[Row]:
    """Return the rows of a while, without renewals of tokens."""
    start_s = time.time()
    send_frames(recorder, photo, seconds)
    end_s = time.time()
    send_frames(recorder, None, COMMITTED_S)
    return [row for row in rows(home, start_s) if row.at_s <= end_s and not row.is_renewal]


def per_hour(home: Any, found: list[Row], seconds: float) -> float:
    """Return the rows an hour, renewals of tokens included."""
    pictures = len(home.states("image.")) + len(home.states("camera."))
    return len(found) * 3600 / seconds + pictures * TOKENS_AN_HOUR


@pytest.fixture
def home(harness: Any, installation: Path, tmp_path: Path) -> Iterator[Any]:
    """Return a Home Assistant that records."""
    with harness.start(tmp_path / "home", installation, extra_yaml=RECORDER) as running:
        yield running


@pytest.fixture
def recorder(home: Any) -> Iterator[Recorder]:
    with Recorder(home.d["mqtt_port"]) as recorder:
        yield recorder


def test_an_idle_house_and_a_visit_make_few_rows(home: Any, recorder: Recorder) -> None:
    with agent_for(home) as agent:
        agent.wait_until_ready(recorder)
        recorder.publish("doorbell/front/frame", jpeg())
        wait_until_listening(home)
        face_present = entity(home, DOORBELL, "face_present")
        send_frames(recorder, None, COMMITTED_S)

        silent = per_hour(home, measure(home, recorder, None, IDLE_S), IDLE_S)
        empty = per_hour(home, measure(home, recorder, jpeg(), IDLE_S), IDLE_S)

        recorder.publish("doorbell/front/frame", face_photo())
        wait_state(home, face_present, "on")
        send_frames(recorder, None, COMMITTED_S)
        visit = measure(home, recorder, face_photo(), VISIT_S)

        figures = f"silent {silent:.0f}, without a face {empty:.0f}, with one {per_hour(home, visit, VISIT_S):.0f}"
        print(f"\nrows an hour: {figures}")  # noqa: T201 - figures for docs/home-assistant.md
        assert silent < MOST_ROWS_AN_HOUR
        assert empty < MOST_ROWS_AN_HOUR
        assert_slow(visit)
        recorder.wait_for("doorbell/front/visit", lambda each: each["event_type"] == "face_left")
        wait_state(home, face_present, "off")


def assert_slow(visit: list[Row]) -> None:
    """Each entity of the doorbell changes once in ten seconds at most, and some do."""
    changes = Counter(row.entity_id for row in visit if "doorbell" in row.entity_id)
    assert {"image.front_doorbell_snapshot", "sensor.front_doorbell_last_seen"} <= changes.keys()
    assert max(changes.values()) <= VISIT_S / CHANGE_INTERVAL_S + 1, changes
