"""One question to an RTSP camera before FFmpeg gets its password: FFmpeg would follow a redirect, password and all."""

from __future__ import annotations

import re
import socket
import ssl
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from edge_agent.capture.camera import DEFAULT_PORTS, CaptureError, CaptureReason
from edge_agent.capture.certificates import explain, tls_context

if TYPE_CHECKING:
    from collections.abc import Iterator

    from edge_agent.capture.camera import CameraSpec

CONNECT_S: Final = 5.0
MOST_BYTES: Final = 4096
_STATUS: Final = re.compile(rb"RTSP/\S{1,8} (\d{3})")


@contextmanager
def no_redirect(spec: CameraSpec) -> Iterator[None]:
    """Raise CaptureError if the camera is away, speaks another protocol, or redirects; its URL has no password.

    The connection stays open during the block: some servers refuse the next one while they clean up after this one.
    """
    question = f"DESCRIBE {spec.url} RTSP/1.0\r\nCSeq: 1\r\nAccept: application/sdp\r\n\r\n"
    with _connect(spec) as connection:
        status = _ask(connection, question.encode())
        if status is None:
            raise CaptureError(CaptureReason.BROKEN_STREAM, "it does not speak RTSP at this port")
        if status // 100 == 3:  # noqa: PLR2004 - RFC 2326, section 11.3
            raise CaptureError(CaptureReason.REDIRECTED)
        yield


def connect_tls(spec: CameraSpec) -> ssl.SSLSocket:
    """Return a connection with TLS to a camera whose certificate is trusted; raise CaptureError if there is none."""
    host, port = _address(spec)
    with _explained(host, port):
        connection = socket.create_connection((host, port), CONNECT_S)
        return tls_context(spec.fingerprint).wrap_socket(connection, server_hostname=host)


def _connect(spec: CameraSpec) -> socket.socket:
    if urlsplit(spec.url).scheme == "rtsps":
        return connect_tls(spec)
    host, port = _address(spec)
    with _explained(host, port):
        return socket.create_connection((host, port), CONNECT_S)


def _address(spec: CameraSpec) -> tuple[str, int]:
    parts = urlsplit(spec.url)
    return parts.hostname or "", parts.port or DEFAULT_PORTS[parts.scheme]


@contextmanager
def _explained(host: str, port: int) -> Iterator[None]:
    """Raise CaptureError for what may happen while a connection is made."""
    try:
        yield
    except TimeoutError as error:
        raise CaptureError(CaptureReason.TIMED_OUT) from error
    except ssl.SSLError as error:
        raise explain(error, host, port) from error
    except (OSError, ValueError) as error:  # a ValueError: the host is no name
        raise CaptureError(CaptureReason.UNREACHABLE) from error


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
