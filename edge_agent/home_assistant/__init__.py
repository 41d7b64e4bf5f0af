"""The agent and its doorbells as Home Assistant devices."""

from edge_agent.home_assistant.agent_device import agent_device
from edge_agent.home_assistant.doorbell_device import doorbell_device, doorbell_name
from edge_agent.home_assistant.host_facts import HostFacts, page_url
from edge_agent.home_assistant.lifecycle import HomeAssistant
from edge_agent.home_assistant.selectable import SelectableStrategies

__all__ = [
    "HomeAssistant",
    "HostFacts",
    "SelectableStrategies",
    "agent_device",
    "doorbell_device",
    "doorbell_name",
    "page_url",
]
