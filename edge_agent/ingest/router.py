"""The router: sorts and checks messages on the broker's network thread; fast, bounded, never publishes."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from edge_agent import topics
from edge_agent.domain import DropReason, Failure, Message, Packet, ReplyTo, Setting, Trigger
from edge_agent.ingest import incoming_topics as incoming
from edge_agent.ingest.adapters import Role, Source, SourceMessage, read_source
from edge_agent.ingest.frames import Arrival, ImageLimits, read_frame
from edge_agent.ingest.press_rules import is_press
from edge_agent.wire import FailureReason

if TYPE_CHECKING:
    from collections.abc import Callable

ONLINE: Final = b"online"
LARGEST_DEVICE: Final = 1_000_000
"""Largest accepted device announcement in bytes; ours have about 20,000."""
LONGEST_VALUE: Final = 32
"""Largest accepted option value in bytes."""
TOO_MANY = Failure(FailureReason.OVERLOAD, "too many messages were waiting")


@dataclass(frozen=True, slots=True)
class Pressed:
    """A doorbell was pressed. `repeated` is set if the broker delivered this before, under the same `identity`.

    `snapshot_request` is the topic where its picture is requested with `snapshot_payload`; '' if it cannot be.
    """

    doorbell: str
    pressed_s: float
    pressed_at: datetime
    packet: Packet | None
    repeated: bool
    identity: str = ""
    display_name: str = ""
    snapshot_request: str = ""
    snapshot_payload: str = ""


@dataclass(frozen=True, slots=True)
class SourceSignal:
    """A message of a source that means something only together with earlier ones."""

    about: SourceMessage
    message: Message
    received_s: float
    received_at: datetime


@dataclass(frozen=True, slots=True)
class Command:
    """A one-time command to the agent; `reply_to` is where its sender expects the result."""

    command: str
    packet: Packet | None
    value: str = ""
    reply_to: ReplyTo | None = None


@dataclass(frozen=True, slots=True)
class Dropped:
    """An unused message, and why it was dropped; `topic` is set if it names no valid doorbell."""

    reason: DropReason
    packet: Packet | None = None
    topic: str = ""


@dataclass(frozen=True, slots=True)
class OptionSet:
    """An option should be set."""

    setting: Setting
    packet: Packet | None


@dataclass(frozen=True, slots=True)
class DiscoveryMessage:
    """A Home Assistant device announcement, from any publisher; an empty one removes the device."""

    topic: str
    payload: bytes
    retained: bool
    packet: Packet | None


@dataclass(frozen=True, slots=True)
class AgentAvailability:
    """An agent came or went; it may be this one."""

    agent: str
    online: bool
    packet: Packet | None


@dataclass(frozen=True, slots=True)
class HomeAssistantBirth:
    """Home Assistant has started."""

    packet: Packet | None


@dataclass(frozen=True, slots=True)
class Ignored:
    """A message without effect."""

    packet: Packet | None


Request = Command | OptionSet | DiscoveryMessage | AgentAvailability | HomeAssistantBirth | Ignored
"""A message that is neither a frame nor a press."""
Incoming = Arrival | Pressed | SourceSignal | Request | Dropped
OWN: Final = Source()
"""Frames on the agent's own topics."""


@dataclass(frozen=True, slots=True)
class RouterLimits:
    """The router's limits.

    When more than `most_waiting` messages wait for the agent, ordinary frames are dropped; when more than
    `most_presses_waiting` do, press frames are answered `overload`. `is_ours` checks whether a doorbell belongs to this
    agent, `may_be_answered` whether replies to a topic named by a sender are allowed.
    """

    image: ImageLimits
    accept_retained: bool
    most_waiting: int
    most_presses_waiting: int
    is_ours: Callable[[str], bool] = lambda _doorbell: True
    may_be_answered: Callable[[str], bool] = topics.may_be_answered


