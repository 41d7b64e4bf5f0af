"""The connection to the broker: TLS enforced or refused, certificates, websockets; against a real mosquitto."""

from __future__ import annotations

import logging
import socket
import ssl
import threading
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives import serialization

from edge_agent import topics
from edge_agent.cli.commands import commands
from edge_agent.errors import BrokerUnreachableError, SettingsError
from edge_agent.mqtt.connection import Connection
from edge_agent.settings.broker import MqttSettings
from testing.agent_process import AGENT_ID, AgentProcess
from testing.broker import PASSWORD, Mosquitto, free_port, set_password
from testing.pictures import jpeg
from testing.recorder import Recorder
from testing.shared_data import PROJECT
from tests.certificates import Authority, Certificate
from tests.command_line import edge_agent

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [
    pytest.mark.broker,
    # after a failed handshake, paho's socket is closed only with the exception
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

HOST = "127.0.0.1"


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "ours")


def _listener(port: int, authority: Authority, certificate: Certificate, *more: str) -> list[str]:
    """Return mosquitto's configuration lines of a TLS listener."""
    files = (f"cafile {authority.ca}", f"certfile {certificate.cert}", f"keyfile {certificate.key}")
    return [f"listener {port} {HOST}", *files, *more]


@pytest.fixture
def tls_port(authority: Authority) -> Iterator[int]:
    port = free_port()
    with Mosquitto(*_listener(port, authority, authority.issue(HOST))):
        yield port


def _settings(port: int, **tls: Any) -> MqttSettings:
    return MqttSettings.model_validate({"host": HOST, "port": port, "tls": {"enabled": True, **tls}})


def _open(settings: MqttSettings) -> None:
    connection = Connection(settings, client_id="test")
    try:
        connection.open()
        assert connection.is_healthy()
    finally:
        connection.close()


def _why_not(settings: MqttSettings) -> str:
    with pytest.raises(BrokerUnreachableError) as refused:
        _open(settings)
    return str(refused.value)


@pytest.mark.parametrize("transport", ["tcp", "websockets"])
@pytest.mark.parametrize("with_certificate", [False, True])
def test_a_press_is_answered_over_tls(authority: Authority, transport: str, *, with_certificate: bool) -> None:
    port, ours = free_port(), authority.issue("edge-agent")
    lines = _listener(port, authority, authority.issue(HOST), f"require_certificate {str(with_certificate).lower()}")
    lines += ["protocol websockets"] if transport == "websockets" else []
    settings = {"MQTT__TLS__ENABLED": "true", "MQTT__TLS__CA_FILE": str(authority.ca), "MQTT__TRANSPORT": transport}
    if with_certificate:
        settings |= {"MQTT__TLS__CERT_FILE": str(ours.cert), "MQTT__TLS__KEY_FILE": str(ours.key)}
    with (
        Mosquitto(*lines) as broker,
        Recorder(broker.port) as recorder,
        AgentProcess.with_script(port, {}, **settings) as agent,
    ):
        agent.wait_until_ready(recorder)
        recorder.publish("doorbell/front/frame", jpeg(), user={"trigger": "press"})
        assert recorder.wait_for("doorbell/front/answer")["event_type"] == "face"
        assert agent.stop() == 0
        recorder.wait_for_payload(f"edge_agent/{AGENT_ID}/availability", b"offline")


