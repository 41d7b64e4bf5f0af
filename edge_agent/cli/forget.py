"""`edge-agent forget`: a doorbell that is no more leaves the broker and Home Assistant."""

from __future__ import annotations

import queue
import secrets
import time
from typing import TYPE_CHECKING, Final

from edge_agent import topics
from edge_agent.errors import BrokerUnreachableError, EdgeAgentError, SettingsError
from edge_agent.model import Publication
from edge_agent.mqtt.connection import Connection, ConnectionEvents

if TYPE_CHECKING:
    from edge_agent.model import Message
    from edge_agent.settings import Settings

WAIT_S: Final = 5.0


def forget_doorbell(settings: Settings, doorbell: str) -> None:
    """Ask the agent to forget a doorbell, and wait until it has; raise EdgeAgentError where it does not."""
    if not topics.is_identifier(doorbell):
        message = f"{doorbell!r} cannot name a doorbell: use 1 to 64 letters, digits, _ or -"
        raise SettingsError(message)
    heard: queue.SimpleQueue[Message] = queue.SimpleQueue()
    connection = Connection(
        settings.mqtt,
        client_id=f"edge_agent-forget-{secrets.token_hex(4)}",
        events=ConnectionEvents(message=heard.put),
    )
    connection.open()
    try:
        connection.subscribe([topics.doorbell_state(doorbell)], qos=1)
        command = topics.agent_command(settings.agent_id, "forget")
        if not connection.publish(Publication(command, doorbell.encode(), qos=1)).wait(WAIT_S):
            message = f"the broker did not take the command within {WAIT_S:g} s"
            raise BrokerUnreachableError(message)
        _wait_until_cleared(heard, settings.agent_id)
    finally:
        connection.close()
    print(f"{doorbell} is forgotten; it comes back with its next frame")  # noqa: T201 - output of a command


def _wait_until_cleared(heard: queue.SimpleQueue[Message], agent_id: str) -> None:
    """Wait until nothing is retained of the doorbell's state."""
    give_up_s = time.monotonic() + WAIT_S
    try:
        while heard.get(timeout=max(0.0, give_up_s - time.monotonic())).payload:
            pass
    except queue.Empty:
        message = f"no agent {agent_id} answered within {WAIT_S:g} s: does it run, and is that its name (--agent-id)?"
        raise EdgeAgentError(message) from None
