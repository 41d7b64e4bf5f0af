"""Which topics carry pictures or presses, which preset fits, and the lines for agent.yaml."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from edge_agent.agent.source_settings import sources_of
from edge_agent.errors import SettingsError
from edge_agent.ingest.adapters import read_source
from edge_agent.ingest.recognizer import MOST_TOPICS, Kind, Recognizer, source_entries
from edge_agent.settings.loading import load_settings
from edge_agent.settings.source_lines import source_lines, with_sources
from testing.pictures import jpeg, png
from testing.shared_data import PROJECT
from tests.publishers import CASES, Case, data_url

if TYPE_CHECKING:
    from pathlib import Path

TEXT = base64.b64encode(jpeg()).decode()


def _observed(topic: str, payload: bytes) -> Recognizer:
    recognizer = Recognizer()
    recognizer.take(topic, payload, retained=False)
    return recognizer


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.preset}: {case.what}")
def test_the_preset_of_each_publisher_fits(case: Case) -> None:
    recognizer = Recognizer()
    for each in case.sent:
        recognizer.take(each.topic, each.payload, retained=each.retain)
    entries = source_entries(list(recognizer.observed.values()))
    assert {"preset": case.preset} in entries
    others = [entry for entry in entries if entry != {"preset": case.preset}]
    assert all("frame" in entry or "press" in entry for entry in others)


@pytest.mark.parametrize(
    ("topic", "payload", "kind", "size", "entry"),
    [
        ("cam/porch/jpg", jpeg(), Kind.JPEG, (320, 240), {"frame": "cam/porch/jpg", "doorbell": "porch"}),
        ("still", png(), Kind.PNG, (64, 48), {"frame": "still", "doorbell": "still"}),
        ("a/b/c", TEXT.encode(), Kind.TEXT, (320, 240), {"frame": "a/b/c", "doorbell": "b"}),
        ("a/b/c", data_url(jpeg()), Kind.TEXT, (320, 240), {"frame": "a/b/c", "doorbell": "b"}),
        ("a/b/c", json.dumps({"image": TEXT}).encode(), Kind.JSON, (320, 240), {"frame": "a/b/c", "doorbell": "b"}),
        (
            "a/b/c", json.dumps({"x": 1, "data": [{"jpeg": TEXT}]}).encode(), Kind.JSON, (320, 240),
            {"frame": "a/b/c", "frame_path": "data.0.jpeg", "doorbell": "b"},
        ),
        (
            "zigbee2mqtt/Door button", b'{"action": "single", "battery": 90}', Kind.PRESS, (0, 0),
            {"press": "zigbee2mqtt/Door button", "press_payload": "single", "press_path": "action",
             "doorbell": "zigbee2mqtt"},
        ),
        ("home/bell", b"ON", Kind.PRESS, (0, 0), {"press": "home/bell", "press_payload": "ON", "doorbell": "home"}),
        ("myring/8f/camera/a1/ding/state", b"OFF", Kind.PRESS, (0, 0), {"preset": "ring-mqtt", "base": "myring"}),
        ("home/unifi/AB/snapshot", data_url(jpeg()), Kind.TEXT, (320, 240), None),
    ],
)  # fmt: skip
def test_a_topic_is_recognized_by_what_it_carries(
    topic: str, payload: bytes, kind: Kind, size: tuple[int, int], entry: dict[str, Any] | None
) -> None:
    recognizer = _observed(topic, payload)
    found = recognizer.observed[topic]
    assert (found.content.kind, (found.content.width, found.content.height)) == (kind, size)
    assert entry is None or source_entries([found]) == [entry]


@pytest.mark.parametrize(
    ("topic", "payload"),
    [
        ("doorbell/front/snapshot", jpeg()), ("edge_agent/a/x", jpeg()), ("homeassistant/x/config", jpeg()),
        ("home/temperature", b"21.5"), ("home/bell", b"21.5"), ("home/bell", b""), ("home/light", b"ON"),
        ("home/doorbell", b"{}"), ("home/doorbell", b'{"action": ""}'), ("home/x", b'{"a": "/9j/"}'),
        ("home/x", b"[" * 5000), ("home/x", b'{"a":' * 300 + b"1" + b"}" * 300), ("a{b}/c", jpeg()),
        ("a\x07/c", jpeg()),
        ("frigate/porch/person", b"1"),
    ],
)  # fmt: skip
def test_other_topics_are_no_sources(topic: str, payload: bytes) -> None:
    assert not _observed(topic, payload).observed


def test_topics_are_bounded() -> None:
    recognizer = Recognizer()
    for number in range(MOST_TOPICS + 10):
        recognizer.take(f"cam/{number}/jpg", jpeg(), retained=False)
    assert len(recognizer.observed) == MOST_TOPICS


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "sources:\n  - preset: frigate\n"),
        ("# mine\nagent_id: a\n", "# mine\nagent_id: a\n\nsources:\n  - preset: frigate\n"),
        ("sources: []\nlog: {level: info}\n", "sources:\n  - preset: frigate\nlog: {level: info}\n"),
        ("a: b\nsources:  # of others\nc: d\n", "a: b\nsources:  # of others\n  - preset: frigate\nc: d\n"),
        ("sources:\n- preset: ring-mqtt\nc: d\n", "sources:\n- preset: frigate\n- preset: ring-mqtt\nc: d\n"),
        (
            "sources:\n    # first\n    - preset: ring-mqtt\n",
            "sources:\n    - preset: frigate\n    # first\n    - preset: ring-mqtt\n",
        ),
    ],
)
def test_lines_are_added_and_all_others_stay(before: str, after: str) -> None:
    assert with_sources(before, [{"preset": "frigate"}]) == after
    assert {"preset": "frigate"} in yaml.safe_load(after)["sources"]


def test_a_list_in_one_line_is_left_to_its_owner() -> None:
    with pytest.raises(SettingsError, match="written in one line"):
        with_sources("sources: [{preset: frigate}]\n", [{"preset": "ring-mqtt"}])


def test_the_lines_fit_our_example_and_read_what_was_found(tmp_path: Path) -> None:
    topics = {
        "cams/Haustür vorn/jpg": jpeg(),
        "a: b/#c/d e": TEXT.encode(),
        "zigbee2mqtt/button": b'{"action": "single"}',
    }
    recognizer = Recognizer()
    for topic, payload in topics.items():
        recognizer.take(topic.replace("#", "x"), payload, retained=False)
    entries = source_entries(list(recognizer.observed.values()))
    file = tmp_path / "agent.yaml"
    example = (PROJECT / "config" / "agent.yaml").read_text(encoding="utf-8")
    file.write_text(with_sources(example, entries), encoding="utf-8")
    sources = sources_of(load_settings(file, {}, environment={}))
    assert all(read_source(sources, topic) for topic in recognizer.observed)
    assert source_lines([]) == ""
