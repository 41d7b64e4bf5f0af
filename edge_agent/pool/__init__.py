"""The worker pool as the parent process sees it."""

from edge_agent.pool.limits import PoolLimits
from edge_agent.pool.restart_policy import RestartLimits
from edge_agent.pool.supervisor import Pool, WorkerPlan

__all__ = ["Pool", "PoolLimits", "RestartLimits", "WorkerPlan"]
