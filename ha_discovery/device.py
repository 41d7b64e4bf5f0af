"""What a discovery says once for all its components: who sends it, which device it is, when that is available."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, get_args

from ha_discovery.checks import check_one_of, check_text, check_topic, refuse

AvailabilityMode = Literal["all", "any", "latest"]


@dataclass(frozen=True, slots=True)
class Origin:
    """The program that sends the discovery; Home Assistant names it in its log."""

    name: str
    sw_version: str | None = None
    support_url: str | None = None

    def __post_init__(self) -> None:
        """Refuse an origin without a name."""
        check_text("origin name", self.name)
        _check_url("origin support_url", self.support_url, ("http://", "https://"))


@dataclass(frozen=True, slots=True)
class Device:
    """A device. `via_device` is an identifier of the device that this one is reached through."""

    name: str
    identifiers: tuple[str, ...] = ()
    connections: tuple[tuple[str, str], ...] = ()
    manufacturer: str | None = None
    model: str | None = None
    model_id: str | None = None
    sw_version: str | None = None
    hw_version: str | None = None
    serial_number: str | None = None
    suggested_area: str | None = None
    configuration_url: str | None = None
    via_device: str | None = None

    def __post_init__(self) -> None:
        """Refuse a device that Home Assistant could not tell from others."""
        check_text("device name", self.name)
        if not self.identifiers and not self.connections:
            refuse(f"device {self.name!r}", "needs an identifier or a connection")
        if isinstance(self.identifiers, str):
            refuse(f"device {self.name!r}", "identifiers must be a tuple of texts")
        if self.via_device in self.identifiers:
            refuse(f"device {self.name!r}", "cannot be reached via itself")
        _check_url("configuration_url", self.configuration_url, ("http://", "https://", "homeassistant://"))


@dataclass(frozen=True, slots=True)
class AvailabilityTopic:
    """A topic that says whether something is available."""

    topic: str
    payload_available: str = "online"
    payload_not_available: str = "offline"
    value_template: str | None = None

    def __post_init__(self) -> None:
        """Refuse a topic that cannot say both."""
        check_topic("availability topic", self.topic)
        if self.payload_available == self.payload_not_available:
            refuse(f"availability topic {self.topic}", f"{self.payload_available!r} cannot mean both on and off")


@dataclass(frozen=True, slots=True)
class Availability:
    """When something is available: when `mode` of its topics say so; without topics always.

    Home Assistant's other notation, `availability_topic`, excludes this one; so there is only this one.
    """

    topics: tuple[AvailabilityTopic, ...] = ()
    mode: AvailabilityMode = "all"

    def __post_init__(self) -> None:
        """Refuse an unknown mode."""
        check_one_of("availability mode", self.mode, get_args(AvailabilityMode))


ALWAYS_AVAILABLE: Final = Availability()
"""For a component that stays available when its device is not: the one that tells so."""


def available_when(*topics: str) -> Availability:
    """Return the availability of what is there while every one of `topics` says 'online'."""
    return Availability(tuple(AvailabilityTopic(topic) for topic in topics))


def _check_url(where: str, url: str | None, starts: tuple[str, ...]) -> None:
    if url is not None and not url.startswith(starts):
        refuse(where, f"{url!r} must start with {' or '.join(starts)}")
