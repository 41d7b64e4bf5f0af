"""`edge-agent send`: pictures published as a doorbell would, and whether an agent takes them."""

from __future__ import annotations

import itertools
import queue
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec
from rich.console import Console
from rich.progress import track

from edge_agent import topics
from edge_agent.cli.listeners import Heard, verdict
from edge_agent.errors import BrokerLostError, EdgeAgentError, NoAgentError, SettingsError, reason_of
from edge_agent.file_detection import find_images
from edge_agent.ingest import Envelope
from edge_agent.model import Message, Publication, Trigger
from edge_agent.mqtt.connection import Connection, ConnectionEvents, Sent

if TYPE_CHECKING:
    from edge_agent.settings_broker import MqttSettings

CONFIRM_S: Final = 10.0
UNCONFIRMED_AT_ONCE: Final = 20
RETAINED_S: Final = 0.5
"""How long the broker may take to send what it retains, after it has confirmed all pictures."""
ANSWER_S: Final = 8.0
"""An agent answers a press within 5 s (press.deadline_s), and the way takes a moment."""


@dataclass(frozen=True, slots=True)
class Sending:
    """How the pictures are sent: `trigger` None leaves it to the agent, `rate` is pictures per second."""

    doorbell: str
    press: bool
    trigger: Trigger | None
    rate: float | None
    repeat: int


def send_pictures(settings: MqttSettings, paths: list[Path], sending: Sending) -> None:
    """Send everything, wait until the broker has it, and print the answer to a press.

    Raise NoAgentError where all was sent and no agent listens or answers.
    """
    if not topics.is_identifier(sending.doorbell):
        message = f"{sending.doorbell!r} cannot name a doorbell: use 1 to 64 letters, digits, _ or -"
        raise SettingsError(message)
    if not settings.host:
        message = "there is no broker to send to: give --host, or set EDGE_AGENT_MQTT__HOST"
        raise SettingsError(message)
    files = find_images(paths)
    received: queue.SimpleQueue[Message] = queue.SimpleQueue()
    refused: queue.SimpleQueue[int] = queue.SimpleQueue()
    connection = Connection(
        settings,
        client_id=f"edge_agent-send-{secrets.token_hex(4)}",
        events=ConnectionEvents(
            message=received.put, published=lambda packet, is_refused: refused.put(packet) if is_refused else None
        ),
    )
    heard = Heard(sending.doorbell, is_press=sending.press)
    connection.open()
    try:
        connection.subscribe([topics.agent_availability("+"), topics.answer(sending.doorbell)])
        _send_all(connection, files, sending)
        if not refused.empty():
            message = f"the broker does not let this user publish as doorbell {sending.doorbell}: check its access list"
            raise EdgeAgentError(message)
        _say_sent(len(files) * sending.repeat, sending)
        _listen(connection, received, heard)
    finally:
        connection.close()
    said = verdict(heard, settings)
    if said.is_fault:
        raise NoAgentError(said.text)
    if said.text:
        Console(highlight=False, soft_wrap=True, stderr=not heard.answer).print(said.text, markup=False)


def _say_sent(count: int, sending: Sending) -> None:
    pressed = ", after a press" if sending.press else ""
    Console(highlight=False).print(f"sent {count} picture{'s' * (count > 1)} as doorbell {sending.doorbell}{pressed}")


def _listen(connection: Connection, received: queue.SimpleQueue[Message], heard: Heard) -> None:
    """Wait for what tells whether an agent listens, no longer than that can change."""
    heard.unheard = connection.unheard
    began_s = time.monotonic()
    while True:
        limit_s = ANSWER_S if heard.may_be_answered() else RETAINED_S
        try:
            message = received.get(timeout=max(0.0, began_s + limit_s - time.monotonic()))
        except queue.Empty:
            return
        heard.take(message)
        if heard.is_enough():
            return


def _send_all(connection: Connection, files: list[Path], sending: Sending) -> None:
    unconfirmed: list[Sent] = []
    if sending.press:
        _confirm(connection.publish(Publication(topics.press(sending.doorbell), b"pressed", qos=1)))
    pictures = itertools.chain.from_iterable(itertools.repeat(files, sending.repeat))
    total = len(files) * sending.repeat
    console = Console(stderr=True)
    for path in track(
        _paced(pictures, sending.rate), "sending", total, console=console, disable=total == 1, transient=True
    ):
        unconfirmed.append(connection.publish(frame_message(connection.protocol, _read(path), sending)))
        if len(unconfirmed) >= UNCONFIRMED_AT_ONCE:
            _confirm(unconfirmed.pop(0))
    for sent in unconfirmed:
        _confirm(sent)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        message = f"the file {path} cannot be read: {reason_of(error)}"
        raise SettingsError(message) from error


def frame_message(protocol: str, image: bytes, sending: Sending) -> Publication:
    """Return a picture as a message: with user properties where the protocol has them, else as JSON."""
    trigger = Trigger.PRESS if sending.press and sending.trigger is None else sending.trigger
    said = {"frame_id": secrets.token_hex(8), "captured_at": datetime.now(UTC).isoformat()}
    if trigger is not None:
        said["trigger"] = trigger.word
    topic = topics.frame(sending.doorbell)
    if protocol == "5":
        return Publication(topic, image, qos=1, properties=said)
    return Publication(topic, msgspec.json.encode(Envelope(image, **said)), qos=1)


def _paced(paths: Iterator[Path], rate: float | None) -> Iterator[Path]:
    """Yield no faster than `rate` per second."""
    began_s = time.monotonic()
    for number, path in enumerate(paths):
        if rate:
            time.sleep(max(0.0, began_s + number / rate - time.monotonic()))
        yield path


def _confirm(sent: Sent) -> None:
    if not sent.wait(CONFIRM_S):
        message = f"the broker did not confirm a picture within {CONFIRM_S:g} s"
        raise BrokerLostError(message)
