"""The doctor's rules as tables of readings and findings."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.capture.camera import CaptureReason
from edge_agent.capture.trial import Trial
from edge_agent.doctor import Finding, Level
from edge_agent.doctor import broker_rules as broker
from edge_agent.doctor import detector_rules as detectors
from edge_agent.doctor import host_rules as machine
from edge_agent.doctor.broker_rules import Subscribed, Use
from edge_agent.doctor.camera_rules import assess_camera
from edge_agent.platform.installation import Extra, add_instruction
from edge_agent.pool import ProbeResult
from edge_agent.wire import DetectorChoice
from tests.values import NOON

MB = 1_000_000


def result_of(finding: Finding) -> tuple[str, str]:
    """Return the level and the beginning of the fix."""
    return finding.level.value, " ".join(finding.fix.split()[:3])


@pytest.mark.parametrize(
    ("reason", "fix"),
    [
        ("it refused: Not authorized", "check mqtt.username and mqtt.password"),
        ("it refused: Bad user name or password", "check mqtt.username and mqtt.password"),
        ("it refused: Client identifier not valid", "set agent_id"),
        ("[Errno 111] Connection refused", "start the broker"),
        ("[Errno -2] Name or service not known", "check the spelling of mqtt.host"),
        ("[Errno -3] Temporary failure in name resolution", "check the spelling of mqtt.host"),
        ("[Errno 113] No route to host", "check this machine's network"),
        ("timed out", "whether a firewall is in between"),
        ("it did not answer as an MQTT broker does", "something else listens there"),
        ("its certificate does not prove who it is (unable to get local issuer certificate)", "mqtt.tls.ca_file"),
        ("it does not speak TLS on this port; brokers use 8883 for that as a rule", "switch mqtt.tls.enabled off"),
        ("Connection reset by peer; does it speak TLS on this port?", "check mqtt.tls.enabled and mqtt.port"),
        ("whatever", "look into the broker's log"),
    ],
)
def test_every_reason_of_the_broker_has_its_fix(reason: str, fix: str) -> None:
    found = broker.assess_connection("broker:1883", "", reason)
    assert found.level is Level.ERROR
    assert fix in found.fix


@pytest.mark.parametrize(
    ("enabled", "insecure", "has_password", "is_near", "level"),
    [
        (True, False, True, False, Level.OK),
        (True, True, True, True, Level.WARNING),
        (False, False, True, True, Level.OK),
        (False, False, True, False, Level.WARNING),
        (False, False, False, False, Level.OK),
    ],
)
def test_unencrypted_connections_are_reported(
    enabled: bool, insecure: bool, has_password: bool, is_near: bool, level: Level
) -> None:
    found = broker.assess_encryption(enabled=enabled, insecure=insecure, has_password=has_password, is_near=is_near)
    assert found.level is level


@pytest.mark.parametrize(
    ("tried", "tells", "level"),
    [
        (Subscribed("a/+", "", "", heard=True), True, Level.OK),
        (Subscribed("a/+", "", "", heard=False), True, Level.ERROR),
        (Subscribed("a/+", "", "Not authorized"), True, Level.OK),
        (Subscribed("a/+", "", None), True, Level.OK),
        (Subscribed("a/+", "", "", heard=False), False, Level.OK),
        (Subscribed("a/+", "Not authorized"), True, Level.ERROR),
        (Subscribed("a/+", "Not authorized"), False, Level.ERROR),
        (Subscribed("a/+", None), True, Level.ERROR),
    ],
)
def test_missing_subscriptions_are_found(tried: Subscribed, tells: bool, level: Level) -> None:
    assert broker.assess_subscriptions([tried], tells=tells).level is level


@given(st.none() | st.integers(1000, 300_000_000), st.integers(10_000, 3_000_000))
def test_every_packet_limit_gives_one_finding_with_a_working_fix(largest: int | None, publish: int) -> None:
    found = broker.assess_packet_size(largest, refused="", publish_bytes=publish, image_bytes=10 * MB)
    assert bool(found.fix) == (found.level is not Level.OK)
    if "set mqtt.max_publish_bytes to" in found.fix:
        wanted = int(found.fix.split("mqtt.max_publish_bytes to ")[1].split(",")[0])
        better = broker.assess_packet_size(largest, refused="", publish_bytes=wanted, image_bytes=10 * MB)
        assert "max_publish_bytes" not in better.fix


@pytest.mark.parametrize(
    ("use", "level", "fix"),
    [
        (Use(), Level.OK, ""),
        (Use(kicked="another client connected with the same client id"), Level.ERROR, "agent_id of its own"),
        (Use(is_online=True, is_here=True), Level.OK, ""),
        (Use(is_online=True), Level.WARNING, "agent_id of its own"),
        (Use(is_known=False), Level.WARNING, "topic read edge_agent/+/availability"),
    ],
)
def test_the_owner_of_the_client_id(use: Use, level: Level, fix: str) -> None:
    found = broker.assess_client_id("edge_agent-pi", use)
    assert found.level is level
    assert fix in found.fix


@pytest.mark.parametrize(
    ("strategy", "reason", "fix"),
    [
        (
            "edgetpu",
            "ai-edge-litert or tflite-runtime is not installed; to add it, ..",
            "install what the reason names",
        ),
        ("edgetpu", "the model ssd cannot be had: ..", "edge-agent models pull ssd_mobilenet_v2_edgetpu"),
        ("cpu", "the model yunet_n cannot be had: ..", "edge-agent models pull yunet_n"),
        ("edgetpu", "the library libedgetpu.so.1 cannot be loaded: .. Install libedgetpu", "install libedgetpu"),
        ("edgetpu", "no EdgeTPU was found: is it plugged in, and may this user open it?", "plug it in again"),
        ("gpu", "the installed onnxruntime has no CUDAExecutionProvider: ..", add_instruction(Extra.GPU)),
        ("edgetpu", "the process that tried it was ended by SIGSEGV", "a libedgetpu that fits the runtime"),
        ("gpu", "did not answer within 10 s", "raise pool.probe_timeout_s"),
        ("gpu", "whatever", "edge-agent detectors"),
    ],
)
def test_every_reason_of_a_detector_has_its_fix(strategy: str, reason: str, fix: str) -> None:
    assert fix in detectors.fix_for(strategy, reason)


def test_an_unavailable_detector_is_an_error_without_a_substitute() -> None:
    choice, broken = DetectorChoice("cpu", "yunet_n"), ProbeResult(reason="broken")
    assert detectors.assess_probe(choice, broken, is_spare=True).level is Level.WARNING
    assert detectors.assess_probe(choice, broken, is_spare=False).level is Level.ERROR
    assert detectors.assess_probe(choice, ProbeResult(10, 8), is_spare=False).level is Level.OK
    slow = detectors.assess_probe(choice, ProbeResult(10, 800), is_spare=False)
    assert detectors.assess_probe(choice, ProbeResult(10, 800), is_spare=True, is_second=True).level is Level.OK
    assert (slow.level, "choose a faster model" in slow.fix) == (Level.WARNING, True)


@pytest.mark.parametrize(
    ("device", "is_last", "is_asked", "level"),
    [
        ("", False, False, Level.OK),
        ("", False, True, Level.WARNING),
        ("USB 1-1", False, False, Level.WARNING),
        ("", True, True, Level.ERROR),
        ("USB 1-1", True, True, Level.ERROR),
    ],
)
def test_an_unexpected_strategy_is_not_an_error(device: str, is_last: bool, is_asked: bool, level: Level) -> None:
    found = detectors.assess_missing("edgetpu", "is not installed", device=device, is_last=is_last, is_asked=is_asked)
    assert found.level is level


def test_a_device_that_may_not_be_opened() -> None:
    shut = detectors.Device("edgetpu", "USB 1-1", Path("/dev/bus/usb/001/004"), "may not be opened by this user")
    found = detectors.assess_device(shut)
    assert found.text == "on USB 1-1, but /dev/bus/usb/001/004 may not be opened by this user"
    assert "udev rule" in found.fix


def test_models_that_are_damaged_or_missing() -> None:
    found = detectors.assess_models({"yunet_n": ["x is damaged"], "other": ["y is damaged"]}, {"centerface"},
                                   {"yunet_n": True, "centerface": False, "blazeface": False})  # fmt: skip
    assert [each.level for each in found] == [Level.ERROR, Level.WARNING, Level.WARNING, Level.OK]
    assert [each.fix.rpartition(" ")[2] for each in found] == ["yunet_n", "other", "blazeface", ""]


@pytest.mark.parametrize(
    ("architecture", "features", "expected"),
    [
        ("x86_64", {"avx2"}, ("ok", "")),
        ("x86_64", {"sse2"}, ("warning", "in a virtual")),
        ("aarch64", {"asimd", "asimddp"}, ("ok", "")),
        ("aarch64", {"asimd"}, ("ok", "")),
        ("armv7l", set(), ("error", "install a 64-bit")),
    ],
)
def test_the_cpu(architecture: str, features: set[str], expected: tuple[str, str]) -> None:
    assert result_of(machine.assess_processor(architecture, features, 4)) == expected


@pytest.mark.parametrize(
    ("temperature_c", "throttled", "under_voltage", "expected"),
    [
        (55.0, False, False, [Level.OK]),
        (None, None, None, [Level.OK]),
        (82.0, False, False, [Level.WARNING]),
        (95.0, False, False, [Level.ERROR]),
        (82.0, True, True, [Level.WARNING] * 3),
        (50.0, None, True, [Level.WARNING]),
    ],
)
def test_temperature_and_power(
    temperature_c: float | None, throttled: bool | None, under_voltage: bool | None, expected: list[Level]
) -> None:
    found = machine.assess_heat(temperature_c, throttled=throttled, under_voltage=under_voltage)
    assert [each.level for each in found] == expected


@pytest.mark.parametrize(
    ("minutes_after", "in_step", "expected"),
    [
        (10, True, ("ok", "")),
        (10, None, ("ok", "")),
        (10, False, ("warning", "timedatectl set-ntp true,")),
        (-10, True, ("error", "set it: timedatectl")),
        (-60 * 24 * 365 * 50, False, ("error", "set it: timedatectl")),
    ],
)
def test_the_clock(minutes_after: int, in_step: bool | None, expected: tuple[str, str]) -> None:
    assert result_of(machine.assess_clock(NOON + timedelta(minutes=minutes_after), NOON, in_step=in_step)) == expected


def test_an_implausible_clock() -> None:
    assert machine.assess_clock(NOON, None, in_step=True).level is Level.OK


@given(st.integers(0, 10_000 * MB), st.integers(1, 16))
def test_the_recommended_number_of_workers_fits(free_bytes: int, workers: int) -> None:
    found = machine.assess_memory(free_bytes, workers)
    if found.level is Level.WARNING:
        advised = int(found.fix.split("pool.workers to ")[1].split(",")[0])
        assert machine.assess_memory(free_bytes, advised).level is Level.OK


@pytest.mark.parametrize(
    ("fault", "free_bytes", "level"),
    [
        ("", 10**9, Level.OK),
        ("", None, Level.OK),
        ("", 10 * MB, Level.WARNING),
        ("permission denied", None, Level.ERROR),
    ],
)
def test_folders(fault: str, free_bytes: int | None, level: Level) -> None:
    found = machine.assess_folder("models", "/cache", fault, free_bytes, "models.cache_dir")
    assert found.level is level
    assert ("models.cache_dir" in found.fix) == (level is not Level.OK)


@pytest.mark.parametrize(("load1", "level"), [(0.3, Level.OK), (7.9, Level.OK), (8.0, Level.WARNING)])
def test_the_load(load1: float, level: Level) -> None:
    assert machine.assess_load(load1, 4).level is level


@pytest.mark.parametrize(
    ("fault", "is_ours", "level"),
    [("", False, Level.OK), ("address already in use", True, Level.OK), ("address already in use", False, Level.ERROR)],
)
def test_the_port_of_the_page(fault: str, is_ours: bool, level: Level) -> None:
    assert machine.assess_port("127.0.0.1:8099", fault, is_ours=is_ours).level is level


STREAM = Trial(first_picture_s=1.0, codec="h264", width=1280, height=720, size_bytes=90_000)


@pytest.mark.parametrize(
    ("trial", "levels", "words"),
    [
        (STREAM, [Level.OK], "h264 1280x720, 90 kB, the first picture after 1.0 s"),
        (Trial(CaptureReason.PASSWORD_REFUSED), [Level.ERROR], "refuses the user name or password"),
        (msgspec.structs.replace(STREAM, is_same=True), [Level.OK, Level.WARNING], "identical"),
        (msgspec.structs.replace(STREAM, codec="hevc"), [Level.OK, Level.WARNING], "H.265"),
        (msgspec.structs.replace(STREAM, first_picture_s=9.0), [Level.OK, Level.WARNING], "takes long"),
        (msgspec.structs.replace(STREAM, width=3840, height=2160), [Level.OK, Level.WARNING], "more pixels"),
        (msgspec.structs.replace(STREAM, clock_difference_s=-60.0), [Level.OK, Level.WARNING], "60 s behind"),
        (msgspec.structs.replace(STREAM, clock_difference_s=1.0), [Level.OK], "h264"),
    ],
)
def test_a_camera(trial: Trial, levels: list[Level], words: str) -> None:
    found = list(assess_camera("front", "rtsp://camera/live", trial))
    assert [each.level for each in found] == levels
    assert words in found[-1].text
