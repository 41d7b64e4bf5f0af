"""The link with a connection that keeps ending; against a real mosquitto, over a proxy that is cut."""

from __future__ import annotations

import queue
from typing import TYPE_CHECKING, Final

import pytest

from edge_agent.mqtt import link as link_module
from edge_agent.mqtt.connection import Connection
from edge_agent.mqtt.link import (
    FIRST_DELAY_S,
    LONGEST_DELAY_S,
    SUSPICIOUS_CONNECTIONS,
    TAKEN_OVER_DELAY_S,
    Link,
    LinkDown,
    LinkUp,
    ReconnectPolicy,
)
from edge_agent.settings.broker import MqttSettings
from tests.proxy import Proxy

if TYPE_CHECKING:
    from testing.broker import Mosquitto

pytestmark = pytest.mark.broker

TAKEN: Final = "another client probably uses our client id"
LIVES: Final = SUSPICIOUS_CONNECTIONS + 2


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_a_second_client_with_our_id_is_reported(
    mosquitto: Mosquitto, protocol: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(link_module, "FIRST_DELAY_S", 0.001)
    first, first_changes = _started(mosquitto.port, "twin", protocol)
    _wait_for_connection(first_changes)
    second, second_changes = _started(mosquitto.port, "twin", protocol)
    for _ in range(SUSPICIOUS_CONNECTIONS):
        _wait_for_connection(second_changes)
        _wait_for_connection(first_changes)
    first.stop()
    second.stop()
    assert TAKEN in caplog.text


def test_other_disconnects_have_the_usual_reconnect_delay(
    mosquitto: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link_module, "FIRST_DELAY_S", 60.0)
    monkeypatch.setattr(link_module, "LONGEST_DELAY_S", 0.001)
    with Proxy(mosquitto.port) as line:
        link, changes = _started(line.port, "bumpy", "5")
        for _ in range(LIVES):
            _wait_for_connection(changes)
            line.cut()
        _wait_for_connection(changes)
        link.stop()


def test_a_session_takeover_has_a_longer_reconnect_delay() -> None:
    lives = ReconnectPolicy()
    assert [lives.on_connection_end(60.0, taken_over=False) for _ in range(3)] == pytest.approx(
        [FIRST_DELAY_S] * 3, rel=0.2
    )
    assert not lives.taken_over
    guessed = [lives.on_connection_end(0.1, taken_over=False) for _ in range(LIVES)]
    assert guessed[-1] == LONGEST_DELAY_S
    assert lives.taken_over
    told = [lives.on_connection_end(0.1, taken_over=True) for _ in range(LIVES)]
    assert told[-1] == TAKEN_OVER_DELAY_S
    lives.on_connection_end(2 * TAKEN_OVER_DELAY_S, taken_over=False)
    assert not lives.taken_over


def _started(port: int, name: str, protocol: str) -> tuple[Link, queue.SimpleQueue[LinkUp | LinkDown]]:
    settings = MqttSettings.model_validate({"host": "127.0.0.1", "port": port, "protocol": protocol})
    changes: queue.SimpleQueue[LinkUp | LinkDown] = queue.SimpleQueue()
    link = Link(lambda number: Connection(settings, client_id=name, number=number), ("x",), changes.put)
    link.start()
    return link, changes


def _wait_for_connection(changes: queue.SimpleQueue[LinkUp | LinkDown]) -> None:
    while not isinstance(changes.get(timeout=20.0), LinkUp):
        pass
