"""A camera over HTTP for tests: a real server on a free loopback port, with the faults that cameras have."""

from __future__ import annotations

import base64
import contextlib
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Final, Self

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

BOUNDARY: Final = "frame"


class HttpCamera:
    """Answers GET with what `answer` writes; counts requests, and those with a password."""

    def __init__(self, answer: Callable[[Request], object], *, tls: ssl.SSLContext | None = None) -> None:
        self.requests = 0
        self.passwords = 0
        self.connections: set[tuple[str, int]] = set()
        self.stopping = threading.Event()
        camera = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                camera.requests += 1
                camera.passwords += "Authorization" in self.headers
                camera.connections.add(self.client_address)
                with contextlib.suppress(OSError):
                    answer(Request(self, camera))

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.block_on_close = False
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self._scheme = "https" if tls else "http"

    @property
    def port(self) -> int:
        """Its port."""
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        """The URL of its picture."""
        return f"{self._scheme}://127.0.0.1:{self.port}/snapshot.jpg"

    def __enter__(self) -> Self:
        """Serve."""
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self.stopping.set()
        self._server.shutdown()
        self._server.server_close()


class Request:
    """One request, and ways to answer it."""

    def __init__(self, handler: BaseHTTPRequestHandler, camera: HttpCamera) -> None:
        self.handler = handler
        self.camera = camera
        self.headers = handler.headers
        self.path = handler.path

    def send(self, status: int, body: bytes = b"", **headers: str) -> None:
        """Answer with a body."""
        self.handler.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.handler.send_header(name.replace("_", "-"), value)
        self.handler.end_headers()
        self.handler.wfile.write(body)

    def picture(self, image: bytes, **headers: str) -> None:
        """Answer with a still."""
        self.send(200, image, Content_Type="image/jpeg", **headers)

    def stream(self, pictures: Callable[[int], bytes], *, fps: float = 10, length: bool = True) -> None:
        """Answer with MJPEG until the camera stops."""
        self.handler.send_response(200)
        self.handler.send_header("Content-Type", f"multipart/x-mixed-replace; boundary={BOUNDARY}")
        self.handler.end_headers()
        number = 0
        while not self.camera.stopping.wait(1 / fps):
            image = pictures(number)
            said = f"Content-Length: {len(image)}\r\n" if length else ""
            self.write(f"--{BOUNDARY}\r\nContent-Type: image/jpeg\r\n{said}\r\n".encode() + image + b"\r\n")
            number += 1

    def write(self, data: bytes) -> None:
        """Write bytes as they are."""
        self.handler.wfile.write(data)
        self.handler.wfile.flush()

    def drip(self, data: bytes, pause_s: float) -> None:
        """Write bytes one by one."""
        for each in data:
            self.write(bytes([each]))
            if self.camera.stopping.wait(pause_s):
                return

    def hang(self) -> None:
        """Answer nothing until the camera stops."""
        self.camera.stopping.wait(600)

    def has_basic(self, user: str, password: str) -> bool:
        """Return whether the request has a user and password; ask for them if not."""
        wanted = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
        if self.headers.get("Authorization") == wanted:
            return True
        self.send(401, WWW_Authenticate='Basic realm="camera"')
        return False


def now_s() -> float:
    """Return monotonic seconds."""
    return time.monotonic()
