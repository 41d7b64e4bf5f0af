"""Notifications to systemd (sd_notify(3)): short texts over a datagram socket, if it provides one."""

from __future__ import annotations

import os
import socket
from typing import Final

ADDRESS: Final = "NOTIFY_SOCKET"
READY: Final = "READY=1"
WATCHDOG: Final = "WATCHDOG=1"
STOPPING: Final = "STOPPING=1"


class SystemdNotifier:
    """The notification socket at `address`; '' means that no service manager started this program."""

    def __init__(self, address: str) -> None:
        self._address = f"\0{address[1:]}" if address.startswith("@") else address

    @classmethod
    def from_environment(cls) -> SystemdNotifier:
        """Return the notifier of the service manager that started this process."""
        return cls(os.environ.get(ADDRESS, ""))

    def notify(self, *states: str) -> None:
        """Send states, one line each; never wait for a receiver that does not read."""
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
                channel.settimeout(0.0)
                channel.sendto("\n".join(" ".join(each.split()) for each in states).encode(), self._address)
        except OSError:
            return
