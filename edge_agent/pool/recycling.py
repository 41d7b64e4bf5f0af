"""Which idle workers are replaced because they are too large, too old, or asked to go. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge_agent.domain import SlotState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edge_agent.pool.limits import PoolLimits
    from edge_agent.pool.slot import Slot


def should_recycle(slot: Slot, limits: PoolLimits, now: float) -> bool:
    """Return whether the worker of a slot is to be replaced as soon as it can be spared.

    What the driver of an accelerator takes is its own affair: the limit on memory is for those without one.
    """
    return (
        slot.replace
        or (slot.accelerator is None and slot.memory_bytes > limits.memory_limit_bytes)
        or 0 < limits.max_jobs <= slot.jobs_of_worker
        or 0 < limits.max_age_s <= now - slot.started_s
    )


def can_be_spared(slot: Slot, slots: Sequence[Slot]) -> bool:
    """Return whether a slot's worker is idle, and another one could take a frame meanwhile, if there is another."""
    others = [other for other in slots if other is not slot]
    return slot.state is SlotState.IDLE and (
        not others or any(other.state in {SlotState.IDLE, SlotState.BUSY} for other in others)
    )
