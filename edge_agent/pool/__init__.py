"""The worker processes, and what supervises them."""

from edge_agent.pool.accelerators import ProbeLimits
from edge_agent.pool.limits import PoolLimits
from edge_agent.pool.probe import ProbeResult, probe_all
from edge_agent.pool.restart_policy import RestartLimits
from edge_agent.pool.supervisor import Pool
from edge_agent.pool.tasks import WorkerPlan

__all__ = ["Pool", "PoolLimits", "ProbeLimits", "ProbeResult", "RestartLimits", "WorkerPlan", "probe_all"]
