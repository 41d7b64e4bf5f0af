"""Waitress, with limits for slow clients and for addresses without access."""

from __future__ import annotations

import contextlib
import socket
import time
from typing import TYPE_CHECKING, Any, Final

from waitress.channel import HTTPChannel
from waitress.server import TcpWSGIServer

from edge_agent.web.addresses import is_allowed
from edge_agent.web.site import DENIED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from waitress.adjustments import Adjustments

SERVER_NAME: Final = "edge-agent"
"""The Server header, by which `edge-agent doctor` recognizes an agent; it names neither version nor software."""
MOST_CLIENTS: Final = 100
"""Connections at once; for one more, the server closes the oldest connection."""
IDLE_S: Final = 5.0
"""How long a client may neither send nor receive."""
REQUEST_S: Final = 5.0
"""How long a client may take to send a whole request, however often it sends a byte."""
EXCHANGE_S: Final = 20.0
"""How long a client may take from the first byte of its requests until it has read all responses."""
REFUSAL: Final = (
    f"HTTP/1.1 403 Forbidden\r\nServer: {SERVER_NAME}\r\nContent-Type: text/plain; charset=utf-8\r\n"
    f"Connection: close\r\nContent-Length: {len(DENIED) + 1}\r\n\r\n{DENIED}\n"
).encode()


class Channel(HTTPChannel):  # type: ignore[misc]  # waitress ships no types
    """A connection that knows since when it waits for its client."""

    request_since_s: float | None = None
    """Since when an incomplete request is read."""
    exchange_since_s: float | None = None
    """Since when requests are read or responses are written."""

    def received(self, data: bytes) -> bool:
        """Read a part of a request, or several requests."""
        now, before = time.time(), self.request
        result = bool(super().received(data))
        if self.request is None:
            self.request_since_s = None
        elif self.request is not before:
            self.request_since_s = now
        self.exchange_since_s = self.exchange_since_s or now
        return result

    def is_late(self, now: float) -> bool:
        """Return whether its client has taken too long; takes wall-clock seconds, as waitress does."""
        if not (self.request or self.requests or self.total_outbufs_len):
            self.exchange_since_s = None
        limits = (
            (self.last_activity, IDLE_S),
            (self.request_since_s, REQUEST_S),
            (self.exchange_since_s, EXCHANGE_S),
        )
        return any(since_s is not None and since_s + limit_s < now for since_s, limit_s in limits)


class Server(TcpWSGIServer):  # type: ignore[misc]  # as above
    """Waitress with these limits; `allowed` lists the networks with access, all if empty."""

    active_channels: dict[int, Channel]
    allowed: Sequence[str] = ()

    @staticmethod
    def channel_class(
        server: Server,
        connection: socket.socket,
        address: tuple[Any, ...],
        limits: Adjustments,
        map: dict[int, Any],  # noqa: A002 - waitress passes it by this name
    ) -> None:
        """Take a connection, unless its address has no access: it gets one response, and none of the connections."""
        if server.allowed and not is_allowed(address[0], server.allowed):
            _refuse(connection)
        else:
            Channel(server, connection, address, limits, map=map)

    def readable(self) -> bool:
        """Close the oldest connection if there are too many; return whether a new one is accepted."""
        if len(self.active_channels) >= MOST_CLIENTS:
            waiting = (channel for channel in self.active_channels.values() if not channel.requests)
            oldest = min(waiting, key=lambda channel: channel.creation_time, default=None)
            if oldest is not None:
                _hang_up(oldest)
        return bool(super().readable())

    def maintenance(self, now: float) -> None:
        """Close the connections of slow clients, including those that do not read their response."""
        for channel in self.active_channels.values():
            if channel.is_late(now):
                _hang_up(channel)


def _refuse(connection: socket.socket) -> None:
    with connection, contextlib.suppress(OSError):
        connection.settimeout(0.0)
        connection.send(REFUSAL)
        connection.shutdown(socket.SHUT_WR)


def _hang_up(channel: Channel) -> None:
    """Have the server's own loop close a connection in its next round.

    `will_close` alone would wait until the client has read its response.
    """
    channel.will_close = True
    with contextlib.suppress(OSError):
        channel.socket.shutdown(socket.SHUT_RDWR)
