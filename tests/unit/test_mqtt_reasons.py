"""Reasons of a broker are shown in our own text, never in paho's or OpenSSL's."""

from __future__ import annotations

import errno
import os
import socket
import ssl

import pytest
from paho.mqtt.client import WebsocketConnectionError, convert_disconnect_error_code_to_reason_code
from paho.mqtt.enums import MQTTErrorCode
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.reasoncodes import ReasonCode

from edge_agent.doctor.broker_rules import judge_faults
from edge_agent.errors import reason_of
from edge_agent.mqtt.faults import REASONS, of_connack, of_disconnect, of_exception, words_for
from edge_agent.reasons import ConnectError, ConnectFault

FAILURES = {code: names for code, names in ReasonCode.names.items() if code >= 0x80}
NOT_FOR_US = {0x91, 0x92, 0x94, 0xA1}
"""Packet identifiers, topic aliases and subscription identifiers: handled by paho."""


def test_every_reason_has_our_own_text() -> None:
    assert set(FAILURES) - NOT_FOR_US == set(REASONS) - {0}
    for code, names in FAILURES.items():
        for name in (each for each in names if " " in each):
            assert name.lower() not in words_for(code).lower().replace("not authorized", "")
    assert len(set(REASONS.values())) == len(REASONS)


def test_an_unknown_code_is_shown_as_a_code() -> None:
    assert words_for(0xF0) == "the broker gives the reason code 240"


@pytest.mark.parametrize("error", list(MQTTErrorCode))
def test_a_lost_connection_is_not_an_unspecified_error(error: MQTTErrorCode) -> None:
    reason = convert_disconnect_error_code_to_reason_code(error)
    words = of_disconnect(reason.value, told=False, accepted=True).text
    assert words in {ConnectFault(ConnectError.LOST).text, *REASONS.values()}
    assert "unspecified" not in words.lower()


def test_a_reason_that_the_broker_gave_is_kept() -> None:
    taken_over = ReasonCode(PacketTypes.DISCONNECT, "Session taken over")
    found = of_disconnect(taken_over.value, told=True, accepted=True)
    assert found.text == "another client connected with the same client id"
    assert of_disconnect(0x80, told=True, accepted=True).text == "the broker gives no reason"


def tls_error(code: str) -> ssl.SSLError:
    """Return an error like those of Python's TLS."""
    error = ssl.SSLError(1, f"[SSL: {code}] {code.lower()} (_ssl.c:1006)")
    error.reason = code
    return error


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ConnectionRefusedError(errno.ECONNREFUSED, os.strerror(errno.ECONNREFUSED)), "Connection refused"),
        (OSError(errno.EHOSTUNREACH, os.strerror(errno.EHOSTUNREACH)), "No route to host"),
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), "Name or service not known"),
        (TimeoutError("timed out"), "timed out"),
        (WebsocketConnectionError("WebSocket handshake error, connection not upgraded"), "its websocket did not"),
        (IndexError("list index out of range"), "its websocket did not"),
        (ValueError("Invalid host."), "its address cannot be used"),
        (UnicodeError("encoding with 'idna' codec failed (UnicodeError: label too long)"), "its address cannot be"),
        (tls_error("TLSV1_ALERT_UNKNOWN_CA"), "TLS failed: the broker does not trust the CA of our certificate"),
        (tls_error("TLSV13_ALERT_CERTIFICATE_REQUIRED"), "TLS failed: the broker requires a certificate"),
        (tls_error("BAD_LENGTH"), "TLS failed: OpenSSL gives the code BAD_LENGTH"),
        (tls_error("WRONG_VERSION_NUMBER"), "it does not use TLS on this port"),
    ],
)
def test_connection_failures_have_a_reason(error: Exception, words: str) -> None:
    said = of_exception(error, encrypted=False).text
    assert said.startswith(words)
    for foreign in ("Errno", "handshake", "index", "Invalid", "codec", "_ssl.c"):
        assert foreign not in said


def test_system_errors_are_shown_without_errno() -> None:
    assert reason_of(FileNotFoundError(2, "No such file or directory", "/x")) == "No such file or directory"
    assert reason_of(OSError("anything")) == "the system gives no reason"


@pytest.mark.parametrize(
    ("fault", "fix"),
    [
        (of_connack(0x86), "mqtt.username"),
        (of_connack(0x87), "mqtt.username"),
        (of_connack(0x85), "a client id that the broker allows"),
        (of_disconnect(0x80, told=False, accepted=False), "mqtt.tls.enabled"),
        (ConnectFault(ConnectError.CONNECTION_REFUSED, "Connection refused"), "start the broker"),
        (of_connack(0x88), "check the broker's log"),
    ],
)
def test_the_doctor_has_a_fix_for_each(fault: ConnectFault, fix: str) -> None:
    found = judge_faults({"hall:1883": fault})
    assert fix in found.fix
    assert found.text == f"no connection to the broker at hall:1883: {fault.text}"
