"""`edge-agent send`: pictures published as a doorbell would."""

from __future__ import annotations

import itertools
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
from edge_agent.errors import BrokerUnreachableError, SettingsError
from edge_agent.file_detection import find_images
from edge_agent.ingest import Envelope
from edge_agent.model import Publication, Trigger
from edge_agent.mqtt.connection import Connection, Sent

if TYPE_CHECKING:
    from edge_agent.settings_broker import MqttSettings

CONFIRM_S: Final = 10.0
UNCONFIRMED_AT_ONCE: Final = 20


@dataclass(frozen=True, slots=True)
class Sending:
    """How the pictures are sent: `trigger` None leaves it to the agent, `rate` is pictures per second."""

    doorbell: str
    press: bool
    trigger: Trigger | None
    rate: float | None
    repeat: int


def send_pictures(settings: MqttSettings, paths: list[Path], sending: Sending) -> None:
    """Send everything and wait until the broker has it."""
    if not topics.is_identifier(sending.doorbell):
        message = f"{sending.doorbell!r} cannot name a doorbell: use 1 to 64 letters, digits, _ or -"
        raise SettingsError(message)
    if not settings.host:
        message = "there is no broker to send to: give --host, or set EDGE_AGENT_MQTT__HOST"
        raise SettingsError(message)
    files = find_images(paths)
    connection = Connection(settings, client_id=f"edge_agent-send-{secrets.token_hex(4)}")
    connection.open()
    try:
        _send_all(connection, files, sending)
    finally:
        connection.close()
    count = len(files) * sending.repeat
    pressed = ", after a press" if sending.press else ""
    Console(highlight=False).print(f"sent {count} picture{'s' * (count > 1)} as doorbell {sending.doorbell}{pressed}")


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
        unconfirmed.append(connection.publish(frame_message(connection.protocol, path.read_bytes(), sending)))
        if len(unconfirmed) >= UNCONFIRMED_AT_ONCE:
            _confirm(unconfirmed.pop(0))
    for sent in unconfirmed:
        _confirm(sent)


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
        raise BrokerUnreachableError(message)
