"""What to report about other publishers. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from edge_agent.doctor.finding import Finding, ok, warning

if TYPE_CHECKING:
    from collections.abc import Mapping

    from edge_agent.domain import ImageHeader

FRIGATE_DEFAULT_HEIGHT: Final = 270
"""The height of Frigate's MQTT snapshots, unless its settings say otherwise: crops around the person."""
SMALLEST_HEIGHT: Final = 480
"""Below this height, a person's face has too few pixels as a rule."""
MOST_LISTED: Final = 3
FRIGATE_FIX: Final = (
    "set in Frigate, for each camera: mqtt: {crop: false, height: 1080, bounding_box: false, timestamp: false}"
    " (docs/cameras.md#frigate)"
)


def assess_frigate(snapshots: Mapping[str, ImageHeader]) -> Finding:
    """Return whether Frigate's snapshots are large enough for faces; by topic."""
    if not snapshots:
        return ok("frigate", "no snapshot of a person is on the broker yet, so its size is unknown")
    small = [
        f"{topic} {each.width}x{each.height}" for topic, each in snapshots.items() if each.height < SMALLEST_HEIGHT
    ]
    if not small:
        return ok("frigate", f"{len(snapshots)} snapshots are large enough for faces")
    more = f" and {len(small) - MOST_LISTED} more" if len(small) > MOST_LISTED else ""
    text = f"snapshots are small crops (Frigate's default height is {FRIGATE_DEFAULT_HEIGHT}), so faces are missed: "
    return warning("frigate", f"{text}{', '.join(small[:MOST_LISTED])}{more}", FRIGATE_FIX)
