"""The responses to requests: a route for each path. Its static files are read once."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from importlib import resources
from typing import TYPE_CHECKING, Final

from edge_agent.web.access import Access, Denial
from edge_agent.web.addresses import PREFIX, is_allowed, is_own_name
from edge_agent.web.board import SILENT_S
from edge_agent.web.controls import Controls
from edge_agent.web.exposition import exposition
from edge_agent.web.history_site import Actions, HistorySite
from edge_agent.web.page import page
from edge_agent.web.request import Request, Response, text
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
    "actions.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}
FILES: Final = {name: resources.files(__package__).joinpath(name).read_bytes() for name in TYPES}
DENIED: Final = "Access denied for this address; allow it with http.allowed in the settings."
ACTION: Final = re.compile(r"/(visits/[^/]+/delete|days/[^/]+/export|doorbells/[^/]+/(detection|mute)/(on|off))")
"""What a POST can do."""
REFUSALS: Final = {
    Denial.PASSWORD: text(401, "This page needs its password.", WWW_Authenticate='Basic realm="edge-agent"'),
    Denial.TOO_MANY_TRIES: text(429, "Too many wrong passwords or tokens; wait a minute.", Retry_After="60"),
    Denial.OTHER_SITE: text(403, "This page is out of date; reload it."),
    Denial.READ_ONLY: text(403, "This page is read-only; set http.token, or open it in Home Assistant."),
    Denial.TOKEN: text(403, "This is not the token of the settings (http.token)."),
}


@dataclass(frozen=True, slots=True)
class Sources:
    """The data behind the responses; thread-safe. `history` is None if it is off."""

    view: Callable[[], View]
    picture: Callable[[str], bytes]
    test_picture: Callable[[str], bytes]
    search: SourceSearch | None = None
    history: HistorySite | None = None
    actions: Actions = field(default_factory=Actions)
    access: Access = field(default_factory=Access)


def respond(request: Request, sources: Sources, allowed: Sequence[str], now: float = 0.0) -> Response:  # noqa: PLR0911 - a table: one line per case
    """Return the response; `allowed` lists the networks with access, all if empty."""
    if allowed and not is_allowed(request.client, allowed):
        return text(403, DENIED)
    if not allowed and not is_own_name(request.host):
        return text(421, "Unknown host name; behind a proxy, list the proxy's address in http.allowed.")
    match request.path:
        case "/livez":
            return _live(sources.view())
        case "/readyz":
            return _ready(sources.view())
        case _ if denial := sources.access.denial_to_read(request, now):
            return REFUSALS[denial]
        case _ if request.method == "POST":
            return _act(request, sources, now)
        case _:
            return _read(request, sources)


def _read(request: Request, sources: Sources) -> Response:
    parts = request.path.split("/")[1:]
    found = _of_the_agent(parts, request, sources) or _of_the_history(parts, request, sources)
    return found or text(404, "Page not found.")


def _of_the_agent(parts: list[str], request: Request, sources: Sources) -> Response | None:  # noqa: PLR0911 - a table: one line per path
    match parts:
        case [""]:
            return _status_page(request, sources)
        case ["metrics"]:
            content_type, body = exposition(sources.view(), request.accept)
            return Response(200, body, content_type)
        case ["picture", doorbell] if jpeg := sources.picture(doorbell):
            return Response(200, jpeg, "image/jpeg")
        case ["camera", doorbell] if image := sources.test_picture(doorbell):
            return Response(200, image, _image_type(image))
        case ["sources", *rest] if sources.search and rest in ([], ["search"]):
            return _search(sources.search, _base(request), start=bool(rest))
        case [name] if name in FILES:
            return Response(200, FILES[name], TYPES[name])
        case _:
            return None


def _of_the_history(parts: list[str], request: Request, sources: Sources) -> Response | None:
    if sources.history is None:
        return None
    view = sources.view()
    base = _base(request) or "../" * (len(parts) - 1)
    return sources.history.read(parts, request, view, base, _controls(request, sources, view))


def _status_page(request: Request, sources: Sources) -> Response:
    view = sources.view()
    today = sources.history.today() if sources.history is not None else None
    controls = _controls(request, sources, view)
    html = page(view, _base(request), today, controls, has_search=sources.search is not None)
    return Response(200, html.encode(), "text/html; charset=utf-8")


def _search(search: SourceSearch, base: str, *, start: bool) -> Response:
    """Start a search and lead to its page, or return that page."""
    if start:
        search.start()
        return Response(303, b"", headers={"Location": "../sources"})
    return Response(200, source_page(search.view(), search.seconds, base).encode(), "text/html; charset=utf-8")


def _base(request: Request) -> str:
    """Return the path under which a proxy serves the page, or '': links are then relative."""
    return f"{request.ingress_path}/" if PREFIX.fullmatch(request.ingress_path) else ""


def _controls(request: Request, sources: Sources, view: View) -> Controls:
    access = sources.access
    if not access.has_actions(request):
        return Controls()
    detection = {each.name: each.detects for each in view.doorbells if each.detects is not None}
    muted = {each.name: each.is_muted for each in view.doorbells if each.is_muted is not None}
    return Controls(access.key, access.needs_token(request), detection, muted)


def _act(request: Request, sources: Sources, now: float) -> Response:
    """Carry out an action, if this client may."""
    if ACTION.fullmatch(request.path) is None:
        return text(405, "Only GET and HEAD.", Allow="GET, HEAD")
    if denial := sources.access.denial_to_act(request, now):
        return REFUSALS[denial]
    parts = request.path.split("/")[1:]
    names = {each.name for each in sources.view().doorbells}
    done = sources.actions.act(parts, names)
    if done is None and sources.history is not None:
        done = sources.history.act(parts)
    return done or text(404, "There is no such doorbell or day.")


def _live(view: View) -> Response:
    if view.silent_s > SILENT_S:
        return text(503, f"The agent's thread has been silent for {view.silent_s:.0f} s.")
    return text(200, "alive")


def _ready(view: View) -> Response:
    health = view.health
    if view.silent_s > SILENT_S or health is None:
        reasons = [f"the agent has been silent for {view.silent_s:.0f} s"]
    else:
        reasons = [] if health.broker.connected else [f"no connection to the broker: {health.broker.detail}"]
        reasons += [] if health.workers_alive else ["no worker accepts frames", *health.reasons]
    return text(503, "; ".join(reasons)) if reasons else text(200, "ready")


def _image_type(image: bytes) -> str:
    return "image/jpeg" if image.startswith(b"\xff\xd8") else "image/png"
