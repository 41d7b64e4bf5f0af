"""What the broker delivers, sorted and checked on its network thread: quick, bounded, and it never publishes."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from edge_agent import topics
from edge_agent.ingest import ImageLimits, read_frame
from edge_agent.model import Arrival, DropReason, Failure, Message, Packet, ReplyTo, Setting, Trigger
from edge_agent.sources import Source, SourceFrame, SourceOther, SourcePress, read_source
from edge_agent.wire import FailureReason

if TYPE_CHECKING:
    from collections.abc import Callable

BIRTH: Final = b"online"
LARGEST_DEVICE: Final = 1_000_000
"""Bytes of a device that is announced; ours have about 20,000."""
LONGEST_VALUE: Final = 32
"""Bytes of an option's value."""
"""The doorbell is another agent's."""
TOO_MANY = Failure(FailureReason.OVERLOAD, "too many messages were waiting")


@dataclass(frozen=True, slots=True)
class Pressed:
    """A doorbell was pressed. `repeated` tells that the broker delivered this once before."""

    doorbell: str
    pressed_s: float
    pressed_at: datetime
    packet: Packet | None
    repeated: bool


@dataclass(frozen=True, slots=True)
class Commanded:
    """The agent is to do something once; `reply_to` is where its sender wants to hear of it."""

    command: str
    packet: Packet | None
    value: str = ""
    reply_to: ReplyTo | None = None


@dataclass(frozen=True, slots=True)
class Dropped:
    """A message that was not used, and why."""

    reason: DropReason
    packet: Packet | None = None


@dataclass(frozen=True, slots=True)
class OptionSet:
    """An option is to be set."""

    setting: Setting
    packet: Packet | None


@dataclass(frozen=True, slots=True)
class Announced:
    """A device that the broker has retained for Home Assistant, whoever announced it."""

    topic: str
    payload: bytes
    packet: Packet | None


@dataclass(frozen=True, slots=True)
class HomeAssistantBorn:
    """Home Assistant has started."""

    packet: Packet | None


@dataclass(frozen=True, slots=True)
class Ignored:
    """A message that changes nothing."""

    packet: Packet | None


Incoming = Arrival | Pressed | Commanded | OptionSet | Announced | HomeAssistantBorn | Ignored | Dropped


@dataclass(frozen=True, slots=True)
class IntakeLimits:
    """What is taken on.

    When more than `most_waiting` messages wait for the agent, ordinary frames are dropped; when more than
    `most_presses_waiting` do, press frames are answered `overload`. `is_ours` tells whether a doorbell is this agent's,
    `may_be_answered` whether an answer may go to a topic that the sender names.
    """

    image: ImageLimits
    accept_retained: bool
    most_waiting: int
    most_presses_waiting: int
    is_ours: Callable[[str], bool] = lambda _doorbell: True
    may_be_answered: Callable[[str], bool] = topics.may_be_answered


