"""The doctor's rules as tables of readings and findings."""

from __future__ import annotations

import errno
import os
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
from edge_agent.doctor import source_rules as publishers
from edge_agent.doctor.broker_rules import Subscribed, Use
from edge_agent.doctor.camera_rules import assess_camera
from edge_agent.domain import ImageHeader
from edge_agent.platform.installation import Extra, add_instruction
from edge_agent.platform.program_name import command
from edge_agent.pool import ProbeResult
from edge_agent.reasons import ConnectError, ConnectFault, DetectorFault, UnavailableReason
from edge_agent.wire import DetectorChoice, Unavailable
from testing.values import NO_STICK, NOON, NOT_INSTALLED

pytestmark = pytest.mark.usefixtures("wording")

MB = 1_000_000


def result_of(finding: Finding) -> tuple[str, str]:
    """Return the level and the beginning of the fix."""
    return finding.level.value, " ".join(finding.fix.split()[:3])


@pytest.mark.parametrize(
    ("reason", "fix"),
    [
        (ConnectError.NOT_AUTHORIZED, "check mqtt.username and mqtt.password"),
        (ConnectError.CLIENT_ID_REJECTED, "set agent_id"),
        (ConnectError.PROTOCOL_UNSUPPORTED, "set mqtt.protocol"),
        (ConnectError.CONNECTION_REFUSED, "start the broker"),
        (ConnectError.NAME_UNKNOWN, "check the spelling of mqtt.host, or use"),
        (ConnectError.NAME_UNRESOLVED, "DNS server"),
        (ConnectError.UNREACHABLE, "check this host's network"),
        (ConnectError.TIMED_OUT, "and firewalls"),
        (ConnectError.NOT_MQTT, "another service uses it"),
        (ConnectError.CERTIFICATE_REJECTED, "mqtt.tls.ca_file"),
        (ConnectError.TLS_UNSUPPORTED, "set mqtt.tls.enabled to false"),
        (ConnectError.TLS_UNANSWERED, "check mqtt.tls.enabled and mqtt.port"),
        (ConnectError.WEBSOCKET_FAILED, "mqtt.websocket_path"),
        (ConnectError.SETTINGS_INVALID, "correct that setting"),
        (ConnectError.FAILED, "check the broker's log"),
    ],
)
def test_every_reason_of_the_broker_has_its_fix(reason: ConnectError, fix: str) -> None:
    found = broker.judge_faults({"broker:1883": ConnectFault(reason, "whatever")})
    assert found.level is Level.ERROR
    assert fix in found.fix


