"""A request and a response, as the site sees them."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Request:
    """A request; `path` is without its query, `client` the address that it came from.

    `key`, `token` and `fetch_site` are the headers X-Edge-Agent-Key, X-Edge-Agent-Token and Sec-Fetch-Site.
    """

    path: str
    client: str
    host: str = ""
    ingress_path: str = ""
    accept: str = ""
    method: str = "GET"
    authorization: str = ""
    key: str = ""
    token: str = ""
    fetch_site: str = ""
    if_none_match: str = ""


@dataclass(frozen=True, slots=True)
class Response:
    """A response; the server adds the common headers."""

    status: int
    body: bytes
    content_type: str = "text/plain; charset=utf-8"
    headers: dict[str, str] = field(default_factory=dict)


def text(status: int, said: str, **headers: str) -> Response:
    """Return a line of text; `Retry_After` means the header Retry-After."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(status, f"{said}\n".encode(), headers={"Content-Security-Policy": "default-src 'none'", **named})
