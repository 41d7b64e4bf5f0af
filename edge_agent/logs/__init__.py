"""The log: one line per event, as text or JSON, without secrets, rate limited."""

from edge_agent.logs.handler import set_up

__all__ = ["set_up"]
