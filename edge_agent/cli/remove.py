"""`edge-agent remove`: remove a doorbell from the broker and from Home Assistant."""

from __future__ import annotations

import queue
import secrets
import time
from typing import TYPE_CHECKING, Final

from edge_agent import topics
from edge_agent.cli.flags import require_broker, require_doorbell_name
from edge_agent.domain import Publication
from edge_agent.errors import BrokerLostError, EdgeAgentError
from edge_agent.mqtt.connection import Connection, ConnectionEvents

if TYPE_CHECKING:
    from edge_agent.domain import Message
    from edge_agent.settings.model import Settings

WAIT_S: Final = 5.0
RETAINED_S: Final = 1.0
"""Time for the broker to send its retained messages; it starts as soon as the client subscribes."""


def remove_doorbell(settings: Settings, doorbell: str) -> None:
    """Ask the agent to remove a doorbell, and wait until it is removed; raise EdgeAgentError if it is not."""
    require_doorbell_name(doorbell)
    require_broker(settings.mqtt)
    received: queue.SimpleQueue[Message] = queue.SimpleQueue()
    connection = Connection(
        settings.mqtt,
        client_id=f"edge_agent-remove-{secrets.token_hex(4)}",
        events=ConnectionEvents(message=received.put),
    )
    connection.open()
    try:
        _require_known(connection, received, doorbell)
        command = topics.agent_command(settings.agent_id, "remove")
        if not connection.publish(Publication(command, doorbell.encode(), qos=1)).wait(WAIT_S):
            message = f"the broker did not confirm the command within {WAIT_S:g} s"
            raise BrokerLostError(message)
        _wait_until_cleared(received, settings.agent_id)
    finally:
        connection.close()
    print(f"removed {doorbell}; its next frame adds it again")  # noqa: T201 - output of a command


def _require_known(connection: Connection, received: queue.SimpleQueue[Message], doorbell: str) -> None:
    """Raise EdgeAgentError if the broker retains nothing about a doorbell; subscribe to the doorbell's state."""
    connection.subscribe([topics.doorbell_availability("+")], qos=1)
    names = sorted({found[0] for topic in _retained(received) if (found := topics.of_doorbell(topic))})
    connection.subscribe([topics.doorbell_state(doorbell)], qos=1)
    if doorbell in names:
        return
    connection.subscribe([topics.doorbell_option(doorbell, each) for each in topics.DOORBELL_OPTIONS], qos=1)
    if not any(_retained(received)):
        known = f"known doorbells: {', '.join(names) or 'none'}"
        message = f"the broker does not know the doorbell {doorbell}; {known}"
        raise EdgeAgentError(message)


def _retained(received: queue.SimpleQueue[Message]) -> list[str]:
    """Return the topics of the retained messages that the broker sends for the new subscriptions."""
    found: list[str] = []
    give_up_s = time.monotonic() + RETAINED_S
    while (remaining_s := give_up_s - time.monotonic()) > 0:
        try:
            message = received.get(timeout=remaining_s)
        except queue.Empty:
            break
        if message.payload:
            found.append(message.topic)
    return found


def _wait_until_cleared(received: queue.SimpleQueue[Message], agent_id: str) -> None:
    """Wait until the broker retains nothing about the doorbell any more."""
    give_up_s = time.monotonic() + WAIT_S
    try:
        while received.get(timeout=max(0.0, give_up_s - time.monotonic())).payload:
            pass
    except queue.Empty:
        message = (
            f"the agent {agent_id} did not answer within {WAIT_S:g} s: check that it runs, and its name (--agent-id)"
        )
        raise EdgeAgentError(message) from None
