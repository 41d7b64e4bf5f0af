"""Real faults, each found by the doctor with its fix."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import shutil
import socket
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from paho.mqtt import publish

from edge_agent import topics
from edge_agent.doctor import Finding, Level
from edge_agent.doctor.broker_checks import check_broker
from edge_agent.doctor.detector_checks import check_detectors, find_devices
from edge_agent.doctor.host_checks import check_host, try_folder
from edge_agent.doctor.host_rules import SystemFault
from edge_agent.doctor.source_checks import check_sources
from edge_agent.errors import NoDetectorError
from edge_agent.ingest.presets import PRESETS
from edge_agent.model_store import ModelStore, choice, plan_detectors
from edge_agent.platform.intel_devices import find_intel_devices
from edge_agent.platform.program_name import command
from edge_agent.settings.model import Settings
from testing.agent_process import AGENT_ID, AgentProcess
from testing.broker import PASSWORD, Mosquitto, free_port, set_password
from testing.pictures import jpeg
from testing.programs import program
from testing.recorder import Recorder
from testing.shared_data import PROJECT, missing, shared
from tests.certificates import Authority
from tests.command_line import edge_agent
from tests.stand_in import Act, Stick

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

pytestmark = [  # paho leaks a socket if TLS fails
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

USER = "edge-agent"
BUS = "sys/bus/usb/devices/1-1"


def settings(port: int = 1, **sections: Any) -> Settings:
    mqtt = {"host": "127.0.0.1", "port": port} | sections.pop("mqtt", {})
    return Settings(agent_id=AGENT_ID, mqtt=mqtt, **sections)


def first_finding(check: str, findings: Iterable[Finding], level: Level = Level.ERROR) -> Finding:
    """Return the first finding of a check with that level; later findings are not read."""
    passed: list[Finding] = []
    for each in findings:
        if each.check == check and each.level is level:
            return each
        passed.append(each)
    raise AssertionError(passed)


def levels(findings: Iterable[Finding]) -> dict[str, Level]:
    return {each.check: each.level for each in findings}


# The broker


@pytest.mark.broker
def test_a_correct_broker_gives_only_good_findings(mosquitto: Mosquitto) -> None:
    found = levels(check_broker(settings(mosquitto.port)))
    assert found == dict.fromkeys(
        ("broker", "tls", "subscriptions", "publishing", "client id", "packet size"), Level.OK
    )
    assert f"edge_agent-{AGENT_ID} " in mosquitto.log


@pytest.mark.broker
def test_the_doctor_does_not_disturb_a_running_agent(mosquitto: Mosquitto, recorder: Recorder, tmp_path: Path) -> None:
    http = {"enabled": True, "port": free_port()}
    with AgentProcess.with_script(mosquitto.port, HTTP__ENABLED="true", HTTP__PORT=str(http["port"])) as agent:
        agent.wait_until_ready(recorder)
        assert first_finding("client id", check_broker(settings(mosquitto.port)), Level.OK).text.endswith("runs here")
        assert first_finding("http", host_findings(Path("/"), tmp_path, http=http), Level.OK).text.endswith(
            "served by an agent"
        )
        recorder.clear()
        recorder.publish("doorbell/front/press")
        recorder.wait_for("doorbell/front/answer")
        assert "doctor" not in agent.log
        assert agent.stop() == 0
    with Recorder(mosquitto.port) as late:
        late.wait_for_count(topics.health(AGENT_ID), 1)
        left = (
            "doorbell/edge-agent-doctor/state",
            "homeassistant/device/edge-agent-doctor/config",
            "edge_agent/test/doctor",
        )
        assert not [topic for topic in left if late.messages(topic)]


@pytest.mark.broker
def test_the_doctor_is_no_doorbell_of_another_publisher(mosquitto: Mosquitto, recorder: Recorder) -> None:
    presets = [{"preset": name} for name in PRESETS]
    with AgentProcess.with_script(mosquitto.port, SOURCES=json.dumps(presets)) as agent:
        agent.wait_until_ready(recorder)
        found = list(check_broker(settings(mosquitto.port, sources=presets)))
        assert levels(found)["subscriptions"] is Level.OK
        assert levels(found)["publishing"] is Level.OK
        recorder.publish("doorbell/front/press")
        recorder.wait_for("doorbell/front/ring")
        assert {each.topic for each in recorder.messages("doorbell/+/availability") if each.payload} == {
            "doorbell/front/availability"
        }


@pytest.mark.broker
def test_small_crops_of_frigate_are_found(mosquitto: Mosquitto, recorder: Recorder) -> None:
    recorder.publish("frigate/porch/person/snapshot", jpeg(180, 270), retain=True)
    recorder.publish("frigate/yard/person/snapshot", jpeg(1920, 1080), retain=True)
    found = first_finding(
        "frigate", check_sources(settings(mosquitto.port, sources=[{"preset": "frigate"}])), Level.WARNING
    )
    assert "frigate/porch/person/snapshot 180x270" in found.text
    assert "yard" not in found.text
    assert not list(check_sources(settings(mosquitto.port, sources=[{"preset": "ring-mqtt"}])))
    assert not list(check_sources(settings(free_port(), sources=[{"preset": "frigate"}])))


def test_no_broker_is_named() -> None:
    found = first_finding("broker", check_broker(Settings()))
    assert "EDGE_AGENT_MQTT__HOST" in found.fix


def test_the_port_is_closed() -> None:
    found = first_finding("broker", check_broker(settings(free_port())))
    assert "Connection refused" in found.text
    assert found.fix.startswith("start the broker, and check mqtt.host, mqtt.port")


def test_the_host_has_no_address() -> None:
    found = first_finding("broker", check_broker(settings(mqtt={"host": "nowhere.invalid"})))
    assert "check the spelling of mqtt.host" in found.fix


@pytest.mark.broker
@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_the_password_is_wrong(tmp_path: Path, protocol: str) -> None:
    with guarded(tmp_path, "topic readwrite #") as broker:
        login = {"username": USER, "password": "wrong", "protocol": protocol}
        found = first_finding("broker", check_broker(settings(broker.port, mqtt=login)))
        assert "refused" in found.text
        assert found.fix.startswith("check mqtt.username and mqtt.password")


@pytest.mark.broker
def test_the_broker_speaks_no_tls(mosquitto: Mosquitto) -> None:
    found = first_finding("broker", check_broker(settings(mosquitto.port, mqtt={"tls": {"enabled": True}})))
    assert "mqtt.tls.enabled" in found.fix


@pytest.mark.broker
def test_the_certificate_is_of_an_unknown_authority_or_not_checked(tmp_path: Path) -> None:
    ours, other = Authority(tmp_path / "ours"), Authority(tmp_path / "other")
    mine = ours.issue("127.0.0.1")
    with Mosquitto(f"certfile {mine.cert}", f"keyfile {mine.key}") as broker:
        strange = {"tls": {"enabled": True, "ca_file": other.ca}}
        found = first_finding("broker", check_broker(settings(broker.port, mqtt=strange)))
        assert "mqtt.tls.ca_file" in found.fix
        careless = {"tls": {"enabled": True, "insecure": True}}
        found = first_finding("tls", check_broker(settings(broker.port, mqtt=careless)), Level.WARNING)
        assert "mqtt.tls.insecure to false" in found.fix
        right = {"tls": {"enabled": True, "ca_file": ours.ca}}
        assert "is checked" in first_finding("tls", check_broker(settings(broker.port, mqtt=right)), Level.OK).text


def acl(*without: str) -> str:
    """Return the agent's access list of config/, without some of its lines."""
    text = (PROJECT / "config" / "acl.example").read_text(encoding="utf-8")
    ours = text[text.index("user edge-agent") :].split("\n\n")[0].splitlines()[1:]
    return "\n".join(line for line in ours if line not in without)


