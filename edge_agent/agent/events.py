"""The events that the agent's thread receives, and the queue that carries them."""

from __future__ import annotations

import queue
from dataclasses import dataclass

from edge_agent.capture.views import CamerasChanged
from edge_agent.domain import Outcome, Packet
from edge_agent.doorbells.journal_file import JournalWritten
from edge_agent.ingest.frames import Arrival
from edge_agent.ingest.router import Dropped, Pressed, Request, SourceSignal
from edge_agent.mqtt.link import LinkDown, LinkUp
from edge_agent.pool.views import PoolView


@dataclass(frozen=True, slots=True)
class PublishReply:
    """The broker acknowledged one of our packets, or `refused` it; `without_subscriber`: its topic has none."""

    packet: Packet
    refused: bool = False
    without_subscriber: bool = False


@dataclass(frozen=True, slots=True)
class Subscribed:
    """The broker answered a subscription; `refused` holds all topic filters that it rejects at present."""

    refused: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StopRequested:
    """The agent should finish its work and exit."""


@dataclass(frozen=True, slots=True)
class PoolStopped:
    """Every worker has ended; no more outcomes follow."""


@dataclass(frozen=True, slots=True)
class PoolCrashed:
    """The pool's own thread has failed, which is a bug: detection has stopped."""


AgentEvent = (
    Arrival
    | Pressed
    | SourceSignal
    | Request
    | Dropped
    | Outcome
    | PoolView
    | CamerasChanged
    | LinkUp
    | LinkDown
    | PublishReply
    | JournalWritten
    | Subscribed
    | StopRequested
    | PoolStopped
    | PoolCrashed
)
Inbox = queue.SimpleQueue[AgentEvent]
