"""TLS for FFmpeg, which cannot pin a certificate: it connects to a port of this process, and the tunnel to the camera.

So `rtsps://` has the certificate checks of `https://`. The port is on the loopback, and is opened before the sandbox,
which forbids connections to any port that it does not know. A tunnel takes one connection.
"""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
import threading
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from edge_agent.capture.camera import CameraSpec

ACCEPT_S: Final = 5.0
SEND_S: Final = 5.0
CHUNK_BYTES: Final = 65_536


class TunnelEntrance:
    """The port that FFmpeg connects to; it is of use to one camera at a time."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=1)
        self.port: int = self._listener.getsockname()[1]

    def close(self) -> None:
        """Close the port."""
        self._listener.close()

    @contextlib.contextmanager
    def leading_to(self, camera: ssl.SSLSocket) -> Iterator[str]:
        """Connect the next connection to a camera; yield where to connect; the end of the block ends both."""
        self._refuse_waiting()
        thread = threading.Thread(target=self._serve, args=(camera,), name="camera-tls", daemon=True)
        thread.start()
        try:
            yield f"127.0.0.1:{self.port}"
        finally:
            with contextlib.suppress(OSError):
                socket.socket.shutdown(camera, socket.SHUT_RDWR)  # that of TLS is not for two threads
            thread.join(ACCEPT_S + SEND_S)

    def _refuse_waiting(self) -> None:
        """Close what connected before: an attempt that was given up, or another program."""
        self._listener.settimeout(0)
        with contextlib.suppress(OSError):
            while True:
                self._listener.accept()[0].close()

    def _serve(self, camera: ssl.SSLSocket) -> None:
        self._listener.settimeout(ACCEPT_S)
        with camera, contextlib.suppress(OSError):
            connection, _ = self._listener.accept()
            with connection:
                _copy(connection, camera)


def entrance_for(spec: CameraSpec) -> TunnelEntrance | None:
    """Return the entrance that a camera needs, None if it needs none."""
    return TunnelEntrance() if urlsplit(spec.url).scheme == "rtsps" else None


def _copy(connection: socket.socket, camera: ssl.SSLSocket) -> None:
    """Copy both ways until one side ends; raise OSError when one fails."""
    others: dict[socket.socket, socket.socket] = {connection: camera, camera: connection}
    while True:
        for one in [camera] if camera.pending() else select.select([*others], [], [])[0]:
            data = _received(one)
            if data == b"":
                return
            if data:
                others[one].settimeout(SEND_S)
                others[one].sendall(data)


def _received(one: socket.socket) -> bytes | None:
    """Return what has arrived, b'' at the end, None if it was of TLS itself.

    A frame comes as many TLS records: they are passed on together, which saves half of the time.
    """
    one.settimeout(0)
    data = bytearray()
    try:
        while len(data) < CHUNK_BYTES:
            piece = one.recv(CHUNK_BYTES)
            if not piece:
                break
            data += piece
    except (ssl.SSLWantReadError, BlockingIOError):
        return bytes(data) or None
    return bytes(data)
