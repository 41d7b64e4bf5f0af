"""The HTTP server: threads of its own, no more than a few, that read the board and nothing else."""

from __future__ import annotations

import contextlib
import logging
import socket
import sys
import threading
import time
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from edge_agent.web.site import HEADERS, Request, Response, Sources, respond

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from edge_agent.settings import HttpSettings
    from edge_agent.web.board import Board

log = logging.getLogger(__name__)

MOST_REQUESTS: Final = 16
"""At once; more are hung up on."""
REQUEST_S: Final = 5.0
"""How long a client may say nothing, and take nothing."""


class Server(ThreadingHTTPServer):
    """Answers from a board."""

    daemon_threads = True

    def __init__(self, address: tuple[str, int], sources: Sources, allowed: Sequence[str]) -> None:
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self.sources = sources
        self.allowed = tuple(allowed)
        self._free = threading.BoundedSemaphore(MOST_REQUESTS)
        super().__init__(address, Handler)

    def server_bind(self) -> None:
        """Bind, without the look-up of this machine's name that the base class makes."""
        super(ThreadingHTTPServer, self).server_bind()
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answer in a thread, if one is free."""
        if not self._free.acquire(blocking=False):
            self.shutdown_request(request)
            return
        try:
            super().process_request(request, client_address)
        except RuntimeError:  # the system gives no thread
            self._free.release()
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Answer, and give the thread back."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002 - socketserver's signature
        """Note that a request went wrong: most often the client has gone."""
        log.debug("a request over HTTP ended early: %r", sys.exception())


class Handler(BaseHTTPRequestHandler):
    """One connection with one request."""

    server: Server
    timeout = REQUEST_S

    def do_GET(self) -> None:
        """Answer."""
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        """Answer without the body."""
        self._answer(with_body=False)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:  # noqa: ARG002 - the base class's signature
        """Answer what is no request that can be answered: this server only reads."""
        if code == HTTPStatus.NOT_IMPLEMENTED:
            self._send(Response(405, b"Only GET and HEAD.\n", headers={"Allow": "GET, HEAD"}), with_body=True)
        else:
            self._send(Response(code, b"That is no request.\n"), with_body=True)

    def version_string(self) -> str:
        """Return the Server header, without any version."""
        return "edge-agent"

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class calls it so
        """Log requests where one looks for them."""
        log.debug("%s %r", self.client_address[0], format % args)

    def _answer(self, *, with_body: bool) -> None:
        request = Request(
            path=urlsplit(self.path).path,
            client=str(self.client_address[0]),
            host=self.headers.get("Host", ""),
            ingress_path=self.headers.get("X-Ingress-Path", "").rstrip("/"),
            accept=self.headers.get("Accept", ""),
        )
        try:
            response = respond(request, self.server.sources, self.server.allowed)
        except Exception:  # the outermost boundary of a request: whatever is wrong here must not end in silence
            log.exception("a request over HTTP could not be answered")
            response = Response(500, b"That failed; the agent's log says why.\n")
        self._send(response, with_body=with_body)

    def _send(self, response: Response, *, with_body: bool) -> None:
        self.send_response(response.status)
        said = {"Content-Type": response.content_type, "Content-Length": str(len(response.body))}
        for name, value in (HEADERS | said | response.headers).items():
            self.send_header(name, value)
        self.end_headers()
        if with_body:
            self.wfile.write(response.body)


@contextlib.contextmanager
def serving(settings: HttpSettings, board: Board) -> Iterator[None]:
    """Answer over HTTP during the block, if the settings ask for it; where that fails the block runs without."""
    server = _listen(settings, board) if settings.enabled else None
    if server is None:
        yield
        return
    threading.Thread(target=server.serve_forever, name="http", daemon=True).start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()


def _listen(settings: HttpSettings, board: Board) -> Server | None:
    where = f"{settings.host}:{settings.port}"
    sources = Sources(lambda: board.view(time.monotonic()), board.picture)
    try:
        server = Server((settings.host, settings.port), sources, settings.allowed)
    except OSError as error:
        fault = error.strerror or str(error)
    else:
        log.info("the page is at http://%s/", where)
        return server
    log.error("no page and no metrics: %s cannot be listened on (%s); set http.port to a free one", where, fault)
    return None