class Intake:
    """Turns messages into what the agent deals with.

    `parse` tells what a topic means, `waiting` how much the agent has not dealt with yet.
    """

    def __init__(
        self,
        parse: Callable[[str], topics.IncomingTopic | None],
        sources: tuple[Source, ...],
        limits: IntakeLimits,
        deliver: Callable[[Incoming], None],
        waiting: Callable[[], int],
    ) -> None:
        self._parse = parse
        self._sources = sources
        self._limits = limits
        self._deliver = deliver
        self._waiting = waiting

    def take(self, message: Message) -> None:
        """Take a message in."""
        if message.response_topic and not self._may_be_answered(message.response_topic):
            message = replace(message, response_topic="")
        self._deliver(self._sort(message, time.monotonic(), datetime.now(UTC)))

    def drop(self, reason: DropReason) -> None:
        """Count a message that could not even be read."""
        self._deliver(Dropped(reason))

    def _sort(self, message: Message, now_s: float, now_at: datetime) -> Incoming:  # noqa: PLR0911 - a table: one line a topic
        meaning = self._parse(message.topic)
        match meaning:
            case topics.HomeAssistantStatusTopic():
                return HomeAssistantBorn(message.packet) if message.payload == BIRTH else Ignored(message.packet)
            case topics.HomeAssistantDeviceTopic():
                return _sort_device(message)
            case _:
                pass
        if reason := self._reason_to_drop(message, meaning):
            return Dropped(reason, message.packet)
        match meaning:
            case topics.SharedFrameTopic(doorbell):
                return self._sort_shared_frame(message, doorbell, now_s, now_at)
            case topics.FrameTopic(doorbell):
                return self._sort_frame(message, SourceFrame(doorbell, Trigger.CONTINUOUS), now_s, now_at)
            case topics.PressTopic(doorbell):
                return Pressed(doorbell, now_s, now_at, message.packet, message.duplicate)
            case topics.AgentCommandTopic(command):
                return self._sort_command(message, command)
            case topics.AgentOptionTopic(option):
                return self._sort_setting(message, Setting(option))
            case topics.DoorbellOptionTopic(doorbell, option):
                return self._sort_setting(message, Setting(option, doorbell))
            case _:
                return self._sort_source(message, now_s, now_at)

    def _reason_to_drop(self, message: Message, meaning: topics.IncomingTopic | None) -> DropReason | None:
        """Return why a message is none that this agent takes, or None."""
        if message.retained and not self._limits.accept_retained:
            return DropReason.RETAINED
        match meaning:
            case topics.FrameTopic(doorbell) | topics.PressTopic(doorbell) | topics.DoorbellOptionTopic(doorbell):
                return None if self._limits.is_ours(doorbell) else DropReason.OTHER_AGENT
            case _:
                return None

    @staticmethod
    def _sort_command(message: Message, command: str) -> Incoming:
        """Take a command; only `forget` has a value, and that names a doorbell."""
        value = message.payload.decode("ascii", errors="replace") if command == "forget" else ""
        if command == "forget" and not topics.is_identifier(value):
            return Dropped(DropReason.COMMAND, message.packet)
        reply_to = ReplyTo(message.response_topic, message.correlation_data) if message.response_topic else None
        return Commanded(command, message.packet, value, reply_to)

    @staticmethod
    def _sort_setting(message: Message, setting: Setting) -> Incoming:
        """Take the value as it is, if it can be one: which ones are possible is for others to know."""
        if len(message.payload) > LONGEST_VALUE or not message.payload.isascii():
            return Dropped(DropReason.OPTION, message.packet)
        return OptionSet(replace(setting, value=message.payload.decode("ascii")), message.packet)

    def _sort_source(self, message: Message, now_s: float, now_at: datetime) -> Incoming:
        """Deal with a message of another publisher, or of nobody."""
        match read_source(self._sources, message.topic, message.payload):
            case SourceFrame(doorbell) | SourcePress(doorbell) if not self._limits.is_ours(doorbell):
                return Dropped(DropReason.OTHER_AGENT, message.packet)
            case SourceFrame() as meant:
                return self._sort_frame(message, meant, now_s, now_at)
            case SourcePress(doorbell):
                return Pressed(doorbell, now_s, now_at, message.packet, message.duplicate)
            case SourceOther():
                return Dropped(DropReason.NO_PRESS, message.packet)
            case None:
                return Dropped(DropReason.TOPIC, message.packet)

    def _sort_shared_frame(self, message: Message, doorbell: str, now_s: float, now_at: datetime) -> Incoming:
        """Take a frame for its own sake: a press would be for the one agent whose doorbell it is."""
        incoming = self._sort_frame(message, SourceFrame(doorbell, Trigger.CONTINUOUS), now_s, now_at)
        if not isinstance(incoming, Arrival):
            return incoming
        trigger = max(incoming.frame.trigger, Trigger.MOTION)
        return replace(incoming, frame=replace(incoming.frame, shared=True, trigger=trigger))

    def _sort_frame(self, message: Message, meant: SourceFrame, now_s: float, now_at: datetime) -> Incoming:
        limits = self._limits.image
        arrival = read_frame(message, meant.doorbell, limits, now_s=now_s, now_at=now_at, default=meant.trigger)
        waiting = self._waiting()
        if arrival.frame.trigger is not Trigger.PRESS and waiting > self._limits.most_waiting:
            return Dropped(DropReason.OVERLOAD, message.packet)
        if waiting > self._limits.most_presses_waiting:
            return replace(arrival, frame=replace(arrival.frame, image=b""), failure=TOO_MANY)
        return arrival

    def _may_be_answered(self, topic: str) -> bool:
        """Return whether an answer may go to a topic: to none that a source of ours would take for a press."""
        return self._limits.may_be_answered(topic) and read_source(self._sources, topic, b"") is None


def _sort_device(message: Message) -> Incoming:
    """Take a device that the broker has retained; one that it passes on may be our own, come back to us."""
    if message.retained and len(message.payload) <= LARGEST_DEVICE:
        return Announced(message.topic, message.payload, message.packet)
    return Ignored(message.packet)
