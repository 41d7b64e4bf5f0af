"""Which source reads a camera."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge_agent.capture.camera import Kind

if TYPE_CHECKING:
    from collections.abc import Callable

    from edge_agent.capture.camera import CameraSpec, Source
    from edge_agent.capture.doorbell_events import Meaning
    from edge_agent.capture.home_assistant import EntityEvents
    from edge_agent.capture.tls_tunnel import TunnelEntrance


def open_source(spec: CameraSpec, entrance: TunnelEntrance | None = None) -> Source:
    """Return the source of a camera; raise CaptureError if an extra is missing. Each loads its library only here."""
    match spec.kind:
        case Kind.RTSP:
            from edge_agent.capture.rtsp import RtspSource  # noqa: PLC0415 - see above

            return RtspSource(spec, entrance)
        case Kind.HOME_ASSISTANT:
            from edge_agent.capture.home_assistant import camera_source  # noqa: PLC0415 - see above

            return camera_source(spec)
        case Kind.HTTP:
            from edge_agent.capture.http import HttpSource  # noqa: PLC0415 - see above

            return HttpSource(spec)


def follow_entities(spec: CameraSpec, report: Callable[[Meaning], None]) -> EntityEvents | None:
    """Return what follows the press and motion entities of a camera, None if it has none."""
    if not spec.press_entity and not spec.motion_entity:
        return None
    from edge_agent.capture.home_assistant import EntityEvents  # noqa: PLC0415 - see above

    return EntityEvents(spec, report)
