"""`edge-agent send`: publish images as a doorbell does, and report whether an agent received them."""

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
from rich.text import Text

from edge_agent import topics
from edge_agent.cli.flags import require_broker, require_doorbell_name
from edge_agent.cli.listeners import Replies, verdict
from edge_agent.domain import Message, Publication, Trigger
from edge_agent.errors import BrokerLostError, EdgeAgentError, NoAgentError, UnreadableImageError
from edge_agent.ingest.envelope import Envelope
from edge_agent.ingest.image_files import find_images, printable, read_image
from edge_agent.mqtt.connection import Connection, ConnectionEvents
from edge_agent.mqtt.paho_client import Sent

if TYPE_CHECKING:
    from edge_agent.settings.broker import MqttSettings

CONFIRM_S: Final = 10.0
UNCONFIRMED_AT_ONCE: Final = 20
RETAINED_S: Final = 0.5
"""Time for the broker to send its retained messages, once it has confirmed all frames."""
LARGEST_BYTES: Final = 268_435_455
"""MQTT 5.0, section 1.5.5: no message is larger."""
ANSWER_S: Final = 8.0
"""An agent answers a press within 5 s (press.deadline_s); the network adds to it."""


@dataclass(frozen=True, slots=True)
class Sending:
    """How to send the images; with `trigger` None the agent chooses it, `rate` is images per second."""

    doorbell: str
    press: bool
    trigger: Trigger | None
    rate: float | None
    repeat: int


def send_pictures(settings: MqttSettings, paths: list[Path], sending: Sending) -> None:
    """Send everything, wait until the broker has confirmed it, and print the answer to a press.

    Raise NoAgentError if no agent is listening, or none answers.
    """
    require_doorbell_name(sending.doorbell)
    require_broker(settings)
    found = find_images(paths)
    files = [path for path in found if _is_readable(path)]
    if not files:
        message = "none of the images can be read: nothing was sent"
        raise EdgeAgentError(message)
    received: queue.SimpleQueue[Message] = queue.SimpleQueue()
    refused: queue.SimpleQueue[int] = queue.SimpleQueue()
    connection = Connection(
        settings,
        client_id=f"edge_agent-send-{secrets.token_hex(4)}",
        events=ConnectionEvents(
            message=received.put,
            published=lambda packet, is_refused, _without_subscriber: refused.put(packet) if is_refused else None,
        ),
    )
    replies = Replies(sending.doorbell, is_press=sending.press)
    connection.open()
    try:
        connection.subscribe([topics.agent_availability("+"), topics.answer(sending.doorbell)])
        _send_all(connection, files, sending)
        if not refused.empty():
            message = (
                f"the broker does not allow this user to publish as doorbell {sending.doorbell}: check its access list"
            )
            raise EdgeAgentError(message)
        _say_sent(len(files) * sending.repeat, sending)
        _listen(connection, received, replies)
    finally:
        connection.close()
    said = verdict(replies, settings)
    if said.is_fault:
        raise NoAgentError(said.text)
    if said.text:
        Console(highlight=False, soft_wrap=True, stderr=not replies.answer).print(said.text, markup=False)
    if left_out := len(found) - len(files):
        message = f"{left_out} of {len(found)} images could not be read, and were not sent"
        raise EdgeAgentError(message)


def _say_sent(count: int, sending: Sending) -> None:
    pressed = ", after a press" if sending.press else ""
    Console(highlight=False).print(f"sent {count} image{'s' * (count > 1)} as doorbell {sending.doorbell}{pressed}")


def _listen(connection: Connection, received: queue.SimpleQueue[Message], replies: Replies) -> None:
    """Wait for replies until the verdict can no longer change."""
    replies.unrouted = connection.without_subscriber
    began_s = time.monotonic()
    while True:
        limit_s = ANSWER_S if replies.may_be_answered() else RETAINED_S
        try:
            message = received.get(timeout=max(0.0, began_s + limit_s - time.monotonic()))
        except queue.Empty:
            return
        replies.take(message)
        if replies.is_enough():
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
        unconfirmed.append(
            connection.publish(frame_message(connection.protocol, read_image(path, LARGEST_BYTES), sending))
        )
        if len(unconfirmed) >= UNCONFIRMED_AT_ONCE:
            _confirm(unconfirmed.pop(0))
    for sent in unconfirmed:
        _confirm(sent)


def _is_readable(path: Path) -> bool:
    """Return whether a file can be sent; report the reason if it cannot."""
    try:
        read_image(path, LARGEST_BYTES)
    except UnreadableImageError as error:
        text = f"{printable(path)}: {error}"
        Console(stderr=True, highlight=False, soft_wrap=True).print(Text(text, "red"))
        return False
    return True


def frame_message(protocol: str, image: bytes, sending: Sending) -> Publication:
    """Return an image as a message: with user properties in MQTT 5, else as JSON."""
    trigger = Trigger.PRESS if sending.press and sending.trigger is None else sending.trigger
    said = {"frame_id": secrets.token_hex(8), "captured_at": datetime.now(UTC).isoformat()}
    if trigger is not None:
        said["trigger"] = trigger.code
    topic = topics.frame(sending.doorbell)
    if protocol == "5":
        return Publication(topic, image, qos=1, properties=said)
    return Publication(topic, msgspec.json.encode(Envelope(image, **said)), qos=1)


def _paced(paths: Iterator[Path], rate: float | None) -> Iterator[Path]:
    """Yield at most `rate` paths per second."""
    began_s = time.monotonic()
    for number, path in enumerate(paths):
        if rate:
            time.sleep(max(0.0, began_s + number / rate - time.monotonic()))
        yield path


def _confirm(sent: Sent) -> None:
    if not sent.wait(CONFIRM_S):
        message = f"the broker did not confirm a frame within {CONFIRM_S:g} s"
        raise BrokerLostError(message)
