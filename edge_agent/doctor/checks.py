"""All that is examined, in the order in which it matters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge_agent.doctor.broker_checks import examine_broker
from edge_agent.doctor.detector_checks import examine_detectors
from edge_agent.doctor.host_checks import examine_machine

if TYPE_CHECKING:
    from collections.abc import Iterator

    from edge_agent.doctor.finding import Finding
    from edge_agent.settings.model import Settings


def examine(settings: Settings) -> Iterator[Finding]:
    """Yield every finding, as soon as there is one."""
    yield from examine_broker(settings)
    yield from examine_detectors(settings)
    yield from examine_machine(settings)
