"""The meaning of incoming topics. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from edge_agent import topics
from edge_agent.topics import is_identifier


@dataclass(frozen=True, slots=True)
class FrameTopic:
    """A picture of a doorbell."""

    doorbell: str


@dataclass(frozen=True, slots=True)
class SharedFrameTopic:
    """A picture of a doorbell that any agent of a group may process, including other agents' doorbells."""

    doorbell: str


@dataclass(frozen=True, slots=True)
class PressTopic:
    """A doorbell was pressed."""

    doorbell: str


@dataclass(frozen=True, slots=True)
class DoorbellOptionTopic:
    """Sets an option of one doorbell."""

    doorbell: str
    option: str


@dataclass(frozen=True, slots=True)
class AgentOptionTopic:
    """Sets an option of the agent."""

    option: str


@dataclass(frozen=True, slots=True)
class AgentCommandTopic:
    """A one-time command to the agent."""

    command: str


@dataclass(frozen=True, slots=True)
class HomeAssistantStatusTopic:
    """Home Assistant started or stopped."""


@dataclass(frozen=True, slots=True)
class HomeAssistantDeviceTopic:
    """A device is announced to Home Assistant."""


@dataclass(frozen=True, slots=True)
class AgentAvailabilityTopic:
    """An agent came or went."""

    agent: str


IncomingTopic = (
    FrameTopic
    | SharedFrameTopic
    | PressTopic
    | DoorbellOptionTopic
    | AgentOptionTopic
    | AgentCommandTopic
    | HomeAssistantStatusTopic
    | HomeAssistantDeviceTopic
    | AgentAvailabilityTopic
)


def parse(topic: str, agent_id: str, prefix: str = topics.HOME_ASSISTANT) -> IncomingTopic | None:  # noqa: PLR0911 - a table: one line per topic
    """Return the meaning of an incoming topic, or None if it is not ours or names no valid doorbell."""
    match topic.split("/"):
        case ["doorbell", doorbell, "frame"] if is_identifier(doorbell):
            return FrameTopic(doorbell)
        case ["doorbell", doorbell, "shared_frame"] if is_identifier(doorbell):
            return SharedFrameTopic(doorbell)
        case ["doorbell", doorbell, "press"] if is_identifier(doorbell):
            return PressTopic(doorbell)
        case ["doorbell", doorbell, option, "set"] if is_identifier(doorbell) and option in topics.DOORBELL_OPTIONS:
            return DoorbellOptionTopic(doorbell, option)
        case ["edge_agent", agent, option, "set"] if agent == agent_id and option in topics.AGENT_OPTIONS:
            return AgentOptionTopic(option)
        case ["edge_agent", agent, "command", command] if agent == agent_id and command in topics.AGENT_COMMANDS:
            return AgentCommandTopic(command)
        case ["edge_agent", agent, "availability"] if is_identifier(agent):
            return AgentAvailabilityTopic(agent)
        case [*_, "status"] if topic in topics.birth_topics(prefix):
            return HomeAssistantStatusTopic()
        case [*start, "device", _, "config"] if start == prefix.split("/"):
            return HomeAssistantDeviceTopic()
        case _:
            return None


def names_doorbell(topic: str) -> bool:
    """Return whether a topic is that of a doorbell's frames, presses or options, with whatever name."""
    match topic.split("/"):
        case ["doorbell", *name, "frame" | "shared_frame" | "press" | "set"]:
            return topics.NOBODY not in name
        case _:
            return False
