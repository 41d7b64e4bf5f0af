"""The sources of the settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge_agent.domain import Trigger
from edge_agent.ingest.adapters import Source
from edge_agent.ingest.presets import preset_sources

if TYPE_CHECKING:
    from edge_agent.settings.model import Settings
    from edge_agent.settings.sources import SourceSettings


def sources_of(settings: Settings) -> tuple[Source, ...]:
    """Return the sources of all presets and of the user's own topics."""
    return tuple(source for each in settings.sources for source in _sources(each))


def _sources(settings: SourceSettings) -> tuple[Source, ...]:
    if settings.preset:
        return preset_sources(
            settings.preset, base=settings.base, doorbell=settings.doorbell, display_name=settings.name
        )
    return (
        Source(
            frame=settings.frame,
            press=settings.press,
            press_payload=settings.press_payload,
            press_path=settings.press_path,
            doorbell=settings.doorbell,
            trigger=Trigger[settings.trigger.upper()],
            name=settings.name,
            frame_path=settings.frame_path,
            frame_time=settings.frame_time,
            frame_time_path=settings.frame_time_path,
            press_edge=settings.press_edge,
            press_time=settings.press_time,
            press_time_path=settings.press_time_path,
            availability=settings.availability,
            snapshot_request=settings.snapshot_request,
            snapshot_payload=settings.snapshot_payload,
        ),
    )