@pytest.mark.broker
@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_the_access_list_of_this_project_is_enough(tmp_path: Path, protocol: str) -> None:
    with guarded(tmp_path, acl()) as broker:
        login = {"username": USER, "password": PASSWORD, "protocol": protocol}
        examined = check_broker(settings(broker.port, mqtt=login))
        assert first_finding("subscriptions", examined, Level.OK).fix == ""
        assert first_finding("publishing", examined, Level.OK).fix == ""


@pytest.mark.broker
def test_the_access_list_denies_subscriptions(tmp_path: Path) -> None:
    lines = acl("topic read doorbell/+/press") + "\ntopic write doorbell/+/press"
    with guarded(tmp_path, lines) as broker:
        login = {"username": USER, "password": PASSWORD}
        found = first_finding("subscriptions", check_broker(settings(broker.port, mqtt=login)))
        assert found.text == "the broker does not let the agent read doorbell/+/press"
        assert found.fix.startswith("add to its access list: `topic read doorbell/+/press`")


@pytest.mark.broker
def test_the_access_list_denies_publishing_with_mqtt_3(tmp_path: Path) -> None:
    with guarded(tmp_path, acl("topic write edge_agent/+/+")) as broker:
        login = {"username": USER, "password": PASSWORD, "protocol": "3.1.1"}
        found = first_finding("publishing", check_broker(settings(broker.port, mqtt=login)))
        assert "`topic write edge_agent/+/+`" in found.fix


