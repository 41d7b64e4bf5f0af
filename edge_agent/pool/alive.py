"""Signs of life of the pool."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PoolLiveness:
    """When the supervisor's thread, and any worker that can take frames, were last seen; monotonic, 0: not yet."""

    supervisor_s: float = 0.0
    worker_s: float = 0.0
