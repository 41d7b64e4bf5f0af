"""The router: sorts and checks messages on the broker's network thread; fast, bounded, never publishes."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from edge_agent import topics
from edge_agent.domain import DropReason, Failure, Message, Packet, ReplyTo, Setting, Trigger
from edge_agent.ingest.adapters import Source, SourceFrame, SourceOther, SourcePress, read_source
from edge_agent.ingest.frames import Arrival, ImageLimits, read_frame
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
    """A doorbell was pressed. `repeated` is set if the broker delivered this before, under the same `identity`."""

    doorbell: str
    pressed_s: float
    pressed_at: datetime
    packet: Packet | None
    repeated: bool
    identity: str = ""


@dataclass(frozen=True, slots=True)
class Command:
    """A one-time command to the agent; `reply_to` is where its sender expects the result."""

    command: str
    packet: Packet | None
    value: str = ""
    reply_to: ReplyTo | None = None


@dataclass(frozen=True, slots=True)
class Dropped:
    """An unused message, and why it was dropped."""

    reason: DropReason
    packet: Packet | None = None


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
Incoming = Arrival | Pressed | Request | Dropped


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
        parse: Callable[[str], topics.IncomingTopic | None],
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
            case topics.SharedFrameTopic(doorbell):
                return self._parse_shared_frame(message, doorbell, now_s, now_at)
            case topics.FrameTopic(doorbell):
                return self._parse_frame(message, SourceFrame(doorbell, Trigger.CONTINUOUS), now_s, now_at)
            case topics.PressTopic(doorbell):
                return _pressed(message, doorbell, now_s, now_at)
            case topics.AgentCommandTopic(command):
                return self._parse_command(message, command)
            case topics.AgentOptionTopic(option):
                return self._parse_option(message, Setting(option))
            case topics.DoorbellOptionTopic(doorbell, option):
                return self._parse_option(message, Setting(option, doorbell))
            case _:
                return self._parse_source(message, now_s, now_at)

    def _reason_to_drop(self, message: Message, parsed: topics.IncomingTopic | None) -> DropReason | None:
        """Return why this agent drops a message, or None."""
        if message.retained and not (self._limits.accept_retained and self._may_be_retained(parsed, message.topic)):
            return DropReason.RETAINED
        match parsed:
            case topics.FrameTopic(doorbell) | topics.PressTopic(doorbell) | topics.DoorbellOptionTopic(doorbell):
                return None if self._limits.is_ours(doorbell) else DropReason.OTHER_AGENT
            case _:
                return None

    def _may_be_retained(self, parsed: topics.IncomingTopic | None, topic: str) -> bool:
        """Return whether a retained message can be of use: only a frame; a press or a command of long ago never is."""
        if parsed is None:
            return isinstance(read_source(self._sources, topic, b""), SourceFrame)
        return isinstance(parsed, topics.FrameTopic | topics.SharedFrameTopic)

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
        match read_source(self._sources, message.topic, message.payload):
            case SourceFrame(doorbell) | SourcePress(doorbell) if not self._limits.is_ours(doorbell):
                return Dropped(DropReason.OTHER_AGENT, message.packet)
            case SourceFrame() as source_frame:
                return self._parse_frame(message, source_frame, now_s, now_at)
            case SourcePress(doorbell):
                return _pressed(message, doorbell, now_s, now_at)
            case SourceOther():
                return Dropped(DropReason.NO_PRESS, message.packet)
            case None:
                return Dropped(DropReason.TOPIC, message.packet)

    def _parse_shared_frame(self, message: Message, doorbell: str, now_s: float, now_at: datetime) -> Incoming:
        """Parse a shared frame; it is never a press, since a press belongs to its doorbell's own agent."""
        incoming = self._parse_frame(message, SourceFrame(doorbell, Trigger.CONTINUOUS), now_s, now_at)
        if not isinstance(incoming, Arrival):
            return incoming
        trigger = max(incoming.frame.trigger, Trigger.MOTION)
        return replace(incoming, frame=replace(incoming.frame, shared=True, trigger=trigger))

    def _parse_frame(self, message: Message, source_frame: SourceFrame, now_s: float, now_at: datetime) -> Incoming:
        limits = self._limits.image
        arrival = read_frame(
            message, source_frame.doorbell, limits, now_s=now_s, now_at=now_at, default=source_frame.trigger
        )
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
        return self._limits.may_be_answered(topic) and read_source(self._sources, topic, b"") is None


def _pressed(message: Message, doorbell: str, now_s: float, now_at: datetime) -> Pressed:
    """Return a press. MQTT gives its packet no other identity than the id, which later packets get again."""
    content = hashlib.blake2b(message.payload, digest_size=8).hexdigest()
    identity = f"{message.packet.packet_id}/{doorbell}/{content}" if message.packet else ""
    return Pressed(doorbell, now_s, now_at, message.packet, message.duplicate, identity)


def _parse_notice(message: Message, parsed: topics.IncomingTopic | None) -> Request | None:
    """Parse what Home Assistant and other agents tell of themselves, retained or not; None for another message."""
    match parsed:
        case topics.HomeAssistantStatusTopic():
            return HomeAssistantBirth(message.packet) if message.payload == ONLINE else Ignored(message.packet)
        case topics.HomeAssistantDeviceTopic():
            return _parse_device(message)
        case topics.AgentAvailabilityTopic(agent):
            return AgentAvailability(agent, message.payload == ONLINE, message.packet)
        case _:
            return None


def _parse_device(message: Message) -> Request:
    """Parse a device announcement; one that is not retained may be our own, sent back to us."""
    if len(message.payload) <= LARGEST_DEVICE:
        return DiscoveryMessage(message.topic, message.payload, message.retained, message.packet)
    return Ignored(message.packet)