@pytest.mark.broker
def test_an_agent_with_unreadable_availability_is_not_disturbed(tmp_path: Path) -> None:
    with guarded(tmp_path, acl("topic read edge_agent/+/availability")) as broker:
        login = {"username": USER, "password": PASSWORD}
        found = first_finding("client id", check_broker(settings(broker.port, mqtt=login)), Level.WARNING)
        assert "`topic read edge_agent/+/availability`" in found.fix
        assert f"as edge_agent-{AGENT_ID} " not in broker.log


@pytest.mark.broker
def test_the_access_list_denies_publishing(tmp_path: Path) -> None:
    with guarded(tmp_path, acl("topic write doorbell/+/ring", "topic write doorbell/+/answer")) as broker:
        login = {"username": USER, "password": PASSWORD}
        found = first_finding("publishing", check_broker(settings(broker.port, mqtt=login)))
        assert found.text == "the broker does not let the agent publish to doorbell/+/ring, doorbell/+/answer"
        assert "`topic write doorbell/+/ring`, `topic write doorbell/+/answer`" in found.fix


@pytest.mark.broker
@pytest.mark.parametrize(
    ("limit", "protocol", "level", "fix"),
    [
        (100_000, "5", Level.WARNING, "raise max_packet_size in mosquitto.conf to 10100000"),
        (1_000_000, "5", Level.WARNING, "set mqtt.max_publish_bytes to 999000"),
        (1_000_000, "3.1.1", Level.ERROR, "or lower mqtt.max_publish_bytes"),
    ],
)
def test_the_broker_accepts_small_packets_only(limit: int, protocol: str, level: Level, fix: str) -> None:
    with Mosquitto(f"max_packet_size {limit}") as broker:
        findings = check_broker(settings(broker.port, mqtt={"protocol": protocol}))
        assert fix in first_finding("packet size", findings, level).fix


