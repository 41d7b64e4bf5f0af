"""The options that can be set while the agent runs, and their file."""

from __future__ import annotations

import stat
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, NoReturn

import pytest
from pydantic import ValidationError

from edge_agent.domain import Setting, ShedReason, Trigger
from edge_agent.doorbells.options import Options, options_of
from edge_agent.doorbells.options_file import OptionsFile, StoredOptions, default_folder
from edge_agent.doorbells.policy import job_for, reason_to_skip
from edge_agent.errors import SettingsError
from edge_agent.pool.tasks import task_of
from edge_agent.settings.detection import DetectionSettings
from edge_agent.settings.model import DoorbellOptions, DoorbellSettings
from edge_agent.settings.pool import QueueSettings
from edge_agent.wire import SnapshotMode
from testing.values import NOON, frame

if TYPE_CHECKING:
    from pathlib import Path

BACK = DoorbellOptions(min_confidence=0.55, min_face_height=0.1, rotation=90)


def controls(chosen: StoredOptions | None = None) -> Options:
    return Options(
        chosen or StoredOptions(),
        "hall",
        detection=DetectionSettings(strategies=("edgetpu", "cpu")),
        doorbells=DoorbellSettings(each={"back": BACK}),
        log_level="info",
    )


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        (Setting("detection", value="off"), "OFF"),
        (Setting("detection", "front", " ON "), "ON"),
        (Setting("min_confidence", "front", "85"), "85"),
        (Setting("min_confidence", "front", "85.0"), "85"),
        (Setting("strategy", value="CPU"), "cpu"),
        (Setting("strategy", value="auto"), "auto"),
        (Setting("log_level", value="debug"), "debug"),
    ],
)
def test_valid_values_are_set(setting: Setting, value: str) -> None:
    now = controls()
    assert now.set(setting, NOON) == ""
    assert now.value(setting) == value
    assert controls(now.stored).value(setting) == value


@pytest.mark.parametrize(
    ("setting", "fault"),
    [
        (Setting("detection", value="maybe"), "must be ON or OFF"),
        (Setting("min_confidence", "front", "0"), "must be a whole number from 1 to 99"),
        (Setting("min_confidence", "front", "1e999"), "must be a whole number from 1 to 99"),
        (Setting("min_confidence", "front", "nan"), "must be a whole number from 1 to 99"),
        (Setting("min_confidence", "front", "70.5"), "must be a whole number from 1 to 99"),
        (Setting("strategy", value="gpu"), "must be one of auto, edgetpu, cpu, the strategies of the settings"),
        (Setting("log_level", value=""), "must be one of debug, info, warning, error"),
    ],
)
def test_invalid_values_change_nothing(setting: Setting, fault: str) -> None:
    now = controls()
    before = now.value(setting)
    assert now.set(setting, NOON) == fault
    assert (now.value(setting), now.stored) == (before, StoredOptions())


def test_unset_options_follow_the_settings() -> None:
    now = controls()
    values = {each.topic: each.payload for each in now.publications(["front", "back"])}
    assert values == {
        "edge_agent/hall/detection": b"ON",
        "edge_agent/hall/strategy": b"auto",
        "edge_agent/hall/log_level": b"info",
        "doorbell/front/detection": b"ON",
        "doorbell/front/min_confidence": b"70",
        "doorbell/front/mute": b"OFF",
        "doorbell/back/detection": b"ON",
        "doorbell/back/min_confidence": b"55",
        "doorbell/back/mute": b"OFF",
    }
    assert all(each.retain for each in now.publications([]))


def test_a_doorbell_follows_its_own_options() -> None:
    now = controls()
    assert now.policy_for("back").rules.min_confidence == 0.55
    now.set(Setting("min_confidence", "back", "90"), NOON)
    look = now.policy_for("back")
    assert (look.rules.min_confidence, look.rules.min_height) == (0.9, 0.1)
    assert now.policy_for("front").rules.min_confidence == 0.7


def test_a_frame_is_turned_as_its_doorbells_settings_say() -> None:
    now = controls()
    for doorbell, rotation in {"back": 90, "front": 0}.items():
        job = job_for(frame(doorbell), now.policy_for(doorbell), QueueSettings(), SnapshotMode.NEVER)
        assert task_of(1, job, 5.0, 0).rotation == rotation
    with pytest.raises(ValidationError, match="90"):
        DoorbellOptions.model_validate({"rotation": 45})


@pytest.mark.parametrize("doorbell", ["", "front"])
@pytest.mark.parametrize("trigger", Trigger)
def test_no_frame_is_processed_while_detection_is_off(doorbell: str, trigger: Trigger) -> None:
    now = controls()
    now.set(Setting("detection", doorbell, "OFF"), NOON)
    assert reason_to_skip(frame("front", trigger), now.policy_for("front"), 0.0, 0.0) is ShedReason.DETECTION_OFF
    assert now.policy_for("back").detecting is bool(doorbell)


@pytest.mark.parametrize(("waited_s", "reason"), [(0.0, None), (2.0, None), (2.5, ShedReason.STALE)])
def test_stale_pictures_are_skipped(waited_s: float, reason: ShedReason | None) -> None:
    look = controls().policy_for("front")
    taken = frame("front", received_s=100.0, captured_at=NOON - timedelta(seconds=8))
    assert reason_to_skip(taken, look, 10.0, 100.0 + waited_s) is reason
    assert reason_to_skip(taken, look, 0.0, 1e9) is None
    assert reason_to_skip(frame("front"), look, 10.0, 1e9) is None