def test_with_tls_and_access_lists_the_agent_works_and_a_viewer_reads_events_only(
    authority: Authority, tmp_path: Path
) -> None:
    port, folder = free_port(), tmp_path / "broker"
    folder.mkdir()
    for user in ("edge-agent", "homeassistant", "viewer", "front"):
        set_password(folder / "passwd", user)
    lines = [
        "allow_anonymous false",
        f"acl_file {PROJECT / 'config' / 'acl.example'}",
        f"password_file {folder / 'passwd'}",
        *_listener(port, authority, authority.issue(HOST)),
    ]
    password = tmp_path / "password"
    password.write_text(PASSWORD + "\n", encoding="ascii")
    settings = {
        "MQTT__TLS__ENABLED": "true",
        "MQTT__TLS__CA_FILE": str(authority.ca),
        "MQTT__USERNAME": "edge-agent",
        "MQTT__PASSWORD_FILE": str(password),
    }
    context = ssl.create_default_context(cafile=str(authority.ca))

    def client(user: str) -> Recorder:
        return Recorder(port, login=(user, PASSWORD), tls=context)

    with (
        Mosquitto(*lines) as broker,
        client("viewer") as viewer,
        client("homeassistant") as home_assistant,
        client("front") as doorbell,
        AgentProcess.with_script(port, {}, **settings) as agent,
    ):
        agent.wait_until_ready(home_assistant)
        home_assistant.publish(topics.home_assistant_status(), "online")
        home_assistant.publish(topics.doorbell_option_set("front", "min_confidence"), "60")
        home_assistant.publish(topics.agent_command(AGENT_ID, "health"))
        doorbell.publish(topics.press("front"), "pressed")
        doorbell.publish(topics.frame("front"), jpeg())
        assert viewer.wait_for(topics.answer("front"))["event_type"] == "face"
        for topic in (
            topics.snapshot("front"),
            topics.best_face("front"),
            topics.doorbell_option("front", "detection"),
        ):
            home_assistant.wait_for_count(topic, 1)
        home_assistant.wait_for_count("homeassistant/device/+/config", 2)
        denied = [line for line in broker.log.splitlines() if "Denied" in line]
        assert "refused a subscription" not in agent.log
        assert agent.stop() == 0
        viewer.wait_for_payload(topics.agent_availability(AGENT_ID), b"offline")
        kinds = {each.topic.rsplit("/", 1)[1] for each in viewer.messages("#")}
    assert denied == []
    assert kinds >= {"ring", "answer", "faces", "state", "visit", "availability", "health"}
    assert kinds.isdisjoint({"frame", "press", "snapshot", "face", "config", "set"})


def test_websockets_work_without_tls_too() -> None:
    port = free_port()
    with Mosquitto(f"listener {port} {HOST}", "protocol websockets"):
        _open(MqttSettings(host=HOST, port=port, transport="websockets"))


def test_the_system_does_not_trust_a_ca_of_our_own(tls_port: int) -> None:
    assert "its certificate is not valid" in _why_not(_settings(tls_port))


def test_another_ca_is_not_trusted(tls_port: int, tmp_path: Path) -> None:
    assert "--ca-file" in _why_not(_settings(tls_port, ca_file=Authority(tmp_path / "theirs").ca))


def test_a_certificate_of_another_host_is_not_trusted(authority: Authority) -> None:
    port = free_port()
    with Mosquitto(*_listener(port, authority, authority.issue("broker.example"))):
        assert "it is for another address" in _why_not(_settings(port, ca_file=authority.ca))


def test_a_client_without_a_certificate_is_rejected(authority: Authority) -> None:
    port = free_port()
    with Mosquitto(*_listener(port, authority, authority.issue(HOST), "require_certificate true")):
        assert "no connection to the broker" in _why_not(_settings(port, ca_file=authority.ca))


