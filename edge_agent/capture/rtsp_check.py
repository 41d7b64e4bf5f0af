"""One question to an RTSP camera before FFmpeg gets its password: FFmpeg would follow a redirect, password and all."""

from __future__ import annotations

import re
import socket
from typing import Final

from edge_agent.capture.camera import CaptureError, CaptureReason

CONNECT_S: Final = 5.0
MOST_BYTES: Final = 4096
_STATUS: Final = re.compile(rb"RTSP/\S{1,8} (\d{3})")


def check_redirect(host: str, port: int, url: str) -> None:
    """Raise CaptureError if the camera is away, speaks another protocol, or redirects; `url` has no password."""
    status = _ask(host, port, f"DESCRIBE {url} RTSP/1.0\r\nCSeq: 1\r\nAccept: application/sdp\r\n\r\n".encode())
    if status is None:
        raise CaptureError(CaptureReason.BROKEN_STREAM, "it does not speak RTSP at this port")
    if status // 100 == 3:  # noqa: PLR2004 - RFC 2326, section 11.3
        raise CaptureError(CaptureReason.REDIRECTED)


def _ask(host: str, port: int, question: bytes) -> int | None:
    """Return the status of the answer, None if there is none."""
    try:
        with socket.create_connection((host, port), CONNECT_S) as connection:
            connection.settimeout(CONNECT_S)
            connection.sendall(question)
            with connection.makefile("rb") as stream:
                answer = stream.readline(MOST_BYTES)
    except TimeoutError as error:
        raise CaptureError(CaptureReason.TIMED_OUT) from error
    except (OSError, UnicodeError) as error:
        raise CaptureError(CaptureReason.UNREACHABLE) from error
    found = _STATUS.match(answer)
    return int(found[1]) if found else None
