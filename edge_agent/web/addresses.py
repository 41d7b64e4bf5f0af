"""Addresses and names of clients, of this host and of proxies. Pure."""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

PREFIX: Final = re.compile(r"(?:/[A-Za-z0-9_.~-]+)+")
"""Paths under which a proxy may serve the page."""
NAME: Final = re.compile(r"[a-z0-9_-]+|(?:[a-z0-9_-]+\.)+(?:local|localhost|internal|lan|home\.arpa)", re.IGNORECASE)
"""Names outside public DNS: a page elsewhere cannot point its own name at this host."""


def is_allowed(client: str, allowed: Sequence[str]) -> bool:
    """Return whether a client's address is in one of the networks."""
    address = ipaddress.ip_address(client.partition("%")[0])
    mapped = getattr(address, "ipv4_mapped", None)
    return any((mapped or address) in ipaddress.ip_network(network, strict=False) for network in allowed)


def is_own_name(host: str) -> bool:
    """Return whether a Host header holds an address, or a name known only on this network.

    Any web page can point its own name to this host (DNS rebinding), and would get access to the pictures.
    """
    name = re.sub(r":\d+$", "", host)
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return not host or NAME.fullmatch(name) is not None
    return True
