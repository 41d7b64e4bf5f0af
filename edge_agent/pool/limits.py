"""The limits of the pool."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edge_agent.pool.accelerators import ProbeLimits
    from edge_agent.pool.frame_queue import QueueLimits
    from edge_agent.pool.restart_policy import RestartLimits


@dataclass(frozen=True, slots=True)
class PoolLimits:
    """The limits of a pool; `max_jobs` and `max_age_s` of a worker: 0 means no limit.

    `accelerator_timeout_s` replaces `job_timeout_s` for a worker with an accelerator.
    """

    workers: int
    start_timeout_s: float
    job_timeout_s: float
    max_attempts: int
    retry_delay_s: float
    press_expiry_s: float
    memory_limit_bytes: int
    max_jobs: int
    max_age_s: float
    restart: RestartLimits
    queue: QueueLimits
    accelerator_timeout_s: float
    probe: ProbeLimits
