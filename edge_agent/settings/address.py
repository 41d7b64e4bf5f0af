"""Where a broker is: `host`, `host:port` or `[IPv6 address]:port`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

LARGEST_PORT: Final = 65535
_FORM: Final = re.compile(r"(?P<host>\[[0-9A-Fa-f:.%]+\]|[^\s:\[\]/@]+)(?::(?P<port>\d{1,5}))?")


@dataclass(frozen=True, slots=True)
class Address:
    """A broker's host and port."""

    host: str
    port: int

    def __str__(self) -> str:
        """Return it as people write it."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def read_address(text: str, default_port: int) -> Address:
    """Return the address that `text` names; raise ValueError where it names none."""
    found = _FORM.fullmatch(text)
    port = int(found["port"] or default_port) if found else 0
    if found is None or not 0 < port <= LARGEST_PORT:
        message = f"{text!r} is no address of a broker: write host, host:port or [IPv6 address]:port"
        raise ValueError(message)
    return Address(found["host"].strip("[]"), port)
