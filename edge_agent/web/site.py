"""The responses to requests. Pure, except for its static files, which are read once."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field
from importlib import resources
from typing import TYPE_CHECKING, Final

from edge_agent.web.board import SILENT_S
from edge_agent.web.exposition import exposition
from edge_agent.web.page import page
from edge_agent.web.source_page import source_page

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from edge_agent.web.board import View
    from edge_agent.web.source_search import SourceSearch

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self';"
    " base-uri 'self'; form-action 'none'; frame-ancestors 'self'"
)
"""Nothing is loaded from elsewhere; only pages of the same origin (Home Assistant's ingress) may frame this one."""
HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
TYPES: Final = {
    "page.css": "text/css; charset=utf-8",
    "page.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}
FILES: Final = {name: resources.files(__package__).joinpath(name).read_bytes() for name in TYPES}
DENIED: Final = "Access denied for this address; allow it with http.allowed in the settings."
PREFIX: Final = re.compile(r"(?:/[A-Za-z0-9_.~-]+)+")
"""Paths under which a proxy may serve the page."""
NAME: Final = re.compile(r"[a-z0-9_-]+|(?:[a-z0-9_-]+\.)+(?:local|localhost|internal|lan|home\.arpa)", re.IGNORECASE)
"""Names outside public DNS: a page elsewhere cannot point its own name at this host."""


@dataclass(frozen=True, slots=True)
class Request:
    """A GET or HEAD; `path` is without its query, `client` the address that it came from."""

    path: str
    client: str
    host: str = ""
    ingress_path: str = ""
    accept: str = ""


@dataclass(frozen=True, slots=True)
class Response:
    """A response; the server adds the common headers."""

    status: int
    body: bytes
    content_type: str = "text/plain; charset=utf-8"
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Sources:
    """The data behind the responses; thread-safe."""

    view: Callable[[], View]
    picture: Callable[[str], bytes]
    test_picture: Callable[[str], bytes]
    search: SourceSearch | None = None


def respond(request: Request, sources: Sources, allowed: Sequence[str]) -> Response:  # noqa: PLR0911 - a table: one line per path
    """Return the response; `allowed` lists the networks with access, all if empty."""
    if allowed and not is_allowed(request.client, allowed):
        return _text(403, DENIED)
    if not allowed and not is_own_name(request.host):
        return _text(421, "Unknown host name; behind a proxy, list the proxy's address in http.allowed.")
    match request.path.split("/"):
        case ["", ""]:
            base = _base(request)
            html = page(sources.view(), base, has_search=sources.search is not None)
            return Response(200, html.encode(), "text/html; charset=utf-8")
        case ["", "sources", *rest] if sources.search and rest in ([], ["search"]):
            return _search(sources.search, _base(request), start=bool(rest))
        case ["", "livez" | "readyz" as check]:
            return _live(sources.view()) if check == "livez" else _ready(sources.view())
        case ["", "metrics"]:
            content_type, body = exposition(sources.view(), request.accept)
            return Response(200, body, content_type)
        case ["", "picture", doorbell] if jpeg := sources.picture(doorbell):
            return Response(200, jpeg, "image/jpeg")
        case ["", "camera", doorbell] if image := sources.test_picture(doorbell):
            return Response(200, image, _image_type(image))
        case ["", name] if name in FILES:
            return Response(200, FILES[name], TYPES[name])
        case _:
            return _text(404, "Page not found.")


def _base(request: Request) -> str:
    """Return the path under which a proxy serves the page, or ''."""
    return f"{request.ingress_path}/" if PREFIX.fullmatch(request.ingress_path) else ""


def _search(search: SourceSearch, base: str, *, start: bool) -> Response:
    """Start a search and lead to its page, or return that page."""
    if start:
        search.start()
        return Response(303, b"", headers={"Location": "../sources"})
    return Response(200, source_page(search.view(), search.seconds, base).encode(), "text/html; charset=utf-8")


def is_allowed(client: str, allowed: Sequence[str]) -> bool:
    """Return whether a client's address is in one of the networks."""
    address = ipaddress.ip_address(client.partition("%")[0])
    mapped = getattr(address, "ipv4_mapped", None)
    return any((mapped or address) in ipaddress.ip_network(network, strict=False) for network in allowed)


def is_own_name(host: str) -> bool:
    """Return whether a Host header holds an address, or a name known only on this network.

    Any web page can point its own name to this host (DNS rebinding), and would get access to the pictures.
    """
    name = re.sub(r":\d+$", "", host)
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return not host or NAME.fullmatch(name) is not None
    return True


def _live(view: View) -> Response:
    if view.silent_s > SILENT_S:
        return _text(503, f"The agent's thread has been silent for {view.silent_s:.0f} s.")
    return _text(200, "alive")


def _ready(view: View) -> Response:
    health = view.health
    if view.silent_s > SILENT_S or health is None:
        reasons = [f"the agent has been silent for {view.silent_s:.0f} s"]
    else:
        reasons = [] if health.broker.connected else [f"no connection to the broker: {health.broker.detail}"]
        reasons += [] if health.workers_alive else ["no worker accepts frames", *health.reasons]
    return _text(503, "; ".join(reasons)) if reasons else _text(200, "ready")


def _image_type(image: bytes) -> str:
    return "image/jpeg" if image.startswith(b"\xff\xd8") else "image/png"


def _text(status: int, text: str) -> Response:
    headers = {"Content-Security-Policy": "default-src 'none'"}
    return Response(status, f"{text}\n".encode(), headers=headers)
