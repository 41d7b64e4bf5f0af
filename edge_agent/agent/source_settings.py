"""The sources and topics of the settings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from edge_agent import topics
from edge_agent.domain import Trigger
from edge_agent.ingest.adapters import Source
from edge_agent.ingest.partition import ANY, Partition
from edge_agent.ingest.presets import preset_sources

if TYPE_CHECKING:
    from edge_agent.settings.model import Settings
    from edge_agent.settings.sources import SourceSettings

TOPICS_SHOWN: Final = 4


def frame_topics(settings: Settings) -> str:
    """Return the frame topics for a log line; of many, only the first few."""
    levels = Partition(settings.doorbells.include).levels()
    own = [topics.frame("<id>" if level == ANY else level) for level in levels]
    others = [each.frame or each.press for each in sources_of(settings)]
    found = [*own, *others]
    more = f" and {len(found) - TOPICS_SHOWN} more" if len(found) > TOPICS_SHOWN else ""
    return f"{', '.join(found[:TOPICS_SHOWN])}{more}"


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
