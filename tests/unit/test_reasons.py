"""Reasons are data: each has its words, what a library says is classified by codes, and no code reads a sentence."""

from __future__ import annotations

import ast
import errno
import os
import signal
import socket
import ssl
from typing import TYPE_CHECKING

import pytest
from paho.mqtt.client import WebsocketConnectionError
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.reasoncodes import ReasonCode

from edge_agent.doctor import detector_rules
from edge_agent.domain import ShedReason
from edge_agent.doorbells import failures
from edge_agent.errors import BrokerUnreachableError, DetectorUnavailableError
from edge_agent.mqtt import faults
from edge_agent.pool.worker_process import exit_of
from edge_agent.reasons import (
    CONNECTION,
    EXITS,
    UNAVAILABLE,
    ConnectError,
    ConnectFault,
    DetectorFault,
    ExitReason,
    FailureReason,
    UnavailableReason,
    WorkerExit,
)
from edge_agent.telemetry import problem_codes
from testing.shared_data import PROJECT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from enum import StrEnum
    from pathlib import Path

    from edge_agent.reasons import Wording

SENTENCES = {"advice", "detail", "error", "fault", "message", "reason", "said", "sentence", "text", "why"}
"""What a sentence is called, or what is one as `str(...)`."""
LOOKS = {"startswith", "endswith", "find", "index", "partition", "rpartition", "removeprefix", "removesuffix", "split"}
PATTERNS = {"re.search", "re.match", "re.fullmatch", "re.findall", "re.split", "re.sub"}
NO_SENTENCES = {
    ("edge_agent/doctor/host_checks.py", "re.findall"): "the text is that of /proc/cpuinfo",
    ("edge_agent/ingest/frames.py", "in"): "what is said beside a picture is a mapping",
    ("edge_agent/settings/loading.py", "in"): "the text is that of a variable or a file",
    ("edge_agent/topics.py", "re.sub"): "the text becomes an identifier",
}


@pytest.mark.parametrize(
    ("family", "table"),
    [
        (UnavailableReason, UNAVAILABLE), (ExitReason, EXITS), (ConnectError, CONNECTION),
        (detector_rules.DeviceFault, detector_rules.DEVICE_FAULTS),
        (problem_codes.ProblemCode, problem_codes.SENTENCES), (ShedReason, failures.SHEDS),
    ],
)  # fmt: skip
def test_every_member_has_its_words(family: type[StrEnum], table: dict[StrEnum, Wording | str]) -> None:
    assert {*family} == {*table}


def test_every_failure_that_is_no_shed_has_its_words() -> None:
    assert {*problem_codes.FAILURES} | {FailureReason(each.value) for each in ShedReason} == {*FailureReason}


@pytest.mark.parametrize(
    ("error", "encrypted", "reason"),
    [
        (ConnectionRefusedError(errno.ECONNREFUSED, "x"), False, ConnectError.CONNECTION_REFUSED),
        (OSError(errno.EHOSTUNREACH, "x"), False, ConnectError.UNREACHABLE),
        (OSError(errno.ENETUNREACH, "x"), True, ConnectError.UNREACHABLE),
        (TimeoutError("x"), False, ConnectError.TIMED_OUT),
        (TimeoutError("x"), True, ConnectError.TLS_UNANSWERED),
        (ConnectionResetError(errno.ECONNRESET, "x"), False, ConnectError.FAILED),
        (ConnectionResetError(errno.ECONNRESET, "x"), True, ConnectError.TLS_UNANSWERED),
        (socket.gaierror(socket.EAI_NONAME, "x"), False, ConnectError.NAME_UNKNOWN),
        (socket.gaierror(socket.EAI_AGAIN, "x"), False, ConnectError.NAME_UNRESOLVED),
        (ssl.SSLCertVerificationError(1, "x"), True, ConnectError.CERTIFICATE_REJECTED),
        (ssl.SSLError(1, "x"), True, ConnectError.TLS_FAILED),
        (IndexError("x"), False, ConnectError.WEBSOCKET_FAILED),
        (ValueError("x"), False, ConnectError.ADDRESS_INVALID),
        (OSError("x"), False, ConnectError.FAILED),
        (WebsocketConnectionError("x"), False, ConnectError.WEBSOCKET_FAILED),
    ],
)
def test_an_exception_is_classified_by_its_type_and_number(
    error: Exception, encrypted: bool, reason: ConnectError
) -> None:
    if isinstance(error, ssl.SSLError):  # what OpenSSL would set
        error.reason = "X"
    if isinstance(error, ssl.SSLCertVerificationError):
        error.verify_code = 18
    assert faults.of_exception(error, encrypted=encrypted).reason is reason


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("Bad user name or password", ConnectError.NOT_AUTHORIZED),
        ("Not authorized", ConnectError.NOT_AUTHORIZED),
        ("Client identifier not valid", ConnectError.CLIENT_ID_REJECTED),
        ("Unsupported protocol version", ConnectError.PROTOCOL_UNSUPPORTED),
        ("Server unavailable", ConnectError.BROKER_UNAVAILABLE),
        ("Server busy", ConnectError.BROKER_UNAVAILABLE),
        ("Banned", ConnectError.REJECTED),
    ],
)
def test_a_refusal_is_classified_by_its_code(name: str, reason: ConnectError) -> None:
    code = ReasonCode(PacketTypes.CONNACK, name)
    assert faults.of_connack(code.value).reason is reason


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("Session taken over", ConnectError.TAKEN_OVER),
        ("Server shutting down", ConnectError.SHUTTING_DOWN),
        ("Keep alive timeout", ConnectError.KEEPALIVE_TIMEOUT),
        ("Packet too large", ConnectError.PACKET_TOO_LARGE),
        ("Unspecified error", ConnectError.CLOSED),
    ],
)
def test_an_end_is_classified_by_its_code(name: str, reason: ConnectError) -> None:
    code = ReasonCode(PacketTypes.DISCONNECT, name)
    assert faults.of_disconnect(code.value, told=True, accepted=True).reason is reason


