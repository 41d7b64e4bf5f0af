"""The agent and its doorbells as Home Assistant devices."""

from edge_agent.home_assistant.agent_device import agent_device
from edge_agent.home_assistant.claims import Claims, fault_of
from edge_agent.home_assistant.display_names import DisplayNames
from edge_agent.home_assistant.doorbell_device import doorbell_device
from edge_agent.home_assistant.entity_events import EntityEvents
from edge_agent.home_assistant.host_facts import HostFacts, page_url
from edge_agent.home_assistant.lifecycle import HomeAssistant
from edge_agent.home_assistant.retained_devices import Claimed, Deleted, Outdated, Restored
from edge_agent.home_assistant.selectable import SelectableStrategies

__all__ = [
    "Claimed",
    "Claims",
    "Deleted",
    "DisplayNames",
    "EntityEvents",
    "HomeAssistant",
    "HostFacts",
    "Outdated",
    "Restored",
    "SelectableStrategies",
    "agent_device",
    "doorbell_device",
    "fault_of",
    "page_url",
]