def test_insecure_connects_with_a_warning(tls_port: int, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        _open(_settings(tls_port, insecure=True))
    assert "CERTIFICATE IS NOT CHECKED" in caplog.text


def test_insecure_warns_on_the_command_line_too(tls_port: int) -> None:
    done = edge_agent(
        "send", __file__, "--host", HOST, "--port", str(tls_port), "--tls", "--insecure", "--doorbell", "front"
    )
    assert "CERTIFICATE IS NOT CHECKED" in done.stderr


def test_no_plain_text_is_sent_to_a_broker_without_tls(mosquitto: Mosquitto) -> None:
    assert "no connection" in _why_not(_settings(mosquitto.port))
    with socket.create_server((HOST, 0)) as server:
        received = bytearray()

        def listen() -> None:
            with server.accept()[0] as line:
                received.extend(line.recv(4096))

        listener = threading.Thread(target=listen, daemon=True)
        listener.start()
        settings = MqttSettings.model_validate({
            "host": HOST, "port": server.getsockname()[1], "username": "hall", "password": "open sesame",
            "tls": {"enabled": True},
        })  # fmt: skip
        _why_not(settings)
        listener.join(20)
    assert received[0] == 0x16  # a TLS handshake, RFC 8446 section 5.1
    assert b"MQTT" not in received
    assert b"sesame" not in received


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_tls_1_1_is_refused(authority: Authority) -> None:
    certificate = authority.issue(HOST)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.load_cert_chain(certificate.cert, certificate.key)
    with socket.create_server((HOST, 0)) as server:
        refusals: list[str] = []

        def listen() -> None:
            line = server.accept()[0]
            try:
                context.wrap_socket(line, server_side=True)
            except ssl.SSLError as error:
                refusals.append(error.reason or "")
            finally:
                line.close()

        listener = threading.Thread(target=listen, daemon=True)
        listener.start()
        assert "no connection" in _why_not(_settings(server.getsockname()[1], ca_file=authority.ca))
        listener.join(20)
    assert len(refusals) == 1


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\n", "did not answer like an MQTT broker"),
        (b"HTTP/1.1 101\r\nSec-WebSocket-Accept\r\n\r\n", "did not answer like an MQTT broker"),
        (b"HTTP/1.1 101\r\nSec-WebSocket-Accept: \xff\r\n\r\n", "did not answer like an MQTT broker"),
    ],
)
def test_an_invalid_websocket_response_is_not_a_broker(answer: bytes, words: str) -> None:
    with socket.create_server((HOST, 0)) as server:

        def serve() -> None:
            with server.accept()[0] as line:
                line.recv(4096)
                line.sendall(answer)

        listener = threading.Thread(target=serve, daemon=True)
        listener.start()
        assert words in _why_not(MqttSettings(host=HOST, port=server.getsockname()[1], transport="websockets"))
        listener.join(20)


def _refusal(*flags: str) -> str:
    """Return a command's reason for a failed connection."""
    with pytest.raises(SettingsError) as refused:
        commands(["watch", "--host", HOST, "--port", "1", *flags], standalone_mode=False)
    return str(refused.value)


def _sentence(*flags: str) -> str:
    """Return the error of `edge-agent run` at its start."""
    done = edge_agent(
        "run", "--host", HOST, "--port", "1", "--seconds", "1", *flags, EDGE_AGENT_DETECTION__STRATEGIES="mock"
    )
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) == 1, done.stderr
    return done.stderr


def test_unsupported_settings_stop_the_start(authority: Authority, tmp_path: Path) -> None:
    ours, others = authority.issue("edge-agent"), Authority(tmp_path / "theirs").issue("other")
    garbage, locked = tmp_path / "garbage", tmp_path / "locked.key"
    garbage.write_text("no certificate", encoding="ascii")
    key = serialization.load_pem_private_key(ours.key.read_bytes(), None)
    encryption = serialization.BestAvailableEncryption(b"secret")
    locked.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, encryption)
    )
    own = ("--cert-file", str(ours.cert), "--key-file")
    cases = {
        ("--ca-file", str(authority.ca)): "without enabled (--tls) nothing is encrypted, and ca_file would do nothing",
        ("--insecure",): "insecure would do nothing",
        ("--tls", "--insecure", "--ca-file", str(authority.ca)): "leave one of them out",
        ("--tls", "--ca-file", str(tmp_path / "none")): "No such file",
        ("--tls", "--ca-file", str(tmp_path)): "mqtt.tls.ca_file",
        ("--tls", "--ca-file", str(garbage)): "holds no certificate",
        ("--tls", "--cert-file", str(ours.cert)): "need each other",
        ("--tls", *own, str(tmp_path / "none")): "mqtt.tls.key_file",
        ("--tls", *own, str(others.key)): "are no certificate and its key",
        ("--tls", *own, str(locked)): "without a passphrase",
        ("--transport", "carrier pigeon"): "mqtt.transport, from the command line, cannot be used",
        ("--websocket-path", "/a\r\nHost: b"): "mqtt.websocket_path",
    }
    said = {flags: _refusal(*flags) for flags in cases}
    assert {flags: words for flags, words in cases.items() if words not in said[flags]} == {}, said


def test_the_agent_reports_in_one_sentence_why_it_does_not_start(tmp_path: Path) -> None:
    assert "No such file" in _sentence("--tls", "--ca-file", str(tmp_path / "none"))
    assert "do not support TLS" in _sentence("--tls", "--simulate", str(tmp_path))