@pytest.mark.parametrize(
    ("name", "accepted", "reason"),
    [
        ("Unspecified error", True, ConnectError.LOST),
        ("Keep alive timeout", True, ConnectError.KEEPALIVE_TIMEOUT),
        ("Unspecified error", False, ConnectError.CLOSED_AT_ONCE),
    ],
)
def test_an_end_that_the_broker_did_not_tell_is_classified_too(name: str, accepted: bool, reason: ConnectError) -> None:
    code = ReasonCode(PacketTypes.DISCONNECT, name)
    assert faults.of_disconnect(code.value, told=False, accepted=accepted).reason is reason


@pytest.mark.parametrize(
    ("code", "stack", "expected"),
    [
        (0, "", WorkerExit(ExitReason.EXITED, "0")),
        (3, "", WorkerExit(ExitReason.EXITED, "3")),
        (None, "", WorkerExit(ExitReason.VANISHED)),
        (-signal.SIGKILL, "", WorkerExit(ExitReason.KILLED, "SIGKILL")),
        (-signal.SIGSEGV, "Fatal Python error: Segmentation fault", WorkerExit(ExitReason.CRASHED, "SIGSEGV")),
        (-signal.SIGABRT, "", WorkerExit(ExitReason.CRASHED, "SIGABRT")),
        (-signal.SIGTERM, "", WorkerExit(ExitReason.SIGNALLED, "SIGTERM")),
    ],
)
def test_an_exit_is_classified_by_its_code(code: int | None, stack: str, expected: WorkerExit) -> None:
    assert exit_of(code, stack) == expected


@pytest.mark.parametrize(("code", "stack"), [(-signal.SIGALRM, ""), (None, "Current thread 0x1: ...")])
def test_a_worker_that_ended_itself_took_too_long(code: int | None, stack: str) -> None:
    assert exit_of(code, stack).reason is ExitReason.TIMED_OUT


def test_exceptions_carry_reasons_and_say_sentences() -> None:
    assert str(DetectorUnavailableError(UnavailableReason.PACKAGE_MISSING, "x")) == "x is not installed"
    refused = ConnectFault(ConnectError.CONNECTION_REFUSED, os.strerror(errno.ECONNREFUSED))
    error = BrokerUnreachableError({"a:1883": refused, "b:1883": ConnectFault(ConnectError.NOT_MQTT)})
    assert error.reason is ConnectError.CONNECTION_REFUSED
    assert str(error).startswith("no connection to the broker at a:1883: Connection refused; b:1883: it did not")
    assert WorkerExit(ExitReason.CRASHED, "{x}").as_detector_fault().text == "its process was ended by {x}"
    assert DetectorFault(UnavailableReason.LOAD_FAILED, "{detail}").text == "{detail}"


def _policies(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Yield where a sentence is searched, or cut to pieces."""
    for node in ast.walk(tree):
        match node:
            case ast.Compare(ops=[ast.In() | ast.NotIn()], comparators=[right]) if _is_sentence(right):
                yield "in", node.lineno
            case ast.Call(ast.Attribute(value, name)) if name in LOOKS and _is_sentence(value):
                yield name, node.lineno
            case ast.Call(ast.Attribute(ast.Name(module), name), arguments) if f"{module}.{name}" in PATTERNS:
                if any(map(_is_sentence, arguments)):
                    yield f"{module}.{name}", node.lineno


def _is_sentence(node: ast.AST) -> bool:
    match node:
        case ast.Name(name) | ast.Attribute(_, name):
            return name in SENTENCES
        case ast.Call(ast.Name("str"), [ast.Name(name)]):
            return name in SENTENCES
        case ast.Call(ast.Attribute(inner, "lower" | "casefold" | "strip")):
            return _is_sentence(inner)
        case _:
            return False


PROGRAM = sorted((PROJECT / "edge_agent").rglob("*.py"))


@pytest.mark.parametrize("path", PROGRAM, ids=lambda path: str(path.relative_to(PROJECT)))
def test_no_code_looks_into_a_sentence(path: Path) -> None:
    found = _policies(ast.parse(path.read_text(encoding="utf-8")))
    name = str(path.relative_to(PROJECT))
    assert [(look, line) for look, line in found if (name, look) not in NO_SENTENCES] == []


@pytest.mark.parametrize(
    "code",
    [
        '"x" in reason', '"x" not in str(error)', "words in reason.lower()", 'each.reason.startswith("x")',
        'fault.text.removeprefix("x")', 're.split("[:;]", reason)', 'str(error).partition("x")',
    ],
)  # fmt: skip
def test_a_look_into_a_sentence_is_found(code: str) -> None:
    assert list(_policies(ast.parse(code)))
