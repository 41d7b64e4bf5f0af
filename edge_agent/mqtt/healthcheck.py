"""Tell a container whether its agent is online for the broker: `python -m edge_agent.mqtt.healthcheck`."""

from __future__ import annotations

import queue
import sys
from typing import TYPE_CHECKING, Final

from edge_agent import topics
from edge_agent.errors import EdgeAgentError
from edge_agent.mqtt.connection import Connection, ConnectionEvents
from edge_agent.settings_sources import load_settings

if TYPE_CHECKING:
    from edge_agent.model import Message
    from edge_agent.settings import Settings

WAIT_S: Final = 3.0
"""How long a retained message may take to come; it is under way when the subscription is confirmed."""


def is_online(settings: Settings) -> bool:
    """Return whether the agent's retained availability is `online`; raise BrokerUnreachableError without a broker."""
    received: queue.SimpleQueue[Message] = queue.SimpleQueue()
    connection = Connection(
        settings.mqtt,
        client_id=f"edge_agent-{settings.agent_id}-healthcheck",
        events=ConnectionEvents(message=received.put),
    )
    try:
        connection.open()
        connection.subscribe([topics.agent_availability(settings.agent_id)], qos=0)
        return received.get(timeout=WAIT_S).payload == b"online"
    except queue.Empty:
        return False
    finally:
        connection.close()


def main() -> None:
    """Exit with 0 where the agent is online, else with 1 and the reason."""
    try:
        settings = load_settings(None, {})
        if not is_online(settings):
            sys.exit(f"the agent {settings.agent_id} is not online")
    except EdgeAgentError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
