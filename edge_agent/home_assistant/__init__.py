"""The agent and its doorbells as Home Assistant devices."""

from edge_agent.home_assistant.agent_device import agent_device
from edge_agent.home_assistant.doorbell_device import doorbell_device, doorbell_name
from edge_agent.home_assistant.lifecycle import HomeAssistant

__all__ = ["HomeAssistant", "agent_device", "doorbell_device", "doorbell_name"]
