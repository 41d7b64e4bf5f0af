"""A TCP proxy between a client and a broker that can be cut, also in the middle of a packet, or go silent."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable

CHUNK_BYTES = 65_536


class Proxy:
    """Forwards connections to a local port."""

    def __init__(self, target_port: int) -> None:
        self._target_port = target_port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._silent = threading.Event()
        self._mute = threading.Event()
        self._choose_bytes: Callable[[], int] | None = None
        self.port = int(self._listener.getsockname()[1])
        self.accepted = 0

    def __enter__(self) -> Self:
        """Start to accept connections."""
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        """Close everything."""
        self._listener.close()
        self.cut()

    def cut(self) -> None:
        """Close all connections, as if a cable is unplugged and the system notices."""
        pairs, self._pairs = self._pairs, []
        for pair in pairs:
            for end in pair:
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
                end.close()

    def swallow(self) -> None:
        """Stop forwarding without closing: a black hole."""
        self._silent.set()

    def mute(self) -> None:
        """Stop forwarding what the client sends: the broker's messages arrive, their acknowledgements do not."""
        self._mute.set()

    def cut_after(self, choose_bytes: Callable[[], int] | None) -> None:
        """Cut each connection after that many bytes in one direction, chosen for each; None ends it."""
        self._choose_bytes = choose_bytes

    def heal(self) -> None:
        """Forward new connections again; the old ones have lost bytes and are cut."""
        self.cut()
        self._silent.clear()
        self._mute.clear()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                self.accepted += 1
                if self._silent.is_set():
                    self._pairs.append((near, near))
                    continue
                try:
                    far = socket.create_connection(("127.0.0.1", self._target_port))
                except OSError:
                    near.close()
                    continue
                self._pairs.append((near, far))
                for source, sink, stops in ((near, far, (self._silent, self._mute)), (far, near, (self._silent,))):
                    threading.Thread(target=self._forward, args=(source, sink, stops), daemon=True).start()

    def _forward(self, source: socket.socket, sink: socket.socket, stops: tuple[threading.Event, ...]) -> None:
        left: int | None = None
        with contextlib.suppress(OSError):
            while left != 0 and (data := source.recv(CHUNK_BYTES)):
                left = self._left(left)
                passed = data[:left]
                if not any(stop.is_set() for stop in stops):
                    sink.sendall(passed)
                left = None if left is None else left - len(passed)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _left(self, left: int | None) -> int | None:
        """Return how many bytes a direction still forwards, or None without a limit."""
        choose = self._choose_bytes
        if choose is None:
            return None
        return choose() if left is None else left