class Router:
    """Turns messages into the agent's events.

    `parse` returns the meaning of a topic, `waiting` the number of events in the agent's inbox.
    """

    def __init__(
        self,
        parse: Callable[[str], incoming.IncomingTopic | None],
        sources: tuple[Source, ...],
        limits: RouterLimits,
        deliver: Callable[[Incoming], None],
        waiting: Callable[[], int],
    ) -> None:
        self._parse = parse
        self._sources = sources
        self._limits = limits
        self._deliver = deliver
        self._waiting = waiting

    def route(self, message: Message) -> None:
        """Route a message to the inbox."""
        if message.response_topic and not self._may_be_answered(message.response_topic):
            message = replace(message, response_topic="")
        self._deliver(self._parse_message(message, time.monotonic(), datetime.now(UTC)))

    def drop(self, reason: DropReason) -> None:
        """Count a message that could not be decoded."""
        self._deliver(Dropped(reason))

    def _parse_message(self, message: Message, now_s: float, now_at: datetime) -> Incoming:  # noqa: PLR0911 - a table: one line per topic
        parsed = self._parse(message.topic)
        if (notice := _parse_notice(message, parsed)) is not None:
            return notice
        if reason := self._reason_to_drop(message, parsed):
            return Dropped(reason, message.packet)
        match parsed:
            case incoming.SharedFrameTopic(doorbell):
                return self._parse_shared_frame(message, doorbell, now_s, now_at)
            case incoming.FrameTopic(doorbell):
                return self._parse_frame(message, doorbell, now_s, now_at)
            case incoming.PressTopic(doorbell):
                return _pressed(message, doorbell, now_s, now_at)
            case incoming.AgentCommandTopic(command):
                return self._parse_command(message, command)
            case incoming.AgentOptionTopic(option):
                return self._parse_option(message, Setting(option))
            case incoming.DoorbellOptionTopic(doorbell, option):
                return self._parse_option(message, Setting(option, doorbell))
            case _:
                return self._parse_source(message, now_s, now_at)

    def _reason_to_drop(self, message: Message, parsed: incoming.IncomingTopic | None) -> DropReason | None:
        """Return why this agent drops a message on its own topics, or None."""
        is_frame = isinstance(parsed, incoming.FrameTopic | incoming.SharedFrameTopic)
        if parsed is not None and self._is_outdated(message, is_frame=is_frame):
            return DropReason.RETAINED
        match parsed:
            case incoming.FrameTopic(doorbell) | incoming.PressTopic(doorbell) | incoming.DoorbellOptionTopic(doorbell):
                return None if self._limits.is_ours(doorbell) else DropReason.OTHER_AGENT
            case _:
                return None

    def _is_outdated(self, message: Message, *, is_frame: bool) -> bool:
        """Return whether a message is retained and of no use; a press or a command of long ago never is of use."""
        return message.retained and not (is_frame and self._limits.accept_retained)

    @staticmethod
    def _parse_command(message: Message, command: str) -> Incoming:
        """Take a command; only `remove` has a value, and that names a doorbell."""
        value = message.payload.decode("ascii", errors="replace") if command == "remove" else ""
        if command == "remove" and not topics.is_identifier(value):
            return Dropped(DropReason.COMMAND, message.packet)
        reply_to = ReplyTo(message.response_topic, message.correlation_data) if message.response_topic else None
        return Command(command, message.packet, value, reply_to)

    @staticmethod
    def _parse_option(message: Message, setting: Setting) -> Incoming:
        """Parse an option with its raw value; the options validate it later."""
        if len(message.payload) > LONGEST_VALUE or not message.payload.isascii():
            return Dropped(DropReason.OPTION, message.packet)
        return OptionSet(replace(setting, value=message.payload.decode("ascii")), message.packet)

    def _parse_source(self, message: Message, now_s: float, now_at: datetime) -> Incoming:
        """Parse a message of another publisher's topics."""
        about = read_source(self._sources, message.topic)
        if about is None or not self._limits.is_ours(about.doorbell):
            return _unwanted(message, about)
        if about.needs_earlier:
            return SourceSignal(about, message, now_s, now_at)
        if self._is_outdated(message, is_frame=about.role is Role.FRAME):
            return Dropped(DropReason.RETAINED, message.packet)
        if about.role is Role.FRAME:
            return self._parse_frame(message, about.doorbell, now_s, now_at, about.source, about.display_name)
        if is_press(about.source, message.payload):
            return press_of(SourceSignal(about, message, now_s, now_at))
        return Dropped(DropReason.NO_PRESS, message.packet)

    def _parse_shared_frame(self, message: Message, doorbell: str, now_s: float, now_at: datetime) -> Incoming:
        """Parse a shared frame; it is never a press, since a press belongs to its doorbell's own agent."""
        arrived = self._parse_frame(message, doorbell, now_s, now_at)
        if not isinstance(arrived, Arrival):
            return arrived
        trigger = max(arrived.frame.trigger, Trigger.MOTION)
        return replace(arrived, frame=replace(arrived.frame, shared=True, trigger=trigger))

    def _parse_frame(  # noqa: PLR0913, PLR0917 - a message, its doorbell, its times, its source
        self,
        message: Message,
        doorbell: str,
        now_s: float,
        now_at: datetime,
        source: Source = OWN,
        display_name: str = "",
    ) -> Incoming:
        arrival = read_frame(
            message,
            doorbell,
            self._limits.image,
            now_s=now_s,
            now_at=now_at,
            default=source.trigger,
            picture_path=source.frame_path,
        )
        arrival = replace(arrival, display_name=display_name, awaits_time=bool(source.frame_time))
        if message.retained and arrival.frame.trigger is Trigger.PRESS:
            arrival = replace(arrival, frame=replace(arrival.frame, trigger=Trigger.CONTINUOUS))
        waiting = self._waiting()
        if arrival.frame.trigger is not Trigger.PRESS and waiting > self._limits.most_waiting:
            return Dropped(DropReason.OVERLOAD, message.packet)
        if waiting > self._limits.most_presses_waiting:
            return replace(arrival, frame=replace(arrival.frame, image=b""), failure=TOO_MANY)
        return arrival

    def _may_be_answered(self, topic: str) -> bool:
        """Return whether replies to a topic are allowed: not if a source would take them for a press."""
        return self._limits.may_be_answered(topic) and read_source(self._sources, topic) is None