def test_press_only_sheds_other_frames_with_its_own_reason() -> None:
    look = replace(controls().policy_for("front"), press_only=True)
    reasons = [reason_to_skip(frame("front", trigger), look, 0.0, 0.0) for trigger in Trigger]
    assert reasons == [None, ShedReason.PRESS_ONLY, ShedReason.PRESS_ONLY]


def test_stored_values_that_became_invalid_are_dropped() -> None:
    """The settings have changed, or the file was edited."""
    chosen = StoredOptions(
        agent={"strategy": "gpu", "log_level": "debug", "nonsense": "1"},
        doorbells={"front": {"min_confidence": "200", "detection": "OFF"}, "../x": {"detection": "OFF"}},
    )
    assert controls(chosen).stored == StoredOptions(
        agent={"log_level": "debug"}, doorbells={"front": {"detection": "OFF"}}
    )


def test_each_doorbell_has_its_own_options() -> None:
    assert [(each.option, each.doorbell) for each in options_of("front")] == [
        ("detection", "front"),
        ("min_confidence", "front"),
        ("mute", "front"),
    ]


MUTED = Setting("mute", "front", "on")


def test_a_mute_ends_by_itself_after_an_hour() -> None:
    now = controls()
    assert now.set(MUTED, NOON) == ""
    assert now.publication(MUTED).payload == b"ON"
    assert now.ended(NOON + timedelta(minutes=59, seconds=59)) == []
    (end,) = now.ended(NOON + timedelta(hours=1))
    assert now.set(end, NOON + timedelta(hours=1)) == ""
    assert (now.publication(MUTED).payload, now.ended(NOON + timedelta(days=1))) == (b"OFF", [])


def test_a_mute_starts_again_when_it_is_set_again() -> None:
    now = controls()
    for at in (NOON, NOON + timedelta(minutes=50)):
        now.set(MUTED, at)
    assert now.ended(NOON + timedelta(minutes=109)) == []


def test_a_mute_goes_on_after_a_restart_and_concerns_its_doorbell() -> None:
    now = controls()
    now.set(MUTED, NOON)
    again = controls(now.stored)
    assert [again.value(Setting("mute", name)) for name in ("front", "back")] == ["ON", "OFF"]
    assert [each.doorbell for each in again.ended(NOON + timedelta(hours=2))] == ["front"]


@pytest.mark.parametrize("stored", ["soon", "2026-01-01T12:00:00", ""])
def test_a_mute_without_an_end_is_none(stored: str) -> None:
    assert controls(StoredOptions(doorbells={"front": {"mute": stored}})).value(MUTED) == "OFF"


def test_a_clock_that_is_set_back_mutes_nobody_for_days() -> None:
    now = controls()
    now.set(MUTED, NOON)
    assert now.ended(NOON - timedelta(days=1)) != []


CHOSEN = StoredOptions(agent={"strategy": "cpu"}, doorbells={"front": {"detection": "OFF"}})


def test_stored_options_are_restored(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "down" / "hall.json"
    assert OptionsFile(path).load() == StoredOptions()
    file = OptionsFile(path)
    file.save(StoredOptions())
    file.save(CHOSEN)
    file.close()
    assert OptionsFile(path).load() == CHOSEN
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [each.name for each in path.parent.iterdir()] == ["hall.json"]


@pytest.mark.parametrize(
    "content", [b"", b"{", b"\0" * 64, b'{"agent": 3}', b'{"version": 9}', b'{"other": {}}'], ids=repr
)
def test_a_damaged_file_is_moved_aside_and_replaced(
    content: bytes, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "hall.json"
    path.write_bytes(content)
    file = OptionsFile(path)
    assert file.load() == StoredOptions()
    assert "is damaged" in caplog.text
    assert (tmp_path / "hall.damaged").read_bytes() == content
    file.save(CHOSEN)
    file.close()
    assert OptionsFile(path).load() == CHOSEN


def test_an_unwritable_folder_is_only_reported(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_bytes(b"")
    file = OptionsFile(tmp_path / "file" / "hall.json")
    assert file.load() == StoredOptions()
    for _ in range(2):
        file.save(CHOSEN)
    file.close()
    assert "changed options are lost at the next start" in file.fault
    assert caplog.text.count("cannot be written") == 1


def test_a_user_without_a_home_keeps_options_in_memory(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def no_user(user: int) -> NoReturn:
        raise KeyError(user)

    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    monkeypatch.setenv("HOME", "")
    monkeypatch.setattr("pwd.getpwuid", no_user)
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path / "run"))
    assert default_folder() == tmp_path / "run"
    assert f"options set over MQTT are kept in {tmp_path / 'run'}" in caplog.text
    (tmp_path / "run").symlink_to(tmp_path)
    with pytest.raises(SettingsError, match=r"belongs to another user: set state\.dir"):
        default_folder()
    monkeypatch.setenv("XDG_STATE_HOME", "/var/state")
    assert str(default_folder()) == "/var/state/edge-agent"
