"""The HTTP server: waitress, whose threads only read the board."""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
import time
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from waitress import wasyncore
from waitress.adjustments import Adjustments

from edge_agent.errors import NoThreadError, reason_of
from edge_agent.platform.threads import start_thread
from edge_agent.web.access import Access, Secrets
from edge_agent.web.connections import MOST_CLIENTS, SERVER_NAME, Server
from edge_agent.web.history_site import Actions
from edge_agent.web.request import Request, Response
from edge_agent.web.site import HEADERS, Sources, respond

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from edge_agent.settings.model import HttpSettings
    from edge_agent.web.board import Board
    from edge_agent.web.history_site import HistorySite
    from edge_agent.web.source_search import SourceSearch

log = logging.getLogger(__name__)

THREADS: Final = 2
"""Threads that answer. They never wait for a client: one more thread reads and writes for all clients."""
HEADER_BYTES: Final = 32_768
BODY_BYTES: Final = 1_024
"""No accepted request has a body."""
WITHOUT_BODY: Final = frozenset({HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED})
"""Responses without a body, and without its length (RFC 9110)."""
STOP_S: Final = 1
ON_DISK_BYTES: Final = 1 << 30
"""Responses are far smaller, and remain in memory."""


def application(sources: Sources, allowed: Sequence[str]) -> WSGIApplication:
    """Return the site as a WSGI application."""

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
        response = _answer(environ, sources, allowed)
        said = {"Content-Type": response.content_type, "Content-Length": str(len(response.body))}
        if response.status in WITHOUT_BODY:
            del said["Content-Length"]
        status = f"{response.status} {HTTPStatus(response.status).phrase}"
        start_response(status, list((HEADERS | said | response.headers).items()))
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [response.body]

    return answer


def _answer(environ: WSGIEnvironment, sources: Sources, allowed: Sequence[str]) -> Response:
    if environ["REQUEST_METHOD"] not in {"GET", "HEAD", "POST"}:
        return Response(405, b"Only GET and HEAD.\n", headers={"Allow": "GET, HEAD"})
    request = Request(
        path=environ["PATH_INFO"],
        client=environ["REMOTE_ADDR"],
        host=environ.get("HTTP_HOST", ""),
        ingress_path=environ.get("HTTP_X_INGRESS_PATH", "").rstrip("/"),
        accept=environ.get("HTTP_ACCEPT", ""),
        method=environ["REQUEST_METHOD"],
        authorization=environ.get("HTTP_AUTHORIZATION", ""),
        key=environ.get("HTTP_X_EDGE_AGENT_KEY", ""),
        token=environ.get("HTTP_X_EDGE_AGENT_TOKEN", ""),
        fetch_site=environ.get("HTTP_SEC_FETCH_SITE", ""),
        if_none_match=environ.get("HTTP_IF_NONE_MATCH", ""),
    )
    try:
        return respond(request, sources, allowed, time.monotonic())
    except Exception:  # the outermost boundary of a request: every error must be logged
        log.exception("an HTTP request failed")
        return Response(500, b"Internal error; see the agent's log.\n")


@contextlib.contextmanager
def serving(
    settings: HttpSettings,
    board: Board,
    search: SourceSearch,
    history: HistorySite | None = None,
    actions: Actions | None = None,
) -> Iterator[None]:
    """Serve HTTP during the block, if the settings enable it; if that fails, the block runs without.

    The page offers the search for sources if the settings allow it.
    """
    listener = _listen(settings) if settings.enabled else None
    if listener is None:
        yield
        return
    known = Secrets(settings.password.get_secret_value(), settings.token.get_secret_value(), settings.ingress)
    sources = Sources(
        lambda: board.view(time.monotonic(), time.time()),
        board.picture,
        board.test_picture,
        search if settings.sources else None,
        history,
        actions or Actions(),
        Access(known),
    )
    with _running(listener, application(sources, settings.allowed), settings.allowed):
        yield


def _listen(settings: HttpSettings) -> socket.socket | None:
    is_ipv6 = ":" in settings.host
    where = f"[{settings.host}]:{settings.port}" if is_ipv6 else f"{settings.host}:{settings.port}"
    listener = socket.socket(socket.AF_INET6 if is_ipv6 else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
    except OSError as error:
        listener.close()
        fault = reason_of(error)
    else:
        log.info("status page: http://%s/", where)
        return listener
    log.error("no status page and no metrics: cannot listen on %s (%s); set http.port to a free port", where, fault)
    return None


@contextlib.contextmanager
def _running(listener: socket.socket, site: WSGIApplication, allowed: Sequence[str]) -> Iterator[None]:
    """Run the server during the block; requests in progress are finished at its end."""
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # several requests at once are normal
    sockets: dict[int, wasyncore.dispatcher] = {}
    try:
        server = _server(listener, site, sockets)
        server.allowed = allowed
        loop = threading.Thread(target=server.run, name="http", daemon=True)
        start_thread(loop)
    except (RuntimeError, NoThreadError):  # RuntimeError: waitress starts threads itself
        log.error("no status page and no metrics: %s", NoThreadError())  # noqa: TRY400 - a traceback says nothing more
        listener.close()
        yield
        return
    try:
        yield
    finally:
        server.task_dispatcher.shutdown(timeout=STOP_S)
        server.trigger.pull_trigger(lambda: wasyncore.close_all(sockets, ignore_all=True))
        loop.join(STOP_S)


def _server(listener: socket.socket, site: WSGIApplication, sockets: dict[int, wasyncore.dispatcher]) -> Server:
    limits = Adjustments(
        threads=THREADS,
        ident=SERVER_NAME,
        connection_limit=2 * MOST_CLIENTS,
        cleanup_interval=1,
        max_request_header_size=HEADER_BYTES,
        max_request_body_size=BODY_BYTES,
        outbuf_overflow=ON_DISK_BYTES,
        log_socket_errors=False,
        asyncore_use_poll=True,
    )
    address = (listener.family, listener.type, listener.proto, listener.getsockname())
    return Server(site, sockets, _sock=listener, adj=limits, sockinfo=address, bind_socket=False)
