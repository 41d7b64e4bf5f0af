"""The log: one line an event, for people or for programs, without secrets and without floods."""

from edge_agent.logs.handler import set_up

__all__ = ["set_up"]
