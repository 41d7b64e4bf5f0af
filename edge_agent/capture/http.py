"""Cameras over HTTP: a still at each request, or an MJPEG stream; the answer says which."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final

from edge_agent.capture.camera import CaptureError, CaptureReason, Item
from edge_agent.capture.http_client import NOT_MODIFIED, READ_S, CameraClient, read_body
from edge_agent.capture.jpeg import JpegDecoder
from edge_agent.capture.multipart import MIXED, MultipartParser, boundary_of
from edge_agent.errors import ImageError
from edge_agent.ingest.image_header import read_header

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import httpx

    from edge_agent.capture.camera import CameraSpec

EAGER_S: Final = 0.25
"""Between two stills around a press."""
STALL_S: Final = 2 * READ_S
"""A stream that sends no complete picture in this time has stopped."""
VALIDATORS: Final = {"etag": "If-None-Match", "last-modified": "If-Modified-Since"}
"""Headers of an answer, and those that ask whether it still holds (RFC 9110, section 13.1)."""


class HttpSource:
    """A camera with a URL for stills, or for an MJPEG stream."""

    def __init__(self, spec: CameraSpec, url: str = "", token: str = "") -> None:
        self.decoder = JpegDecoder(spec.max_pixels)
        self._url = url or spec.url
        self._client = CameraClient(spec, token=token)
        self._max_bytes = spec.max_bytes
        self._interval_s = spec.still_interval_s or spec.idle_interval_s
        self._woken = threading.Event()
        self._closed = False
        self.clock_difference_s: float | None = None
        self._validators: dict[str, str] = {}
        self._still: list[Item] = []
        """The last still: what the camera calls unchanged is yielded again, as the same item."""

    def read(self, eager: Callable[[], bool]) -> Iterator[Item]:
        """Yield every picture."""
        while not self._closed:
            began_s = time.monotonic()
            with self._client.get(self._url, self._validators) as response:
                self.clock_difference_s = clock_difference_s(response.headers.get("date", ""), datetime.now(UTC))
                yield from self._items(response)
            self._wait(began_s, eager)

    def wake(self) -> None:
        """Ask for a still now."""
        self._woken.set()

    def close(self) -> None:
        """End `read`."""
        self._closed = True
        self._woken.set()
        self._client.close()

    def _wait(self, began_s: float, eager: Callable[[], bool]) -> None:
        """Wait until the next still is due; a press shortens it."""
        while not self._closed:
            self._woken.clear()
            interval_s = min(EAGER_S, self._interval_s) if eager() else self._interval_s
            if not self._woken.wait(max(0.0, began_s + interval_s - time.monotonic())):
                return

    def _items(self, response: httpx.Response) -> Iterator[Item]:
        if response.status_code == NOT_MODIFIED:
            yield from self._still
            return
        content_type = response.headers.get("content-type", "")
        if content_type.lower().startswith(MIXED):
            yield from self._stream(response, content_type)
            raise CaptureError(CaptureReason.ENDED)
        self._validators = {
            asked: response.headers[name] for name, asked in VALIDATORS.items() if name in response.headers
        }
        self._still = [_item(read_body(response, self._max_bytes))]
        yield from self._still

    def _stream(self, response: httpx.Response, content_type: str) -> Iterator[Item]:
        boundary = boundary_of(content_type)
        if not boundary:
            raise CaptureError(CaptureReason.NOT_A_PICTURE, "its MJPEG stream names no boundary")
        parser = MultipartParser(boundary, self._max_bytes)
        good_s = time.monotonic()
        for chunk in response.iter_bytes():
            now = time.monotonic()
            for part in parser.feed(chunk):
                if (item := _item_or_none(part)) is not None:
                    good_s = now
                    yield item
            if self._closed:
                return
            if now - good_s > STALL_S:
                raise CaptureError(CaptureReason.STALLED)


def clock_difference_s(date: str, now_at: datetime) -> float | None:
    """Return how far the clock of a Date header is ahead, None if it is unusable."""
    try:
        return (parsedate_to_datetime(date) - now_at).total_seconds()
    except (ValueError, TypeError):
        return None


def _item_or_none(image: bytes) -> Item | None:
    """Return a part of a stream as an item, None if it is no picture: small cameras cut one off now and then."""
    try:
        return _item(image)
    except CaptureError:
        return None


def _item(image: bytes) -> Item:
    """Return a picture as an item; raise CaptureError if it is none."""
    try:
        read_header(image)
    except ImageError as error:
        raise CaptureError(CaptureReason.NOT_A_PICTURE, error.detail) from error
    return Item(time.monotonic(), datetime.now(UTC), image, len(image))
