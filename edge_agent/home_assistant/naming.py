"""Names shared by the agent's and the doorbells' devices. Pure."""

from __future__ import annotations

from typing import Final

ORIGIN: Final = "edge-agent"
MANUFACTURER: Final = "edge-agent"


def agent_discovery_id(agent_id: str) -> str:
    """Return the agent's discovery id, which is its device identifier too."""
    return f"edge_agent_{agent_id}"


def doorbell_discovery_id(doorbell: str) -> str:
    """Return a doorbell's discovery id; it never equals an agent's."""
    return f"edge_doorbell_{doorbell}"


def doorbell_of(discovery_id: str) -> str:
    """Return the doorbell of a discovery id, or '' if it is not a doorbell's."""
    prefix = doorbell_discovery_id("")
    return discovery_id.removeprefix(prefix) if discovery_id.startswith(prefix) else ""


def agent_of(discovery_id: str) -> str:
    """Return the agent of a discovery id, or '' if it is not an agent's."""
    prefix = agent_discovery_id("")
    return discovery_id.removeprefix(prefix) if discovery_id.startswith(prefix) else ""


def json_key(key: str) -> str:
    """Return the template that reads a key of a JSON message."""
    return f"{{{{ value_json.{key} }}}}"
