"""The settings of the history."""

from __future__ import annotations

from pydantic import Field

from edge_agent.settings.section import Section


class HistorySettings(Section):
    """The history of visits and presses: docs/history.md."""

    enabled: bool = Field(
        default=False, description="Keep a history of visits and presses with pictures, in `state.dir`"
    )
    days: float = Field(30.0, gt=0, le=36500, description="Days after which an entry is deleted")
    max_bytes: int = Field(
        500_000_000, ge=10_000_000, description="Maximum size on disk in bytes; the oldest entries are deleted"
    )
