"""Cameras with an RTSP stream, read by PyAV over TCP and kept open. Packets are copied to the ring, not decoded.

With `rtsps://`, PyAV reads through `tls_tunnel`, which checks the certificate.
"""

from __future__ import annotations

import time
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlsplit, urlunsplit

from edge_agent.capture.camera import CaptureError, CaptureReason, Item
from edge_agent.capture.rtsp_check import connect_tls, no_redirect
from edge_agent.capture.tls_tunnel import entrance_for
from edge_agent.capture.video import CODECS, VideoDecoder
from edge_agent.platform.installation import Extra, add_instruction

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from edge_agent.capture.camera import CameraSpec
    from edge_agent.capture.tls_tunnel import TunnelEntrance

try:
    import av
    from av import logging as av_logging
except ImportError:  # the extra is not installed
    av = None  # type: ignore[assignment]

OPEN_S: Final = 10.0
READ_S: Final = 5.0
OPTIONS: Final = {
    "rtsp_transport": "tcp",
    "rtsp_flags": "prefer_tcp",
    "allowed_media_types": "video",
    "protocol_whitelist": "rtsp,rtp,tcp",
    "fflags": "nobuffer",
    "max_delay": "500000",
    "probesize": "500000",
    "analyzeduration": "1000000",
    "user_agent": "edge-agent",
}
"""FFmpeg's options of the RTSP demuxer; no protocol that reads a file is allowed."""


def check_installed() -> None:
    """Raise CaptureError, with the command that adds it, if PyAV is missing."""
    if av is None:
        raise CaptureError(CaptureReason.EXTRA_MISSING, f"to add it, {add_instruction(Extra.RTSP)}")


class RtspSource:
    """A camera's stream; `decoder` makes pictures of its packets."""

    clock_difference_s: float | None = None

    def __init__(self, spec: CameraSpec, entrance: TunnelEntrance | None = None) -> None:
        """Read a camera; `entrance` is the one that the sandbox knows, if there is a sandbox."""
        check_installed()
        av_logging.set_level(av_logging.PANIC)
        self.decoder = VideoDecoder(spec.max_pixels)
        self._spec = spec
        self._closed = False
        self._own_entrance = entrance_for(spec) if entrance is None else None
        self._entrance = entrance or self._own_entrance

    def read(self, eager: Callable[[], bool]) -> Iterator[Item]:
        """Yield every packet of the video."""
        del eager  # the ring holds every packet anyway
        try:
            with ExitStack() as opened:
                with no_redirect(self._spec):
                    url = self._url(opened.enter_context(self._place()))
                    container = av.open(url, options=OPTIONS, timeout=(OPEN_S, READ_S))
                opened.enter_context(container)
                yield from self._packets(container)
        except av.FFmpegError as error:
            raise explain(error) from None  # its message holds the URL with the password
        except OSError as error:
            raise CaptureError(CaptureReason.UNREACHABLE) from error
        raise CaptureError(CaptureReason.ENDED)

    def wake(self) -> None:
        """Do nothing: the stream comes by itself."""

    def close(self) -> None:
        """End `read` at the next packet."""
        self._closed = True
        if self._own_entrance is not None:
            self._own_entrance.close()

    @contextmanager
    def _place(self) -> Iterator[str]:
        """Yield the host and port that FFmpeg connects to."""
        if self._entrance is None:
            yield urlsplit(self._spec.url).netloc
        else:
            with self._entrance.leading_to(connect_tls(self._spec)) as place:
                yield place

    def _packets(self, container: Any) -> Iterator[Item]:  # noqa: ANN401 - of PyAV, which may be missing
        if not container.streams.video:
            raise CaptureError(CaptureReason.NO_VIDEO)
        stream = container.streams.video[0]
        context = stream.codec_context
        if context.name not in CODECS:
            raise CaptureError(CaptureReason.NO_VIDEO, f"it sends {context.name}")
        self.decoder.prepare(context.name, context.extradata)
        for packet in container.demux(stream):
            if self._closed:
                return
            if packet.size:
                yield Item(time.monotonic(), datetime.now(UTC), packet, packet.size, bool(packet.is_keyframe))

    def _url(self, place: str) -> str:
        """Return the URL with the password, which FFmpeg takes from there alone."""
        parts = urlsplit(self._spec.url)
        user, password = quote(self._spec.username, safe=""), quote(self._spec.password, safe="")
        login = f"{user}:{password}@" if user or password else ""
        return urlunsplit(("rtsp", f"{login}{place}", parts.path, parts.query, ""))


def explain(error: Any) -> CaptureError:  # noqa: ANN401 - of PyAV, which may be missing
    """Return an error of FFmpeg as ours, by its type; its text holds the URL."""
    reasons = (
        ((av.error.HTTPUnauthorizedError, av.error.HTTPForbiddenError), CaptureReason.PASSWORD_REFUSED),
        ((av.error.HTTPNotFoundError,), CaptureReason.NOT_FOUND),
        ((av.error.HTTPError,), CaptureReason.HTTP_ERROR),
        ((av.error.ExitError, TimeoutError), CaptureReason.TIMED_OUT),
        ((av.error.EOFError,), CaptureReason.ENDED),
        ((av.error.InvalidDataError,), CaptureReason.BROKEN_STREAM),
        ((OSError,), CaptureReason.UNREACHABLE),
    )
    return CaptureError(
        next((reason for kinds, reason in reasons if isinstance(error, kinds)), CaptureReason.BROKEN_STREAM)
    )
