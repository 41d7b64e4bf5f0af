"""Tries every camera of the settings, each in a process of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge_agent.capture.specs import camera_specs
from edge_agent.capture.trial import try_camera
from edge_agent.doctor.camera_rules import assess_camera
from edge_agent.mqtt.access import BrokerAccess

if TYPE_CHECKING:
    from collections.abc import Iterator

    from edge_agent.doctor.finding import Finding
    from edge_agent.settings.model import Settings


def check_cameras(settings: Settings) -> Iterator[Finding]:
    """Yield what there is to say of each camera; a wrong password is tried once."""
    for spec in camera_specs(settings):
        yield from assess_camera(spec.doorbell, spec.shown, try_camera(spec, BrokerAccess.of(settings.mqtt)))
