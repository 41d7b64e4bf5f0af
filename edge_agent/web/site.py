"""What is answered to a request. Pure, but for the files beside it, which are read once."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field
from importlib import resources
from typing import TYPE_CHECKING, Final

from edge_agent.web.board import SILENT_S
from edge_agent.web.exposition import exposition
from edge_agent.web.page import page

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from edge_agent.web.board import View

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self';"
    " base-uri 'self'; form-action 'none'; frame-ancestors 'self'"
)
"""Nothing is loaded from anywhere else, and only a page of the same origin (Home Assistant's ingress) may frame it."""
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
PREFIX: Final = re.compile(r"(?:/[A-Za-z0-9_.~-]+)+")
"""What a proxy may say that it serves the page under."""
NAME: Final = re.compile(r"[a-z0-9_-]+|(?:[a-z0-9_-]+\.)+(?:local|localhost|internal|lan|home\.arpa)", re.IGNORECASE)
"""Names that no public name server gives: a page elsewhere cannot make a browser take one of its own for ours."""


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
    """What is answered; the headers of every response come on top."""

    status: int
    body: bytes
    content_type: str = "text/plain; charset=utf-8"
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Sources:
    """Where a response takes what it says from; both may be asked by any thread."""

    view: Callable[[], View]
    picture: Callable[[str], bytes]


def respond(request: Request, sources: Sources, allowed: Sequence[str]) -> Response:  # noqa: PLR0911 - a table: one line a path
    """Return the response; `allowed` are the networks that may ask, all if there is none."""
    if allowed and not is_allowed(request.client, allowed):
        return _text(403, "This address may not ask; http.allowed in the settings lists those that may.")
    if not allowed and not is_own_name(request.host):
        return _text(421, "Unknown host name; behind a proxy, list the proxy's address in http.allowed.")
    match request.path.split("/"):
        case ["", ""]:
            base = f"{request.ingress_path}/" if PREFIX.fullmatch(request.ingress_path) else ""
            return Response(200, page(sources.view(), base).encode(), "text/html; charset=utf-8")
        case ["", "livez"]:
            return _live(sources.view())
        case ["", "readyz"]:
            return _ready(sources.view())
        case ["", "metrics"]:
            content_type, body = exposition(sources.view(), request.accept)
            return Response(200, body, content_type)
        case ["", "picture", doorbell] if jpeg := sources.picture(doorbell):
            return Response(200, jpeg, "image/jpeg")
        case ["", name] if name in FILES:
            return Response(200, FILES[name], TYPES[name])
        case _:
            return _text(404, "There is no such page.")


def is_allowed(client: str, allowed: Sequence[str]) -> bool:
    """Return whether a client's address is in one of the networks."""
    address = ipaddress.ip_address(client.partition("%")[0])
    mapped = getattr(address, "ipv4_mapped", None)
    return any((mapped or address) in ipaddress.ip_network(network, strict=False) for network in allowed)


def is_own_name(host: str) -> bool:
    """Return whether a Host header holds an address, or a name that is known on this network alone.

    A web page anywhere can have its own name point to this machine (DNS rebinding), and would be given the pictures.
    """
    name = re.sub(r":\d+$", "", host)
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return not host or NAME.fullmatch(name) is not None
    return True


def _live(view: View) -> Response:
    if view.silent_s > SILENT_S:
        return _text(503, f"The agent's thread has said nothing for {view.silent_s:.0f} s.")
    return _text(200, "alive")


def _ready(view: View) -> Response:
    health = view.health
    if view.silent_s > SILENT_S or health is None:
        reasons = [f"the agent has said nothing for {view.silent_s:.0f} s"]
    else:
        reasons = [] if health.broker.connected else [f"no connection to the broker: {health.broker.detail}"]
        reasons += [] if health.workers_alive else ["no worker can take a frame", *health.reasons]
    return _text(503, "; ".join(reasons)) if reasons else _text(200, "ready")


def _text(status: int, text: str) -> Response:
    headers = {"Content-Security-Policy": "default-src 'none'"}
    return Response(status, f"{text}\n".encode(), headers=headers)
