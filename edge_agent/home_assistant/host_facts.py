"""What the agent's device shows of its host. Pure."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class HostFacts:
    """The selectable strategies, and what only some hosts have; '' if there is none."""

    strategies: tuple[str, ...]
    has_temperature: bool = False
    configuration_url: str = ""
    serial_number: str = ""


def page_url(host: str, port: int) -> str:
    """Return the address of the status page, or '' if other hosts do not reach it at the address it listens on."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return "" if host == "localhost" else f"http://{host}:{port}/"
    if address.is_loopback or address.is_unspecified:
        return ""
    return f"http://[{host}]:{port}/" if address.version == 6 else f"http://{host}:{port}/"  # noqa: PLR2004 - IPv6