def _unwanted(message: Message, about: SourceMessage | None) -> Dropped:
    """Drop a message of nobody, or of another agent's doorbell."""
    if about is not None:
        return Dropped(DropReason.OTHER_AGENT, message.packet)
    return Dropped(DropReason.TOPIC, message.packet, message.topic if incoming.names_doorbell(message.topic) else "")


def press_of(signal: SourceSignal) -> Pressed:
    """Return the press that a source's message means."""
    about, message = signal.about, signal.message
    return replace(
        _pressed(message, about.doorbell, signal.received_s, signal.received_at),
        display_name=about.display_name,
        snapshot_request=about.snapshot_request,
        snapshot_payload=about.source.snapshot_payload,
    )


def _pressed(message: Message, doorbell: str, now_s: float, now_at: datetime) -> Pressed:
    """Return a press. MQTT gives its packet no other identity than the id, which later packets get again."""
    content = hashlib.blake2b(message.payload, digest_size=8).hexdigest()
    identity = f"{message.packet.packet_id}/{doorbell}/{content}" if message.packet else ""
    return Pressed(doorbell, now_s, now_at, message.packet, message.duplicate, identity)


def _parse_notice(message: Message, parsed: incoming.IncomingTopic | None) -> Request | None:
    """Parse what Home Assistant and other agents tell of themselves, retained or not; None for another message."""
    match parsed:
        case incoming.HomeAssistantStatusTopic():
            return HomeAssistantBirth(message.packet) if message.payload == ONLINE else Ignored(message.packet)
        case incoming.HomeAssistantDeviceTopic():
            return _parse_device(message)
        case incoming.AgentAvailabilityTopic(agent):
            return AgentAvailability(agent, message.payload == ONLINE, message.packet)
        case _:
            return None


def _parse_device(message: Message) -> Request:
    """Parse a device announcement; one that is not retained may be our own, sent back to us."""
    if len(message.payload) <= LARGEST_DEVICE:
        return DiscoveryMessage(message.topic, message.payload, message.retained, message.packet)
    return Ignored(message.packet)
