"""The worker pool as the parent process sees it."""

from edge_agent.pool.core import PoolLimits, PoolView
from edge_agent.pool.restart_policy import RestartLimits
from edge_agent.pool.slot import SlotState, WorkerView
from edge_agent.pool.supervisor import Pool, WorkerPlan

__all__ = ["Pool", "PoolLimits", "PoolView", "RestartLimits", "SlotState", "WorkerPlan", "WorkerView"]
