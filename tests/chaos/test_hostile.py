"""Hostile input against the agent: pictures, messages, a broker with invalid MQTT. Cases 15 to 20, and 24."""

from __future__ import annotations

import socket
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

import cv2
import numpy as np
import pytest

from edge_agent.mqtt.connection import Connection, ConnectionEvents
from edge_agent.mqtt.link import Link
from edge_agent.settings.broker import MqttSettings
from testing.agent_process import AGENT_ID, AgentProcess
from testing.broker import Mosquitto
from testing.pictures import jpeg
from testing.processes import descendants
from testing.recorder import Recorder
from testing.waiting import wait_until
from tests import hostile_pictures
from tests.chaos.hostile import assault

if TYPE_CHECKING:
    from collections.abc import Iterator

    from edge_agent.domain import Message

pytestmark = pytest.mark.timeout(300)

METRICS: Final = f"edge_agent/{AGENT_ID}/metrics"
FACES: Final = "doorbell/front/faces"
MEGABYTE: Final = 1_000_000
LARGEST_PACKET: Final = 30_000
"""The frame of case 24 has 20 kB, and the picture with its faces marked 43."""
MOST_GROWTH_BYTES: Final = 5 * MEGABYTE


def _forget_peak(pid: int) -> int:
    """Reset a process's peak memory; return its current memory in bytes (proc_pid_clear_refs(5))."""
    Path(f"/proc/{pid}/clear_refs").write_text("5", encoding="ascii")
    return _memory(pid, "VmRSS")


def _memory(pid: int, name: str) -> int:
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:"))


def _send(recorder: Recorder, pictures: dict[str, bytes]) -> dict[str, str]:
    """Send pictures as press frames; return the answer to each, by description."""
    for kind, picture in pictures.items():
        recorder.publish("doorbell/front/frame", picture, user={"trigger": "press", "frame_id": kind})
    recorder.wait_for_count(FACES, len(pictures), timeout_s=60)
    return {event["frame_id"]: event["reason"] or event["outcome"] for event in recorder.events(FACES)}


def test_cases_15_and_16_each_hostile_picture_gives_one_answer_and_leaks_no_memory(
    mosquitto: Mosquitto, recorder: Recorder
) -> None:
    refused = {kind: data for kind, data in hostile_pictures.refused().items() if len(data) < MEGABYTE}
    with AgentProcess.with_script(mosquitto.port) as agent:
        agent.wait_until_ready(recorder)
        recorder.publish("doorbell/front/frame", jpeg())
        recorder.wait_for(FACES)
        recorder.clear()
        processes = {agent.pid, *descendants(agent.pid)}
        before = {pid: _forget_peak(pid) for pid in processes}
        answers = _send(recorder, refused)
        grown = {pid: _memory(pid, "VmHWM") - before[pid] for pid in processes}
        assert {agent.pid, *descendants(agent.pid)} == processes
    assert set(answers.values()) == {"bad_image", "too_large"}
    assert len(recorder.messages(FACES)) == len(refused)
    assert max(grown.values()) < MOST_GROWTH_BYTES, grown


def test_unusual_and_damaged_pictures_are_processed_or_refused_and_no_worker_dies(
    mosquitto: Mosquitto, recorder: Recorder
) -> None:
    with AgentProcess.with_script(mosquitto.port) as agent:
        agent.wait_until_ready(recorder)
        workers = descendants(agent.pid)
        unusual = _send(recorder, hostile_pictures.unusual())
        recorder.clear()
        damaged = _send(recorder, hostile_pictures.damaged() | {"bomb": hostile_pictures.bomb()})
        assert descendants(agent.pid) == workers
    assert set(unusual.values()) == {"face"}
    assert damaged.pop("bomb") == "face"
    assert set(damaged.values()) <= {"face", "bad_image"}


def test_case_17_20_megabytes_are_refused_in_bounded_memory(mosquitto: Mosquitto, recorder: Recorder) -> None:
    with AgentProcess.with_script(mosquitto.port) as agent:
        agent.wait_until_ready(recorder)
        before = _forget_peak(agent.pid)
        payloads = {"JPEG": jpeg()[:-2] + bytes(20 * MEGABYTE), "JSON": b'{"image": "' + b"A" * 20 * MEGABYTE + b'"}'}
        for kind, payload in payloads.items():
            recorder.clear()
            assert _send(recorder, {kind: payload}) == {kind: "too_large"}
        # paho holds four copies of a message while it parses it
        assert _memory(agent.pid, "VmHWM") - before < 5 * 20 * MEGABYTE
        recorder.publish("doorbell/back/frame", jpeg())
        recorder.wait_for("doorbell/back/faces")
        wait_until(lambda: _memory(agent.pid, "VmRSS") - before < MOST_GROWTH_BYTES, timeout_s=30)


def test_cases_18_and_19_hostile_messages_lose_no_press_and_cause_no_restart() -> None:
    made, faults = assault(4000, seed=3)
    assert faults == []
    assert made.presses > 50


