"""`edge-agent forget`: a doorbell that is no more leaves the broker and Home Assistant."""

from __future__ import annotations

import queue
import secrets
import time
from typing import TYPE_CHECKING, Final

from edge_agent import topics
from edge_agent.errors import BrokerLostError, EdgeAgentError, SettingsError
from edge_agent.model import Publication
from edge_agent.mqtt.connection import Connection, ConnectionEvents

if TYPE_CHECKING:
    from edge_agent.model import Message
    from edge_agent.settings import Settings

WAIT_S: Final = 5.0
RETAINED_S: Final = 1.0
"""How long the broker may take to send what it retains: it begins as soon as it is asked."""


def forget_doorbell(settings: Settings, doorbell: str) -> None:
    """Ask the agent to remove a doorbell, and wait until it has; raise EdgeAgentError where it does not."""
    if not topics.is_identifier(doorbell):
        message = f"{doorbell!r} cannot name a doorbell: use 1 to 64 letters, digits, _ or -"
        raise SettingsError(message)
    if not settings.mqtt.host:
        message = "no broker is named: give --host, or set EDGE_AGENT_MQTT__HOST"
        raise SettingsError(message)
    heard: queue.SimpleQueue[Message] = queue.SimpleQueue()
    connection = Connection(
        settings.mqtt,
        client_id=f"edge_agent-forget-{secrets.token_hex(4)}",
        events=ConnectionEvents(message=heard.put),
    )
    connection.open()
    try:
        _require_known(connection, heard, doorbell)
        command = topics.agent_command(settings.agent_id, "forget")
        if not connection.publish(Publication(command, doorbell.encode(), qos=1)).wait(WAIT_S):
            message = f"the broker did not take the command within {WAIT_S:g} s"
            raise BrokerLostError(message)
        _wait_until_cleared(heard, settings.agent_id)
    finally:
        connection.close()
    print(f"{doorbell} is forgotten; it comes back with its next frame")  # noqa: T201 - output of a command


def _require_known(connection: Connection, heard: queue.SimpleQueue[Message], doorbell: str) -> None:
    """Raise EdgeAgentError where the broker retains nothing of a doorbell; listen to its state from here on."""
    connection.subscribe([topics.doorbell_availability("+")], qos=1)
    names = sorted({found[0] for topic in _retained(heard) if (found := topics.of_doorbell(topic))})
    connection.subscribe([topics.doorbell_state(doorbell)], qos=1)
    if doorbell in names:
        return
    connection.subscribe([topics.doorbell_option(doorbell, each) for each in topics.DOORBELL_OPTIONS], qos=1)
    if not any(_retained(heard)):
        there = f"there are {', '.join(names)}" if names else "there is none at all"
        message = f"the broker knows no doorbell {doorbell}; {there}"
        raise EdgeAgentError(message)


def _retained(heard: queue.SimpleQueue[Message]) -> list[str]:
    """Return the topics of what the broker retains of those that were just asked for."""
    found: list[str] = []
    give_up_s = time.monotonic() + RETAINED_S
    while (remaining_s := give_up_s - time.monotonic()) > 0:
        try:
            message = heard.get(timeout=remaining_s)
        except queue.Empty:
            break
        if message.payload:
            found.append(message.topic)
    return found


def _wait_until_cleared(heard: queue.SimpleQueue[Message], agent_id: str) -> None:
    """Wait until nothing is retained of the doorbell any more."""
    give_up_s = time.monotonic() + WAIT_S
    try:
        while heard.get(timeout=max(0.0, give_up_s - time.monotonic())).payload:
            pass
    except queue.Empty:
        message = f"no agent {agent_id} answered within {WAIT_S:g} s: does it run, and is that its name (--agent-id)?"
        raise EdgeAgentError(message) from None
