"""Checks everything that the agent needs, and says what is wrong and how to fix it."""

from edge_agent.doctor.checks import run_checks
from edge_agent.doctor.finding import Finding, Level

__all__ = ["Finding", "Level", "run_checks"]
