"""A proxy that serves the agent's page under a path, as Home Assistant's ingress does."""

from __future__ import annotations

import http.client
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final, Self

PREFIX: Final = "/api/hassio_ingress/Ab12-_"
FRAME: Final = "/panel"
"""The proxy's own page, with the agent's in a frame."""


class Ingress:
    """Forwards requests under PREFIX to a local port, without PREFIX."""

    def __init__(self, target_port: int) -> None:
        class Passing(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self._forward("POST")

            def do_GET(self) -> None:
                if self.path == FRAME:
                    self.send_response(200)
                    self.send_header("Content-Type", "text/html")
                    self.end_headers()
                    frame = f'<iframe src="{PREFIX}/" width="900" height="700"></iframe>'
                    self.wfile.write(f'<link rel="icon" href="data:,">{frame}'.encode())
                    return
                if not self.path.startswith(PREFIX):
                    self.send_error(404)
                    return
                self._forward("GET")

            def _forward(self, method: str) -> None:
                sent = {name: value for name, value in self.headers.items() if name.lower().startswith(("x-", "sec-"))}
                connection = http.client.HTTPConnection("127.0.0.1", target_port, timeout=5)
                connection.request(
                    method, self.path.removeprefix(PREFIX) or "/", headers={**sent, "X-Ingress-Path": PREFIX}
                )
                answer = connection.getresponse()
                body = answer.read()
                self.send_response(answer.status)
                for name, value in answer.getheaders():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)
                connection.close()

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Passing)
        self.origin = f"http://127.0.0.1:{self._server.server_port}"
        self.url = f"{self.origin}{PREFIX}"

    def __enter__(self) -> Self:
        """Start to accept requests."""
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self._server.shutdown()
        self._server.server_close()
