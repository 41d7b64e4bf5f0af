"""HTTP to a camera, with bounds: bytes, time, redirects to the same host only, a pinned certificate."""

from __future__ import annotations

import logging
import ssl
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import httpx

from edge_agent.capture.camera import DEFAULT_PORTS, CaptureError, CaptureReason
from edge_agent.capture.certificates import explain as explain_tls
from edge_agent.capture.certificates import tls_context

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from edge_agent.capture.camera import CameraSpec

CONNECT_S: Final = 5.0
READ_S: Final = 5.0
"""Between two pieces of an answer."""
WHOLE_S: Final = 10.0
"""For a whole picture, however slowly it drips."""
MOST_REDIRECTS: Final = 3
UNAUTHORIZED: Final = frozenset({401, 403})
NOT_FOUND: Final = frozenset({404, 410})
OK: Final = 200
for _name in ("httpx", "httpcore", "websockets"):
    logging.getLogger(_name).setLevel(logging.WARNING)  # below, they log URLs and headers, which hold passwords
NOT_MODIFIED: Final = 304


class ChallengeAuth(httpx.Auth):
    """Sends the password only when the camera asks for it, and as it asks: digest, or else basic."""

    def __init__(self, username: str, password: str) -> None:
        self._credentials = (username, password)
        self._chosen: httpx.Auth | None = None

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Follow httpx's protocol: yield requests, receive answers."""
        if self._chosen is None:
            response = yield request
            challenges = [each.lower() for each in response.headers.get_list("www-authenticate")]
            if response.status_code != httpx.codes.UNAUTHORIZED or not challenges:
                return
            is_digest = any(each.startswith("digest") for each in challenges)
            self._chosen = (httpx.DigestAuth if is_digest else httpx.BasicAuth)(*self._credentials)
        yield from self._chosen.auth_flow(request)


class CameraClient:
    """One client for one camera; the connection is kept alive between requests."""

    def __init__(self, spec: CameraSpec, *, token: str = "") -> None:
        auth = ChallengeAuth(spec.username, spec.password) if spec.username or spec.password else None
        headers = {"Accept": "image/jpeg, image/png, multipart/x-mixed-replace, */*;q=0.1", "User-Agent": "edge-agent"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        self._client = httpx.Client(
            auth=auth,
            headers=headers,
            verify=tls_context(spec.fingerprint),
            timeout=httpx.Timeout(READ_S, connect=CONNECT_S),
            limits=httpx.Limits(max_connections=1, max_keepalive_connections=1, keepalive_expiry=60),
            follow_redirects=False,
            trust_env=False,
        )

    def close(self) -> None:
        """End all connections."""
        self._client.close()

    @contextmanager
    def get(self, url: str, headers: dict[str, str]) -> Iterator[httpx.Response]:
        """Yield the answer to a GET, its body not read yet; raise CaptureError for every failure."""
        try:
            response = self._send(self._client.build_request("GET", url, headers=headers))
            try:
                _check(response)
                yield response
            finally:
                response.close()
        except httpx.HTTPError as error:
            raise _explain(error) from None  # httpx's messages may hold the URL
        except (httpx.InvalidURL, httpx.StreamError) as error:
            raise CaptureError(CaptureReason.ENDED) from error

    def _send(self, request: httpx.Request) -> httpx.Response:
        """Send a request; follow a few redirects on the same host."""
        for _ in range(MOST_REDIRECTS):
            response = self._client.send(request, stream=True)
            following = response.next_request
            if following is None:
                return response
            response.close()
            if not _is_same_place(request.url, following.url):
                raise CaptureError(CaptureReason.REDIRECTED)
            request = following
        raise CaptureError(CaptureReason.HTTP_ERROR, "it redirects in a circle")


def read_body(response: httpx.Response, max_bytes: int) -> bytes:
    """Return the whole body; raise CaptureError if it is too large or takes too long."""
    body = bytearray()
    deadline_s = time.monotonic() + WHOLE_S
    for chunk in response.iter_bytes():
        body += chunk
        if len(body) > max_bytes:
            raise CaptureError(CaptureReason.TOO_LARGE)
        if time.monotonic() > deadline_s:
            raise CaptureError(CaptureReason.TIMED_OUT)
    return bytes(body)


def _is_same_place(one: httpx.URL, other: httpx.URL) -> bool:
    """Return whether a redirect stays on the host, and does not fall back from TLS."""
    is_upgrade = one.scheme == "http" and other.scheme == "https"
    return one.host == other.host and (is_upgrade or (one.scheme, one.port) == (other.scheme, other.port))


def _check(response: httpx.Response) -> None:
    """Raise CaptureError if the answer is an error."""
    status = response.status_code
    if status in UNAUTHORIZED:
        raise CaptureError(CaptureReason.PASSWORD_REFUSED)
    if status in NOT_FOUND:
        raise CaptureError(CaptureReason.NOT_FOUND)
    if status not in {OK, NOT_MODIFIED}:
        raise CaptureError(CaptureReason.HTTP_ERROR, f"HTTP status {status}")


def _explain(error: httpx.HTTPError) -> CaptureError:
    cause: Any = error
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            url = error.request.url
            return explain_tls(cause, url.host, url.port or DEFAULT_PORTS[url.scheme])
        cause = cause.__cause__ or cause.__context__
    match error:
        case httpx.TimeoutException():
            return CaptureError(CaptureReason.TIMED_OUT)
        case httpx.ConnectError():
            return CaptureError(CaptureReason.UNREACHABLE)
        case _:
            return CaptureError(CaptureReason.ENDED)