PUBLISH: Final = b"\x30\x06\x00\x01a\x00ok"
MALFORMED: Final = {
    "topic that is no UTF-8": b"\x30\x06\x00\x03\xff\xfe\xfd\x00",
    "topic with a NUL": b"\x30\x06\x00\x03a\x00b\x00",
    "topic longer than the packet": b"\x30\x04\x00\xffab",
    "empty publication": b"\x30\x00",
    "QoS 3": b"\x36\x06\x00\x01a\x00\x01\x00",
    "unknown property": b"\x30\x06\x00\x01a\x02\x7f\x00",
    "property cut off": b"\x30\x05\x00\x01a\x05\x26",
    "endless length": b"\x30\xff\xff\xff\xff\xff",
    "reserved type": b"\x00\x00",
    "second CONNACK": b"\x20\x03\x00\x00\x00",
    "CONNACK cut off": b"\x20\x01\x00",
    "SUBACK of nothing": b"\x90\x00",
    "PUBACK of nothing": b"\x40\x02\x00\x63",
    "PUBACK cut off": b"\x40\x01\x00",
    "PUBREL of nothing": b"\x62\x02\x00\x07",
    "AUTH": b"\xf0\x02\x18\x00",
    "CONNECT from a broker": b"\x10\x02\x00\x00",
    "PINGRESP with more": b"\xd0\x02\x00\x00",
    "DISCONNECT": b"\xe0\x02\x8d\x00",
}


class BadBroker:
    """Sends one malformed packet on its first connection, and a valid message after it and on every later one."""

    def __init__(self, malformed: bytes) -> None:
        self._malformed = malformed
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._server.getsockname()[1])
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> Self:
        """Listen."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop listening."""
        self._server.close()

    def _serve(self) -> None:
        say, lines = self._malformed + PUBLISH, []
        while True:
            try:
                line, _ = self._server.accept()
            except OSError:
                break
            lines.append(line)
            for packet in _packets(line):
                if packet[0] == 0x10:
                    line.sendall(b"\x20\x03\x00\x00\x00")
                elif packet[0] == 0x82:
                    line.sendall(b"\x90\x04" + packet[2:4] + b"\x00\x01" + say)
                    say = PUBLISH
                    break
        for line in lines:
            line.close()


def _packets(line: socket.socket) -> Iterator[bytes]:
    """Yield a client's packets of up to 127 bytes."""
    while head := line.recv(2):
        yield head + (line.recv(head[1]) if head[1] else b"")


@pytest.mark.parametrize("kind", MALFORMED)
def test_case_20_a_malformed_packet_of_the_broker_is_survived(kind: str) -> None:
    received: list[Message] = []
    counted: list[str] = []
    events = ConnectionEvents(message=received.append, undecodable=counted.append)
    with BadBroker(MALFORMED[kind]) as broker:
        settings = MqttSettings(host="127.0.0.1", port=broker.port, protocol="5")
        link = Link(
            lambda number: Connection(settings, client_id="agent", number=number, events=events), ["a"], lambda _: None
        )
        link.start()
        try:
            wait_until(
                lambda: any(message.payload == b"ok" for message in received), why=lambda: f"{received} {counted}"
            )
        finally:
            link.stop()


def test_case_20_a_callback_that_raises_leaves_the_connection_alive(mosquitto: Mosquitto, recorder: Recorder) -> None:
    received: list[bytes] = []
    counted: list[str] = []

    def take(message: Message) -> None:
        if message.payload == b"boom":
            raise ZeroDivisionError
        received.append(message.payload)

    settings = MqttSettings(host="127.0.0.1", port=mosquitto.port)
    connection = Connection(settings, client_id="agent", events=ConnectionEvents(take, undecodable=counted.append))
    connection.open()
    try:
        connection.subscribe(["a"])
        recorder.publish("a", b"first", retain=True)  # it arrives once subscribed
        wait_until(lambda: received)
        recorder.publish("a", b"boom")
        recorder.publish("a", b"second")
        wait_until(lambda: b"second" in received)
        assert counted == ["internal_error"]
        assert connection.is_healthy()
    finally:
        connection.close()


def test_case_24_a_picture_fits_the_limit_that_the_broker_announces() -> None:
    detailed = np.random.default_rng(1).integers(0, 255, (480, 640, 3), np.uint8)
    frame = bytes(cv2.imencode(".jpg", detailed, [cv2.IMWRITE_JPEG_QUALITY, 5])[1].tobytes())
    assert len(frame) < LARGEST_PACKET
    with (
        Mosquitto(f"max_packet_size {LARGEST_PACKET}") as broker,
        Recorder(broker.port) as recorder,
        AgentProcess.with_script(broker.port) as agent,
    ):
        agent.wait_until_ready(recorder)
        recorder.publish("doorbell/front/frame", frame, user={"trigger": "press"})
        assert recorder.wait_for("doorbell/front/answer")["event_type"] == "face"
        wait_until(lambda: recorder.messages("doorbell/front/snapshot"))
        assert len(recorder.messages("doorbell/front/snapshot")[0].payload) < LARGEST_PACKET
        metrics = recorder.wait_for(METRICS)
        assert (metrics["connections"], metrics["unsent_dropped"]) == (1, 0)
