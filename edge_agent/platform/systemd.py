"""What systemd is told of a service (sd_notify(3)): a few words over a datagram socket, where it gives one."""

from __future__ import annotations

import os
import socket
from typing import Final

ADDRESS: Final = "NOTIFY_SOCKET"
READY: Final = "READY=1"
WATCHDOG: Final = "WATCHDOG=1"
STOPPING: Final = "STOPPING=1"


class SystemdNotifier:
    """The socket at `address`; '' is a program that no service manager has started, and whom nobody listens to."""

    def __init__(self, address: str) -> None:
        self._address = f"\0{address[1:]}" if address.startswith("@") else address

    @classmethod
    def from_environment(cls) -> SystemdNotifier:
        """Return the one that has started this process."""
        return cls(os.environ.get(ADDRESS, ""))

    def notify(self, *states: str) -> None:
        """Tell it states, each in a line whatever is in it; one that does not listen is not waited for."""
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
                channel.settimeout(0.0)
                channel.sendto("\n".join(" ".join(each.split()) for each in states).encode(), self._address)
        except OSError:
            return
