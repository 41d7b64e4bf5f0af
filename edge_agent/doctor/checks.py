"""All that is examined, in the order in which it matters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge_agent.doctor.broker_checks import check_broker
from edge_agent.doctor.camera_checks import check_cameras
from edge_agent.doctor.detector_checks import check_detectors
from edge_agent.doctor.host_checks import check_host
from edge_agent.doctor.source_checks import check_sources

if TYPE_CHECKING:
    from collections.abc import Iterator

    from edge_agent.doctor.finding import Finding
    from edge_agent.settings.model import Settings


def run_checks(settings: Settings) -> Iterator[Finding]:
    """Yield every finding, as soon as there is one."""
    yield from check_broker(settings)
    yield from check_sources(settings)
    yield from check_cameras(settings)
    yield from check_detectors(settings)
    yield from check_host(settings)
