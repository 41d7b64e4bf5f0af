"""The settings of other publishers: what is accepted, what is refused with which sentence, and what it becomes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from edge_agent.agent.source_settings import sources_of
from edge_agent.domain import Trigger
from edge_agent.errors import SettingsError
from edge_agent.ingest.adapters import Source, read_source
from edge_agent.ingest.presets import preset_sources
from edge_agent.settings.loading import load_settings

if TYPE_CHECKING:
    from pathlib import Path


def _sources(tmp_path: Path, text: str) -> tuple[Source, ...]:
    file = tmp_path / "agent.yaml"
    file.write_text(f"sources:\n  - {text}\n", encoding="utf-8")
    return sources_of(load_settings(file, {}, environment={}))


def _press(*payloads: str) -> Source:
    return Source(press="a", doorbell="b", press_payload=payloads)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{frame: 'a/{doorbell}'}", Source("a/{doorbell}")),
        ("{press: a, doorbell: front}", Source(press="a", doorbell="front")),
        ("{press: a, doorbell: b, press_payload: on}", _press("true", "on", "ON")),
        ("{press: a, doorbell: b, press_payload: 1}", _press("1")),
        ("{press: a, doorbell: b, press_payload: [2, x, 'off']}", _press("2", "x", "off")),
        ("{press: a, doorbell: b, press_payload: ''}", Source(press="a", doorbell="b")),
        ("{frame: a, doorbell: Haustür/links, name: Haustür}", Source("a", doorbell="Haustür/links", name="Haustür")),
        ("{frame: '{doorbell}/{doorbell}', trigger: motion}", Source("{doorbell}/{doorbell}", trigger=Trigger.MOTION)),
    ],
)  # fmt: skip
def test_own_topics_become_a_source(tmp_path: Path, text: str, expected: Source) -> None:
    assert _sources(tmp_path, text) == (expected,)


@pytest.mark.parametrize(
    "text",
    ["ring-mqtt,frigate", "ring-mqtt, frigate", '[{"preset": "ring-mqtt"}, "frigate"]', '["ring-mqtt","frigate"]'],
)
def test_a_variable_names_presets(text: str) -> None:
    settings = load_settings(None, {}, environment={"EDGE_AGENT_SOURCES": text})
    assert [each.preset for each in settings.sources] == ["ring-mqtt", "frigate"]


def test_a_file_names_presets(tmp_path: Path) -> None:
    assert _sources(tmp_path, "frigate") == preset_sources("frigate")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("ring", "use ring-mqtt, wyze-bridge"),
        ("[ring-mqtt", "use the names of presets, with commas between them, or a list as JSON"),
        ('{"preset": "ring-mqtt"}', "use a list"),
        ("[" * 5000, "use the names of presets"),
    ],
)
def test_a_wrong_variable_is_refused_with_a_sentence(text: str, sentence: str) -> None:
    with pytest.raises(SettingsError) as refused:
        load_settings(None, {}, environment={"EDGE_AGENT_SOURCES": text})
    assert sentence in str(refused.value)


def test_a_preset_has_another_base(tmp_path: Path) -> None:
    (source,) = _sources(tmp_path, "{preset: ring-mqtt, base: home/ring}")
    assert source.filters()[0] == "home/ring/+/camera/+/snapshot/image"


def test_a_preset_of_one_device_gives_a_doorbell_of_another_name(tmp_path: Path) -> None:
    (source,) = _sources(tmp_path, "{preset: homebridge-unifi-protect, doorbell: front, name: Haustür}")
    found = read_source([source], "unifi/protect/AB12/doorbell")
    assert found is not None
    assert (found.doorbell, found.display_name) == ("front", "Haustür")
    assert found.snapshot_request == "unifi/protect/AB12/snapshot/set"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("{}", "name a preset, a frame topic or a press topic"),
        ("{preset: ring}", "use ring-mqtt, wyze-bridge"),
        ("{preset: ring-mqtt, frame: a}", "a preset has its own topics: remove frame, or the preset"),
        ("{frame: a}", "each topic needs one level {doorbell}"),
        ("{frame: 'a/{doorbell}', doorbell: front}", "each topic needs one level {doorbell}"),
        ("{frame: 'a/{doorbell}/#'}", "# cannot be used"),
        ("{frame: 'a/x{doorbell}'}", "each topic needs one level {doorbell}"),
        ("{frame: 'a/{doorbell}', press: b}", "each topic needs one level {doorbell}"),
        ("{frame: 'a/{doorbell}', base: b}", "base belongs to a preset"),
        ("{frame: 'a/{doorbell}', name: b}", "`name` needs `doorbell`"),
        ("{preset: frigate, base: a/#}", "use a topic without + and #"),
        ("{frame: 'a/{doorbell}', frame_path: 'a..b'}", "use the names of keys, with dots between them"),
        ("{press: a, doorbell: b, press_payload: {a: b}}", "sources.0.press_payload"),
    ],
)
def test_what_cannot_be_a_source_is_refused_with_a_sentence(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(SettingsError) as refused:
        _sources(tmp_path, text)
    assert sentence in str(refused.value)
