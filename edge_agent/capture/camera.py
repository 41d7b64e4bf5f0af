"""The values of the capture worker: a camera, what it sends, and why it cannot be used."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, Protocol
from urllib.parse import unquote, urlsplit, urlunsplit

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

HOME_ASSISTANT_SCHEME: Final = "home-assistant"
DEFAULT_PORTS: Final = {"http": 80, "https": 443, "rtsp": 554, "rtsps": 322}


class Kind(StrEnum):
    """How a camera is read."""

    HTTP = "http"
    RTSP = "rtsp"
    HOME_ASSISTANT = "home_assistant"


class CaptureReason(StrEnum):
    """Why a camera gives no pictures. SENTENCES has a sentence for each."""

    UNREACHABLE = "unreachable"
    TIMED_OUT = "timed_out"
    PASSWORD_REFUSED = "password_refused"  # noqa: S105 - a code
    NOT_FOUND = "not_found"
    HTTP_ERROR = "http_error"
    REDIRECTED = "redirected"
    CERTIFICATE = "certificate"
    TLS_FAILED = "tls_failed"
    NOT_A_PICTURE = "not_a_picture"
    TOO_LARGE = "too_large"
    BROKEN_STREAM = "broken_stream"
    STALLED = "stalled"
    ENDED = "ended"
    NO_VIDEO = "no_video"
    EXTRA_MISSING = "extra_missing"
    NO_BROKER = "no_broker"
    STARTING = "starting"
    HUNG = "hung"
    MEMORY = "memory"
    EXITED = "exited"
    START_FAILED = "start_failed"


SENTENCES: Final = {
    CaptureReason.UNREACHABLE: "it cannot be reached; check its address and its power",
    CaptureReason.TIMED_OUT: "it does not answer in time",
    CaptureReason.PASSWORD_REFUSED: (
        "it refuses the user name or password; the next attempt waits, because cameras lock accounts"
    ),
    CaptureReason.NOT_FOUND: "it has nothing at this path; check the URL",
    CaptureReason.HTTP_ERROR: "it answers with an error",
    CaptureReason.REDIRECTED: "it redirects to another host, which is not followed; set the final URL",
    CaptureReason.CERTIFICATE: "its certificate is not trusted; set `fingerprint` to pin the camera's own certificate",
    CaptureReason.TLS_FAILED: "no TLS connection can be made; check the scheme and the port of the URL",
    CaptureReason.NOT_A_PICTURE: "it sends something else than pictures; check the path of the URL",
    CaptureReason.TOO_LARGE: "its pictures are too large; choose a smaller size in the camera, or a sub-stream",
    CaptureReason.BROKEN_STREAM: "its stream cannot be decoded",
    CaptureReason.STALLED: "its stream has stopped",
    CaptureReason.ENDED: "it closed the connection",
    CaptureReason.NO_VIDEO: "its stream has no H.264, H.265 or MJPEG video",
    CaptureReason.EXTRA_MISSING: "RTSP needs PyAV",
    CaptureReason.NO_BROKER: "its process has no connection to the broker",
    CaptureReason.STARTING: "it has not sent a picture yet",
    CaptureReason.HUNG: "its process did not respond and was ended",
    CaptureReason.MEMORY: "its process used too much memory and was ended",
    CaptureReason.EXITED: "its process ended unexpectedly",
    CaptureReason.START_FAILED: "its process could not be started",
}


def sentence(reason: CaptureReason, detail: str = "") -> str:
    """Return a reason for a person; `detail` never holds a password."""
    return f"{SENTENCES[reason]} ({detail})" if detail else SENTENCES[reason]


class CaptureError(Exception):
    """A camera failed; `detail` is for a person, and never holds a password."""

    def __init__(self, reason: CaptureReason, detail: str = "") -> None:
        super().__init__(sentence(reason, detail))
        self.reason = reason
        self.detail = detail


class CameraSpec(msgspec.Struct, frozen=True):
    """A camera and how to read it; `url` holds no password. Rates are intervals in seconds."""

    doorbell: str
    url: str
    username: str = ""
    password: str = ""
    token: str = ""
    home_assistant: str = ""
    fingerprint: str = ""
    press_entity: str = ""
    motion_entity: str = ""
    idle_interval_s: float = 10.0
    motion_interval_s: float = 0.5
    burst_s: float = 2.0
    burst_frames: int = 3
    before_s: float = 2.0
    still_interval_s: float = 1.0
    max_bytes: int = 10_000_000
    max_pixels: int = 20_000_000
    buffer_bytes: int = 8_000_000
    memory_limit_bytes: int = 200_000_000
    sandbox: bool = True

    @property
    def kind(self) -> Kind:
        """How the camera is read."""
        scheme = urlsplit(self.url).scheme
        if scheme == HOME_ASSISTANT_SCHEME:
            return Kind.HOME_ASSISTANT
        return Kind.RTSP if scheme.startswith("rtsp") else Kind.HTTP

    @property
    def shown(self) -> str:
        """The address for a log or a page: without user, password and query, which may hold a password."""
        parts = urlsplit(self.url)
        return urlunsplit((parts.scheme, _host(self.url), parts.path, "", ""))

    @property
    def ports(self) -> frozenset[int]:
        """The TCP ports that the process needs: the camera's, and Home Assistant's."""
        parts = [urlsplit(url) for url in (self.url, self.home_assistant)]
        return frozenset(each.port or DEFAULT_PORTS[each.scheme] for each in parts if each.scheme in DEFAULT_PORTS)


@dataclass(frozen=True, slots=True)
class Credentials:
    """A user and a password."""

    username: str = ""
    password: str = ""


def split_credentials(url: str) -> tuple[str, Credentials]:
    """Return a URL without its user and password, and both."""
    parts = urlsplit(url)
    bare = urlunsplit((parts.scheme, _host(url), parts.path, parts.query, ""))
    return bare, Credentials(unquote(parts.username or ""), unquote(parts.password or ""))


def _host(url: str) -> str:
    return urlsplit(url).netloc.rpartition("@")[2]


@dataclass(frozen=True, slots=True, eq=False)
class Item:
    """What a camera sent at one moment: a JPEG, or a compressed packet of a stream (`data` is the decoder's).

    `size` is in bytes; a packet that is no key frame can be decoded only after those before it. `taken_s` is monotonic.
    """

    taken_s: float
    taken_at: datetime
    data: Any
    size: int
    is_key: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """A picture as JPEG, and when it was taken."""

    image: bytes
    taken_s: float
    taken_at: datetime


class Part(Protocol):
    """A part of a capture process with threads of its own."""

    def start(self) -> None:
        """Start them."""
        ...

    def close(self) -> None:
        """End them."""
        ...


class Decoder(Protocol):
    """Makes pictures of items."""

    codec: str
    """What the camera sends: `jpeg`, `h264`, `hevc`."""

    def decode(self, items: Sequence[Item]) -> Picture | None:
        """Return the last of these items as a picture, None if it is unusable; the first one is a key frame."""
        ...


class Source(Protocol):
    """A camera of one kind."""

    clock_difference_s: float | None
    """How far the camera's clock is ahead, None if it does not tell the time."""

    @property
    def decoder(self) -> Decoder:
        """What makes pictures of the items of this source."""
        ...

    def read(self, eager: Callable[[], bool]) -> Iterator[Item]:
        """Yield what the camera sends until `close`; `eager()` is whether every picture is wanted now.

        An item that is yielded again says that nothing has changed.

        Raise CaptureError when the camera fails.
        """
        ...

    def wake(self) -> None:
        """Have `read` look at `eager` at once."""
        ...

    def close(self) -> None:
        """End `read`, from another thread."""
        ...
