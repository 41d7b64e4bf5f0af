"""Doorbells that another agent announces while it runs: one that this agent handles too would ring twice. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class Claims:
    """Which agent announced which doorbell last, of those that were seen to announce one and are not offline since."""

    def __init__(self) -> None:
        self._agents: dict[str, str] = {}

    def on_claim(self, doorbell: str, agent: str) -> None:
        """Record that another agent announced a doorbell."""
        self._agents[doorbell] = agent

    def on_withdrawn(self, doorbell: str) -> None:
        """Record that a doorbell was removed."""
        self._agents.pop(doorbell, None)

    def on_offline(self, agent: str) -> None:
        """Record that an agent is gone, with its claims."""
        self._agents = {doorbell: name for doorbell, name in self._agents.items() if name != agent}

    def is_claimed(self, doorbell: str) -> bool:
        """Return whether another agent announced a doorbell."""
        return doorbell in self._agents

    def conflicts(self, active: Iterable[str]) -> dict[str, str]:
        """Return the other agent of each doorbell that sends frames to this one."""
        return {doorbell: self._agents[doorbell] for doorbell in active if doorbell in self._agents}


def fault_of(conflicts: dict[str, str]) -> str:
    """Return conflicts as a sentence, or ''."""
    if not conflicts:
        return ""
    agents, doorbells = sorted(set(conflicts.values())), sorted(conflicts)
    who = f"The agent {agents[0]} handles" if len(agents) == 1 else f"The agents {', '.join(agents)} handle"
    return (
        f"{who} {', '.join(doorbells)}, too: each press rings twice. "
        "Assign each doorbell to one agent (doorbells.include), and give each agent an agent_id of its own"
    )
