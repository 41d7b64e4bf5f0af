"""The spellings of the broker's address."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from edge_agent.errors import SettingsError
from edge_agent.settings.loading import load_settings

if TYPE_CHECKING:
    from pathlib import Path

    from edge_agent.settings.broker import MqttSettings


def read(host: str, **more: Any) -> MqttSettings:
    return load_settings(None, {"mqtt": {"host": host, **more}}, environment={}).mqtt


@pytest.mark.parametrize(
    ("text", "host", "port", "tls", "transport"),
    [
        ("broker", "broker", 1883, False, "tcp"),
        (" broker.lan ", "broker.lan", 1883, False, "tcp"),
        ("192.168.1.2", "192.168.1.2", 1883, False, "tcp"),
        ("broker:1884", "broker", 1884, False, "tcp"),
        ("::1", "::1", 1883, False, "tcp"),
        ("fe80::1%eth0", "fe80::1%eth0", 1883, False, "tcp"),
        ("[::1]", "::1", 1883, False, "tcp"),
        ("[::1]:1884", "::1", 1884, False, "tcp"),
        ("mqtt://broker", "broker", 1883, False, "tcp"),
        ("MQTT://broker/", "broker", 1883, False, "tcp"),
        ("tcp://broker:1884", "broker", 1884, False, "tcp"),
        ("mqtt://[::1]:1884", "::1", 1884, False, "tcp"),
        ("mqtts://broker", "broker", 8883, True, "tcp"),
        ("ssl://broker", "broker", 8883, True, "tcp"),
        ("mqtts://broker:8884", "broker", 8884, True, "tcp"),
        ("ws://broker:9001", "broker", 9001, False, "websockets"),
        ("wss://broker/ws", "broker", 443, True, "websockets"),
        ("", "", 1883, False, "tcp"),
    ],
)
def test_every_usual_spelling_is_understood(text: str, host: str, port: int, tls: bool, transport: str) -> None:
    found = read(text)
    assert (found.host, found.port, found.tls.enabled, found.transport) == (host, port, tls, transport)


def test_the_path_of_a_websocket_is_taken_over() -> None:
    assert read("wss://broker/ws").websocket_path == "/ws"
    assert read("ws://broker").websocket_path == "/mqtt"


@pytest.mark.parametrize(
    "text",
    ["http://broker", "broker:", "broker:x", "broker:0", "broker:70000", "broker/path", "a b", "[broker]", "[::1",
     "::1:x", "mqtt://", "mqtt://broker/path", "mqtt:broker", "1.2.3.4:1883:1", "broker?x"],
)  # fmt: skip
def test_any_other_is_refused_with_the_right_spellings(text: str) -> None:
    with pytest.raises(SettingsError, match=r"host, host:port, \[IPv6 address\]:port, mqtt://host or mqtts://host"):
        read(text)


def test_a_password_in_the_address_is_refused_and_not_shown() -> None:
    with pytest.raises(SettingsError, match=r"use mqtt\.username and a file for mqtt\.password") as raised:
        read("mqtt://door:secret@broker")
    assert "secret" not in str(raised.value)


def test_a_contradiction_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"names port 1884, and mqtt\.port is another"):
        read("broker:1884", port=1883)
    with pytest.raises(SettingsError, match=r"mqtts://, which means TLS, and mqtt\.tls\.enabled is false"):
        read("mqtts://broker", tls={"enabled": "false"})
    with pytest.raises(SettingsError, match="names a path"):
        read("ws://broker/ws", websocket_path="/mqtt")


def test_what_agrees_is_taken(tmp_path: Path) -> None:
    assert read("broker:1884", port=1884).port == 1884
    assert read("broker:1884", port="1884").port == 1884
    assert read("mqtts://broker", port=8884).port == 8884
    assert read("mqtt://broker", tls={"enabled": True}).tls.enabled
    found = read("mqtts://broker", tls={"ca_file": str(tmp_path)})
    assert (found.tls.enabled, found.tls.ca_file) == (True, tmp_path)
