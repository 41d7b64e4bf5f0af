"""The strategies that a user can select on this host. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from edge_agent.domain import AUTO
from edge_agent.pool.views import AcceleratorState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edge_agent.pool.views import PoolView

ABSENT: Final = frozenset({AcceleratorState.PROBING, AcceleratorState.UNAVAILABLE})
"""An accelerator in one of these states may never have been present."""


class SelectableStrategies:
    """`auto` and the settings' strategies that this host has: an accelerator counts once it was seen."""

    def __init__(self, strategies: Sequence[str]) -> None:
        self._strategies = tuple(strategies)
        self._seen: set[str] = set()

    def without_pool(self, selected: str) -> tuple[str, ...]:
        """Return the selectable strategies before anything is known of the host."""
        return tuple(each for each in self._strategies if each in {AUTO, selected})

    def on_pool_view(self, view: PoolView, selected: str) -> tuple[str, ...]:
        """Return the selectable strategies; the selected one is always among them."""
        self._seen |= {each.strategy for each in view.accelerators if each.state not in ABSENT}
        unseen = {each.strategy for each in view.accelerators} - self._seen
        absent = unseen | {each.strategy for each in view.missing}
        return tuple(each for each in self._strategies if each in {AUTO, selected} or each not in absent)
