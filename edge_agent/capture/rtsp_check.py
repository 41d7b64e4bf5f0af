"""One question to an RTSP camera before FFmpeg gets its password: FFmpeg would follow a redirect, password and all."""

from __future__ import annotations

import re
import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from edge_agent.capture.camera import CaptureError, CaptureReason

if TYPE_CHECKING:
    from collections.abc import Iterator

CONNECT_S: Final = 5.0
MOST_BYTES: Final = 4096
_STATUS: Final = re.compile(rb"RTSP/\S{1,8} (\d{3})")


@contextmanager
def no_redirect(host: str, port: int, url: str) -> Iterator[None]:
    """Raise CaptureError if the camera is away, speaks another protocol, or redirects; `url` has no password.

    The connection stays open during the block: some servers refuse the next one while they clean up after this one.
    """
    try:
        connection = socket.create_connection((host, port), CONNECT_S)
    except TimeoutError as error:
        raise CaptureError(CaptureReason.TIMED_OUT) from error
    except (OSError, UnicodeError) as error:
        raise CaptureError(CaptureReason.UNREACHABLE) from error
    with connection:
        status = _ask(connection, f"DESCRIBE {url} RTSP/1.0\r\nCSeq: 1\r\nAccept: application/sdp\r\n\r\n".encode())
        if status is None:
            raise CaptureError(CaptureReason.BROKEN_STREAM, "it does not speak RTSP at this port")
        if status // 100 == 3:  # noqa: PLR2004 - RFC 2326, section 11.3
            raise CaptureError(CaptureReason.REDIRECTED)
        yield


def _ask(connection: socket.socket, question: bytes) -> int | None:
    """Return the status of the answer, None if there is none."""
    connection.settimeout(CONNECT_S)
    try:
        connection.sendall(question)
        with connection.makefile("rb") as stream:
            answer = stream.readline(MOST_BYTES)
    except TimeoutError as error:
        raise CaptureError(CaptureReason.TIMED_OUT) from error
    except OSError as error:
        raise CaptureError(CaptureReason.ENDED) from error
    found = _STATUS.match(answer)
    return int(found[1]) if found else None