def test_each_address_of_the_broker_has_its_own_fix() -> None:
    refused, unknown = ConnectFault(ConnectError.CONNECTION_REFUSED), ConnectFault(ConnectError.NAME_UNKNOWN)
    found = broker.judge_faults({"a:1883": refused, "b:1883": unknown, "c:1883": refused})
    assert found.fix == f"{refused.advice}; {unknown.advice}"
    assert [each in found.text for each in ("a:1883", "b:1883", "c:1883")] == [True] * 3


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
        (Subscribed("a/+", "", "", echoed=True), True, Level.OK),
        (Subscribed("a/+", "", "", echoed=False), True, Level.ERROR),
        (Subscribed("a/+", "", "Not authorized"), True, Level.OK),
        (Subscribed("a/+", "", None), True, Level.OK),
        (Subscribed("a/+", "", "", echoed=False), False, Level.OK),
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
        (Use(kicked="another client connected with the same client id"), Level.ERROR, "its own agent_id"),
        (Use(is_online=True, is_here=True), Level.OK, ""),
        (Use(is_online=True), Level.WARNING, "its own agent_id"),
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
        ("edgetpu", UnavailableReason.PACKAGE_MISSING, add_instruction(Extra.EDGETPU)),
        ("gpu", UnavailableReason.PACKAGE_MISSING, add_instruction(Extra.GPU)),
        ("cpu", UnavailableReason.PACKAGE_MISSING, "docs/install.md"),
        ("edgetpu", UnavailableReason.MODEL_MISSING, command("models", "pull", "ssd_mobilenet_v2_edgetpu")),
        ("cpu", UnavailableReason.MODEL_MISSING, command("models", "pull", "yunet_n")),
        ("edgetpu", UnavailableReason.LIBRARY_MISSING, "install libedgetpu"),
        ("edgetpu", UnavailableReason.DEVICE_MISSING, "plug it in again"),
        ("gpu", UnavailableReason.PROVIDER_MISSING, add_instruction(Extra.GPU)),
        ("edgetpu", UnavailableReason.CRASHED, "a libedgetpu that fits the runtime"),
        ("gpu", UnavailableReason.TIMED_OUT, "raise pool.probe_timeout_s"),
        ("gpu", UnavailableReason.LOAD_FAILED, command("detectors")),
        ("openvino", UnavailableReason.PACKAGE_MISSING, add_instruction(Extra.OPENVINO)),
        ("openvino", UnavailableReason.MODEL_MISSING, command("models", "pull", "yunet_n")),
        ("openvino", UnavailableReason.DEVICE_MISSING, "the group render"),
        ("openvino", UnavailableReason.DEVICE_UNUSABLE, "Intel's driver"),
        ("openvino", UnavailableReason.IMPORT_FAILED, add_instruction(Extra.OPENVINO)),
        ("openvino", UnavailableReason.TIMED_OUT, "raise pool.probe_timeout_s"),
        ("openvino", UnavailableReason.CRASHED, "Intel's driver"),
    ],
)
def test_every_reason_of_a_detector_has_its_fix(strategy: str, reason: UnavailableReason, fix: str) -> None:
    found = detectors.assess_probe(
        DetectorChoice(strategy, "yunet_n"), ProbeResult(fault=DetectorFault(reason, "whatever")), is_spare=True
    )
    assert fix in found.fix
    missing = Unavailable(strategy, "", DetectorFault(reason))
    assert fix in detectors.assess_missing(missing, device="", is_last=True).fix
    assert fix in detectors.judge_none({"mock": NO_STICK, strategy: DetectorFault(reason)}, "auto").fix


@pytest.mark.parametrize("extra", [Extra.BLAZEFACE, Extra.MEDIAPIPE])
def test_models_have_extras_of_their_own(extra: Extra) -> None:
    fault = DetectorFault(UnavailableReason.PACKAGE_MISSING, "a package")
    assert detectors.judge_none({"cpu": fault}, extra.value).fix == add_instruction(extra)


def test_an_unavailable_detector_is_an_error_without_a_substitute() -> None:
    choice, broken = DetectorChoice("cpu", "yunet_n"), ProbeResult(fault=NO_STICK)
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
    missing = Unavailable("edgetpu", "", NOT_INSTALLED)
    assert detectors.assess_missing(missing, device=device, is_last=is_last, is_asked=is_asked).level is level


@pytest.mark.parametrize(
    ("reason", "is_asked", "level"),
    [
        (UnavailableReason.PACKAGE_MISSING, False, Level.OK),
        (UnavailableReason.PACKAGE_MISSING, True, Level.WARNING),
        (UnavailableReason.DEVICE_MISSING, False, Level.WARNING),
    ],
)
def test_an_unused_gpu_of_the_processor_is_not_a_fault(reason: UnavailableReason, is_asked: bool, level: Level) -> None:
    """Most PCs have one; with the package installed, its owner wants it."""
    missing = Unavailable("openvino", "", DetectorFault(reason, "openvino"))
    found = detectors.assess_missing(missing, device="/dev/dri/renderD128", is_last=False, is_asked=is_asked)
    assert found.level is level
    assert "there is /dev/dri/renderD128" in found.text
    if level is Level.OK:
        assert add_instruction(Extra.OPENVINO) in found.text
    gpu = detectors.Device("openvino", "/dev/dri/renderD128", Path("/dev/dri/renderD128"), None)
    stick = detectors.Device("edgetpu", "USB 1-1", Path("/dev/bus/usb/001/004"), None)
    reported = detectors.of_interest([gpu, stick], {"openvino": missing.fault, "edgetpu": NOT_INSTALLED})
    assert reported == ([stick] if reason is UnavailableReason.PACKAGE_MISSING else [gpu, stick])