@pytest.mark.broker
@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_another_client_uses_the_client_id(mosquitto: Mosquitto, protocol: str) -> None:
    client = program("mosquitto_sub")
    command = [client, "-p", str(mosquitto.port), "-i", f"edge_agent-{AGENT_ID}", "-t", "nothing"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as rival:
        try:
            found = first_finding("client id", check_broker(settings(mosquitto.port, mqtt={"protocol": protocol})))
        finally:
            rival.kill()  # a SIGTERM during the connection attempt is lost
    assert f"another client uses edge_agent-{AGENT_ID}" in found.text
    assert found.fix.startswith("give each agent its own agent_id")


@pytest.mark.broker
def test_an_agent_elsewhere_has_the_same_name(mosquitto: Mosquitto) -> None:
    told = {topics.agent_availability(AGENT_ID): "online", topics.health(AGENT_ID): '{"workers": [{"pid": 1}]}'}
    for topic, payload in told.items():
        publish.single(topic, payload, qos=1, retain=True, hostname=mosquitto.host, port=mosquitto.port)
    found = first_finding("client id", check_broker(settings(mosquitto.port)), Level.WARNING)
    assert "give each agent its own agent_id" in found.fix


# Models and detectors


def with_models(folder: Path, *names: str) -> dict[str, Any]:
    """Return settings with a folder of these model files only."""
    folder.mkdir(exist_ok=True)
    for name in names:
        shutil.copy(shared("models", name), folder)
    return {"dir": folder, "cache_dir": folder / "cache"}


YUNET, CENTERFACE = "yunet_n_dynamic.onnx", "centerface.onnx"


def detectors(root: Path, models: dict[str, Any], **detection: Any) -> list[Finding]:
    found = Settings(models=models, detection={"strategies": ("edgetpu", "cpu"), **detection})
    return list(check_detectors(found, root))


def test_valid_models_are_probed(tmp_path: Path) -> None:
    found = detectors(tmp_path, with_models(tmp_path / "models", YUNET, CENTERFACE))
    assert levels(found)["models"] is Level.OK
    assert [each.text.split(":")[0] for each in found if each.check == "cpu"] == ["yunet_n", "centerface"]
    assert all("one look takes" in each.text for each in found if each.check == "cpu")


def test_the_models_are_missing(tmp_path: Path) -> None:
    found = detectors(tmp_path, with_models(tmp_path / "models"))
    assert first_finding("models", found).fix == command("models", "pull", "yunet_n")
    assert first_finding("models", found, Level.WARNING).fix == command("models", "pull", "centerface")
    assert first_finding("detectors", found).fix == f"download it: {command('models', 'pull', 'yunet_n')}"


def test_the_slower_model_is_the_substitute(tmp_path: Path) -> None:
    found = detectors(tmp_path, with_models(tmp_path / "models", CENTERFACE))
    slower = first_finding("models", found, Level.WARNING)
    assert slower.text == "the slower model centerface is used: yunet_n is not here"
    assert slower.fix == command("models", "pull", "yunet_n")


@pytest.mark.parametrize("names", [(), (YUNET,), (CENTERFACE,), (YUNET, CENTERFACE)], ids=" ".join)
@pytest.mark.parametrize(
    "detection",
    [
        {"strategies": ("cpu",)},
        {"strategies": ("edgetpu", "cpu")},
        {"strategies": ("cpu",), "cpu_model": "yunet_n"},
        {"strategies": ("cpu",), "cpu_model": "centerface"},
        {"strategies": ("cpu",), "cpu_model": "yunet_opencv"},
        {"strategies": ("cpu",), "second_stage": "off"},
        {"strategies": ("gpu", "cpu")},
        {"strategies": ("cpu", "mock")},
        {"strategies": ("mock",)},
    ],
    ids=str,
)
def test_warnings_of_a_start_are_not_ok(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, names: tuple[str, ...], detection: dict[str, Any]
) -> None:
    chosen = Settings(models=with_models(tmp_path / "models", *names), detection=detection)
    store = ModelStore(chosen.models.dir, chosen.models.cache_dir, sources=())
    with contextlib.suppress(NoDetectorError):
        plan_detectors(chosen.detection, store)
    warned = [record.message for record in caplog.records if record.levelno >= logging.WARNING]
    found = [each for each in check_detectors(chosen, tmp_path) if each.level is not Level.OK]
    assert bool(found) >= bool(warned), warned


def test_a_model_is_damaged(tmp_path: Path) -> None:
    models = with_models(tmp_path / "models", YUNET, CENTERFACE)
    with (tmp_path / "models" / YUNET).open("r+b") as file:
        file.write(b"damage")
    found = first_finding("models", detectors(tmp_path, models, cpu_model="yunet_n"))
    assert "is damaged or another version" in found.text
    assert found.fix == f"remove that file, then: {command('models', 'pull', 'yunet_n')}"


def plug_in_edgetpu(root: Path, vendor: str, product: str) -> None:
    """Create the kernel files of a plugged-in EdgeTPU."""
    folder = root / BUS
    folder.mkdir(parents=True)
    for name, value in {"idVendor": vendor, "idProduct": product, "busnum": "1", "devnum": "4"}.items():
        (folder / name).write_text(f"{value}\n", encoding="ascii")
    node = root / "dev/bus/usb/001/004"
    node.parent.mkdir(parents=True)
    node.touch()


def add_gpu(root: Path, name: str, vendor: str) -> Path:
    """Create the kernel files of a GPU or NPU; return its device file."""
    kind, folder = ("accel", "accel") if name.startswith("accel") else ("drm", "dri")
    device = root / "sys/class" / kind / name / "device"
    device.mkdir(parents=True)
    (device / "vendor").write_text(f"{vendor}\n", encoding="ascii")
    node = root / "dev" / folder / name
    node.parent.mkdir(parents=True, exist_ok=True)
    node.touch()
    return node


def test_intel_devices_are_those_of_the_vendor(tmp_path: Path) -> None:
    assert find_intel_devices(tmp_path) == []
    npu = add_gpu(tmp_path, "accel0", "0x8086")
    gpu = add_gpu(tmp_path, "renderD129", "0x8086")
    add_gpu(tmp_path, "renderD128", "0x10de")
    add_gpu(tmp_path, "card1", "0x8086")
    assert find_intel_devices(tmp_path) == [gpu, npu]
    assert [(each.kind, each.place, each.fault) for each in find_devices(tmp_path)] == [
        ("openvino", "/dev/dri/renderD129", None),
        ("openvino", "/dev/accel/accel0", None),
    ]


def test_an_intel_gpu_that_is_not_passed_to_the_container(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel lists it in every container; its device file is there if it was passed."""
    monkeypatch.setattr(choice, "_is_installed", lambda _package: True)
    add_gpu(tmp_path, "renderD128", "0x8086").unlink()
    models = with_models(tmp_path / "models", YUNET)
    found = detectors(tmp_path, models, strategies=("openvino", "cpu"), openvino_devices=("CPU",), second_stage="off")
    gone = first_finding("openvino", found, Level.WARNING)
    assert "on /dev/dri/renderD128, but" in gone.text
    assert "--device" in gone.fix


@pytest.mark.parametrize(("vendor", "product"), [("1a6e", "089a"), ("18d1", "9302")])
def test_an_edgetpu_without_its_library(tmp_path: Path, vendor: str, product: str) -> None:
    plug_in_edgetpu(tmp_path, vendor, product)
    models = with_models(tmp_path / "models", YUNET)
    model = tmp_path / "model.tflite"
    model.write_bytes(b"")
    found = detectors(tmp_path, models, second_stage="off", edgetpu_model=model, edgetpu_library="libnowhere.so")
    assert first_finding("edgetpu", found, Level.OK).text == "on USB 1-1, and can be opened"
    missing_library = first_finding("edgetpu", found, Level.WARNING)
    assert "the library libnowhere.so cannot be loaded" in missing_library.text
    assert missing_library.fix == "install libedgetpu; docs/models.md names the right version"


def test_an_edgetpu_that_the_container_cannot_access(tmp_path: Path) -> None:
    plug_in_edgetpu(tmp_path, "18d1", "9302")
    (tmp_path / "dev/bus/usb/001/004").unlink()
    found = detectors(tmp_path, with_models(tmp_path / "models", YUNET), second_stage="off")
    assert any("is not there" in each.text and "--device" in each.fix for each in found)


@pytest.mark.parametrize(
    ("act", "level", "text", "fix"),
    [
        ("work", Level.OK, "ssd_mobilenet_v2 on any: loaded in", ""),
        ("no_device", Level.WARNING, "no EdgeTPU was found", "udev rule"),
        ("crash_load", Level.WARNING, "was ended by SIGABRT", "install a libedgetpu that fits the runtime"),
        ("hang_load", Level.WARNING, "did not finish within", "plug it in again"),
    ],
)
def test_an_edgetpu_is_probed(tmp_path: Path, act: Act, level: Level, text: str, fix: str) -> None:
    stick = Stick(tmp_path)
    stick.does(act)
    models = with_models(tmp_path / "models", YUNET)
    chosen = {"edgetpu_model": stick.model, "edgetpu_library": str(stick.library), "second_stage": "off"}
    tried = Settings(models=models, detection={"strategies": ("edgetpu", "cpu"), **chosen}, pool={"probe_timeout_s": 3})
    found = first_finding("edgetpu", check_detectors(tried, tmp_path), level)
    assert text in found.text
    assert fix in found.fix


def test_the_only_strategy_is_unavailable(tmp_path: Path) -> None:
    found = detectors(tmp_path, with_models(tmp_path / "models", YUNET), strategies=("gpu",), second_stage="off")
    assert "onnxruntime-gpu is not installed" in first_finding("detectors", found).text


# The host


def machine(root: Path, **files: str) -> Path:
    """Return a root folder with files of the kernel, / written as __."""
    for name, text in files.items():
        path = root.joinpath(*name.split("__"))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="ascii")
    return root


def host_findings(root: Path, tmp_path: Path, **sections: Any) -> list[Finding]:
    usual: dict[str, Any] = {"state": {"dir": tmp_path}, "models": {"cache_dir": tmp_path}}
    return list(check_host(Settings(**(usual | sections)), root))


def test_memory_is_short(tmp_path: Path) -> None:
    root = machine(tmp_path / "root", proc__meminfo="MemTotal: 500000 kB\nMemAvailable: 290000 kB\n")
    found = first_finding("memory", host_findings(root, tmp_path, pool={"workers": 4}), Level.WARNING)
    assert "set pool.workers to 1" in found.fix
    root = machine(tmp_path / "root", proc__meminfo="MemTotal: 500000 kB\nMemAvailable: 90000 kB\n")
    assert "stop other programs" in first_finding("memory", host_findings(root, tmp_path)).fix
    root = machine(tmp_path / "root", proc__meminfo="MemTotal: 16000000 kB\nMemAvailable: 700000 kB\n")
    found = first_finding("memory", host_findings(root, tmp_path, pool={"workers": 1}), Level.WARNING)
    assert "less than 5% of it" in found.text, "a running agent calls this memory_low"


def test_the_board_is_hot_and_undervolted(tmp_path: Path) -> None:
    root = machine(tmp_path / "root", sys__class__thermal__thermal_zone0__temp="84000\n")
    throttled = root / "sys/devices/platform/soc/soc:firmware/get_throttled"
    throttled.parent.mkdir(parents=True)
    throttled.write_text("50005\n", encoding="ascii")
    found = host_findings(root, tmp_path)
    assert "short cable" in first_finding("power", found, Level.WARNING).fix
    hot = [each for each in found if each.check == "heat"]
    assert [each.level for each in hot] == [Level.WARNING, Level.WARNING]
    assert "84 °C" in hot[1].text


@contextlib.contextmanager
def small_disk(folder: Path, options: str) -> Iterator[Path]:
    """Mount a disk in memory, which needs root."""
    if os.geteuid() != 0:
        missing("only root can mount a disk")
    folder.mkdir()
    command = [program("mount"), "-t", "tmpfs", "-o", options, "none", str(folder)]
    if subprocess.run(command, check=False, stderr=subprocess.DEVNULL).returncode:
        missing("root cannot mount a disk in this container")
    try:
        yield folder
    finally:
        subprocess.run([program("umount"), str(folder)], check=True)


def test_the_disk_is_full(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "size=64k") as folder:
        found = first_finding("disk", host_findings(Path("/"), tmp_path, state={"dir": folder}))
        assert found.text == f"{folder}, for options set over MQTT: no space left on device"
        assert "name another folder in state.dir" in found.fix


def test_a_folder_is_read_only(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "ro") as folder:
        found = first_finding("disk", host_findings(Path("/"), tmp_path, models={"cache_dir": folder / "models"}))
        assert "read-only file system" in found.text
        assert "name another folder in models.cache_dir" in found.fix


def test_a_folder_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    refused, _ = try_folder(tmp_path / "file" / "state")
    assert refused is not None
    assert refused.fault is SystemFault.NO_FOLDER


def test_the_heartbeat_folder_belongs_to_another_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "theirs").mkdir()
    (tmp_path / "run").symlink_to(tmp_path / "theirs")
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path / "run"))
    found = first_finding("disk", host_findings(Path("/"), tmp_path))
    assert found.text == f"{tmp_path / 'run'}, for the heartbeat: it belongs to another user"


@pytest.mark.parametrize(
    ("content", "why"), [("{", "it has an unknown format"), ('{"version": 99}', "its version 99 is unknown")]
)
def test_the_options_file_is_damaged(tmp_path: Path, content: str, why: str) -> None:
    (tmp_path / f"{AGENT_ID}.json").write_text(content, encoding="ascii")
    found = first_finding("state", host_findings(Path("/"), tmp_path, agent_id=AGENT_ID), Level.WARNING)
    assert why in found.text
    assert (tmp_path / f"{AGENT_ID}.json").read_text(encoding="ascii") == content


def test_the_port_of_the_page_is_in_use(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        http = {"enabled": True, "port": other.getsockname()[1]}
        assert "set http.port" in first_finding("http", host_findings(Path("/"), tmp_path, http=http)).fix


# The command


@pytest.mark.broker
def test_the_command_prints_a_table_and_json(mosquitto: Mosquitto, tmp_path: Path) -> None:
    models = with_models(tmp_path / "models", YUNET)
    own = {
        "EDGE_AGENT_MODELS__DIR": str(models["dir"]),
        "EDGE_AGENT_MODELS__CACHE_DIR": str(models["cache_dir"]),
        "EDGE_AGENT_DETECTION__SECOND_STAGE": "off",
        "EDGE_AGENT_STATE__DIR": str(tmp_path),
    }
    done = edge_agent("doctor", "--host", "127.0.0.1", "--port", str(mosquitto.port), COLUMNS="80", **own)
    assert done.returncode == 0, done.stdout
    assert all(len(line) <= 80 for line in done.stdout.splitlines())
    assert "✓ broker" in done.stdout
    done = edge_agent("doctor", "--json", "--host", "127.0.0.1", "--port", str(free_port()), **own)
    assert done.returncode == 1
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert found[0]["check"] == "broker"
    assert found[0]["level"] == "error"
    assert all(set(each) == {"check", "level", "text", "fix"} for each in found)
    assert all(bool(each["fix"]) == (each["level"] != "ok") for each in found)
    assert "Traceback" not in done.stderr


@contextlib.contextmanager
def guarded(folder: Path, lines: str) -> Iterator[Mosquitto]:
    """Return a broker with one user and an access list."""
    passwd, access = folder / "passwd", folder / "acl"
    set_password(passwd, USER)
    access.write_text(f"user {USER}\n{lines}\n", encoding="ascii")
    with Mosquitto("allow_anonymous false", f"password_file {passwd}", f"acl_file {access}") as broker:
        yield broker
