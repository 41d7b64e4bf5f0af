"""All that the agent's thread is told, and the one queue through which it is."""

from __future__ import annotations

import queue
from dataclasses import dataclass

from edge_agent.domain import Arrival, Outcome, Packet, PoolView
from edge_agent.ingest.router import Command, DiscoveryMessage, Dropped, HomeAssistantBirth, Ignored, OptionSet, Pressed
from edge_agent.mqtt.link import LinkDown, LinkUp


@dataclass(frozen=True, slots=True)
class PublishReply:
    """The broker has a packet of ours, or `refused` it."""

    packet: Packet
    refused: bool = False


@dataclass(frozen=True, slots=True)
class Subscribed:
    """The broker has answered a subscription: `refused` are all topic filters that it does not allow by now."""

    refused: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StopRequested:
    """The agent is to finish and end."""


@dataclass(frozen=True, slots=True)
class PoolStopped:
    """Every worker has ended; no outcome comes any more."""


@dataclass(frozen=True, slots=True)
class PoolCrashed:
    """The pool's own thread has failed, which is a bug: nothing can be looked at any more."""


AgentEvent = (
    Arrival
    | Pressed
    | Command
    | OptionSet
    | DiscoveryMessage
    | HomeAssistantBirth
    | Ignored
    | Dropped
    | Outcome
    | PoolView
    | LinkUp
    | LinkDown
    | PublishReply
    | Subscribed
    | StopRequested
    | PoolStopped
    | PoolCrashed
)
Inbox = queue.SimpleQueue[AgentEvent]
