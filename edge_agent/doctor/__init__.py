"""Examines all that the agent needs, before it is needed, and says what is wrong and how to mend it."""

from edge_agent.doctor.checks import run_checks
from edge_agent.doctor.finding import Finding, Level

__all__ = ["Finding", "Level", "run_checks"]