def test_a_gpu_that_is_not_there_is_said_once() -> None:
    missing = Unavailable("openvino", "", DetectorFault(UnavailableReason.DEVICE_MISSING, "Intel GPU or NPU"))
    found = detectors.assess_missing(missing, device="", is_last=False)
    assert (found.level, found.text) == (Level.OK, "no Intel GPU or NPU, so it is not used")


def test_each_device_names_its_group() -> None:
    fault = detectors.DeviceFault.FORBIDDEN
    for kind, group in {"edgetpu": "plugdev", "openvino": "render"}.items():
        assert f"group {group};" in detectors.assess_device(detectors.Device(kind, "here", Path("/dev/x"), fault)).fix


@pytest.mark.parametrize(
    ("fault", "fix"),
    [(detectors.DeviceFault.FORBIDDEN, "udev rule"), (detectors.DeviceFault.MISSING, "plug it in again")],
)
def test_a_device_that_cannot_be_opened(fault: detectors.DeviceFault, fix: str) -> None:
    found = detectors.assess_device(detectors.Device("edgetpu", "USB 1-1", Path("/dev/bus/usb/001/004"), fault))
    assert found.level is Level.WARNING
    assert "/dev/bus/usb/001/004" in found.text
    assert fix in found.fix


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
    ("number", "free_bytes", "level", "fix"),
    [
        (0, 10**9, Level.OK, ""),
        (0, None, Level.OK, ""),
        (0, 10 * MB, Level.WARNING, "free some"),
        (errno.ENOSPC, None, Level.ERROR, "free some space"),
        (errno.EACCES, None, Level.ERROR, "allow this user to write there"),
        (errno.EROFS, None, Level.ERROR, "mount it writable"),
        (errno.ENOTDIR, None, Level.ERROR, "a file is in the way"),
        (errno.EIO, None, Level.ERROR, "name another folder"),
    ],
)
def test_folders(number: int, free_bytes: int | None, level: Level, fix: str) -> None:
    refused = machine.Refused.by(OSError(number, os.strerror(number))) if number else None
    found = machine.assess_folder("models", "/cache", refused, free_bytes, "models.cache_dir")
    assert found.level is level
    assert fix in found.fix
    assert ("models.cache_dir" in found.fix) == (level is not Level.OK)


@pytest.mark.parametrize(("load1", "level"), [(0.3, Level.OK), (7.9, Level.OK), (8.0, Level.WARNING)])
def test_the_load(load1: float, level: Level) -> None:
    assert machine.assess_load(load1, 4).level is level


@pytest.mark.parametrize(
    ("number", "is_ours", "level", "fix"),
    [
        (0, False, Level.OK, ""),
        (errno.EADDRINUSE, True, Level.OK, ""),
        (errno.EADDRINUSE, False, Level.ERROR, "set http.port to a free one"),
        (errno.EACCES, False, Level.ERROR, "from 1024 on"),
        (errno.EADDRNOTAVAIL, False, Level.ERROR, "set http.host"),
        (errno.EIO, False, Level.ERROR, "http.enabled"),
    ],
)
def test_the_port_of_the_page(number: int, is_ours: bool, level: Level, fix: str) -> None:
    refused = machine.Refused.by(OSError(number, os.strerror(number))) if number else None
    found = machine.assess_port("127.0.0.1:8099", refused, is_ours=is_ours)
    assert (found.level, fix in found.fix) == (level, True)


@pytest.mark.parametrize(
    ("heights", "level", "text"),
    [
        ([], Level.OK, "unknown"),
        ([1080], Level.OK, "1 snapshots are large enough"),
        ([480, 1080], Level.OK, "2 snapshots"),
        ([270], Level.WARNING, "frigate/cam0/person/snapshot 200x270"),
        ([1080, 300], Level.WARNING, "frigate/cam1/person/snapshot 200x300"),
        ([270] * 5, Level.WARNING, "and 2 more"),
    ],
)
def test_small_crops_of_frigate_are_found(heights: list[int], level: Level, text: str) -> None:
    sizes = {f"frigate/cam{at}/person/snapshot": ImageHeader("jpeg", 200, each) for at, each in enumerate(heights)}
    found = publishers.assess_frigate(sizes)
    assert found.level is level
    assert text in found.text
    assert ("crop: false, height: 1080" in found.fix) == (level is Level.WARNING)


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
