"""The known publishers: their topics and values, as in their documentation or source. Data, and how it is filled in.

docs/cameras.md says of each what it cannot do, and config/acl.example has its topics.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from edge_agent.domain import Trigger
from edge_agent.ingest.adapters import NAMED_LEVEL, Source

if TYPE_CHECKING:
    from collections.abc import Mapping

BASE: Final = "{base}"
"""Stands for the base topic, which users of the publisher can change."""


@dataclass(frozen=True, slots=True)
class Preset:
    """A publisher: its default base topic, and its sources."""

    base: str
    sources: tuple[Source, ...]


_RING: Final = "{base}/+/camera/{doorbell}"

PRESETS: Final[Mapping[str, Preset]] = {
    "ring-mqtt": Preset(
        "ring",
        (
            Source(
                frame=f"{_RING}/snapshot/image",
                frame_time=f"{_RING}/snapshot/attributes",
                frame_time_path="timestamp",
                press=f"{_RING}/ding/state",
                press_payload=("ON",),
                press_time=f"{_RING}/ding/attributes",
                press_time_path="lastDing",
                availability=f"{_RING}/status",
            ),
        ),
    ),
    "wyze-bridge": Preset(
        "wyzebridge", (Source(frame="{base}/{doorbell}/image"), Source(frame="{base}/{doorbell}/thumbnail"))
    ),
    "frigate": Preset("frigate", (Source(frame="{base}/{doorbell}/person/snapshot", trigger=Trigger.MOTION),)),
    "amcrest2mqtt": Preset(
        "amcrest2mqtt",
        (
            Source(
                frame="{base}/{doorbell}/image/snapshot",
                press="{base}/{doorbell}/doorbell",
                press_payload=("on",),
                press_edge=True,
                availability="{base}/{doorbell}/availability",
            ),
            Source(frame="{base}/{doorbell}/image/motion_snapshot", trigger=Trigger.MOTION),
        ),
    ),
    "homebridge-unifi-protect": Preset(
        "unifi/protect",
        (
            Source(
                frame="{base}/{doorbell}/snapshot",
                press="{base}/{doorbell}/doorbell",
                press_payload=("true",),
                snapshot_request="{base}/{doorbell}/snapshot/set",
            ),
        ),
    ),
    "blue-iris": Preset(
        "BlueIris",
        (Source(frame="{base}/{doorbell}/alert-image-b64", press="{base}/{doorbell}/press", trigger=Trigger.MOTION),),
    ),
    "dahua-vto": Preset(
        "DahuaVTO",
        (
            Source(
                press="{base}/Invite/Event",
                press_path="Action",
                press_payload=("Pulse", "Start"),
                doorbell="dahua-vto",
            ),
        ),
    ),
    "hikvision": Preset(
        "hmd",
        (
            Source(
                press="{base}/sensor/{doorbell}/Call-state/state",
                press_payload=("ringing", "ring"),
                press_edge=True,
                availability="{base}/sensor/{doorbell}/Call-state/availability",
            ),
        ),
    ),
    "esp32-cam": Preset("esp32-cam", (Source(frame="{base}/{doorbell}/image", press="{base}/{doorbell}/button"),)),
}
"""By the name that users write."""


def preset_sources(name: str, *, base: str = "", doorbell: str = "", display_name: str = "") -> tuple[Source, ...]:
    """Return the sources of a preset, below `base` if its user changed that.

    With a `doorbell`, all of its messages belong to that one.
    """
    preset = PRESETS[name]
    return tuple(_filled(each, base or preset.base, doorbell, display_name) for each in preset.sources)


def _filled(source: Source, base: str, doorbell: str, display_name: str) -> Source:
    def topic(pattern: str) -> str:
        filled = pattern.replace(BASE, base)
        return filled.replace(NAMED_LEVEL, "+") if doorbell else filled

    return replace(
        source,
        frame=topic(source.frame),
        frame_time=topic(source.frame_time),
        press=topic(source.press),
        press_time=topic(source.press_time),
        availability=topic(source.availability),
        snapshot_request=topic(source.snapshot_request),
        doorbell=doorbell or source.doorbell,
        name=display_name,
    )
