"""Which idle workers are replaced: too large, too old, or on request. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge_agent.pool.views import SlotState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edge_agent.pool.limits import PoolLimits
    from edge_agent.pool.slot import Slot


def should_recycle(slot: Slot, limits: PoolLimits, now: float) -> bool:
    """Return whether the worker of a slot should be replaced as soon as possible.

    The memory limit is for workers without an accelerator, whose driver may need more.
    """
    return (
        slot.replace
        or (slot.accelerator is None and slot.memory_bytes > limits.memory_limit_bytes)
        or 0 < limits.max_jobs <= slot.jobs_of_worker
        or 0 < limits.max_age_s <= now - slot.started_s
    )


def can_be_spared(slot: Slot, slots: Sequence[Slot]) -> bool:
    """Return whether a slot's worker is idle, and another one, if there is any, can take a frame meanwhile."""
    others = [other for other in slots if other is not slot]
    return slot.state is SlotState.IDLE and (
        not others or any(other.state in {SlotState.IDLE, SlotState.BUSY} for other in others)
    )
