"""multipart/x-mixed-replace (MJPEG over HTTP): chunks of bytes in, pictures out. Pure, and bounded.

Cameras differ: the boundary with or without its dashes, with or without a length, bare line feeds. So a part begins
after the boundary's headers; it ends after its Content-Length, or at the next boundary.
"""

from __future__ import annotations

import re
from email.message import Message
from typing import Final

from edge_agent.capture.camera import CaptureError, CaptureReason

MIXED: Final = "multipart/x-mixed-replace"
HEADER_BYTES: Final = 8192
_BLANK_LINE: Final = re.compile(rb"\r?\n\r?\n")
_LENGTH: Final = re.compile(rb"(?im)^content-length:[ \t]*(\d{1,10})[ \t]*\r?$")


def boundary_of(content_type: str) -> bytes:
    """Return the boundary of a content type, b'' if it is not of this kind or names none."""
    message = Message()
    message["Content-Type"] = content_type
    boundary = message.get_boundary("") if message.get_content_type() == MIXED else ""
    return boundary.strip().removeprefix("--").encode("latin-1", "replace")


class MultipartParser:
    """Parses one answer; a part above `max_bytes` raises CaptureError."""

    def __init__(self, boundary: bytes, max_bytes: int) -> None:
        self._mark = b"--" + boundary
        self._max_bytes = max_bytes
        self._buffer = bytearray()
        self._length: int | None = None
        self._in_part = False
        self._searched = 0

    def feed(self, chunk: bytes) -> list[bytes]:
        """Return the parts that are complete with this chunk."""
        self._buffer += chunk
        parts: list[bytes] = []
        while (part := self._next()) is not None:
            if part:
                parts.append(part)
        return parts

    def _next(self) -> bytes | None:
        """Return the next part, b'' after a step without one, None if more bytes are needed."""
        return self._body() if self._in_part else self._headers()

    def _headers(self) -> bytes | None:
        start = self._buffer.find(self._mark)
        if start < 0:
            if len(self._buffer) > HEADER_BYTES + len(self._mark):
                raise CaptureError(CaptureReason.NOT_A_PICTURE, "its MJPEG stream has no boundary")
            return None
        end = _BLANK_LINE.search(self._buffer, start + len(self._mark))
        if end is None:
            if len(self._buffer) - start > HEADER_BYTES:
                raise CaptureError(CaptureReason.NOT_A_PICTURE, "the headers of its MJPEG stream are too long")
            return None
        said = _LENGTH.search(self._buffer, start, end.end())
        self._length = int(said[1]) if said else None
        if self._length is not None and self._length > self._max_bytes:
            raise CaptureError(CaptureReason.TOO_LARGE)
        del self._buffer[: end.end()]
        self._in_part, self._searched = True, 0
        return b""

    def _body(self) -> bytes | None:
        end = self._end()
        if end is None:
            if len(self._buffer) > self._max_bytes + HEADER_BYTES:
                raise CaptureError(CaptureReason.TOO_LARGE)
            return None
        part = bytes(self._buffer[:end])
        del self._buffer[:end]
        self._in_part = False
        return part

    def _end(self) -> int | None:
        """Return where the part ends, None if that has not arrived."""
        if self._length is not None:
            return self._length if len(self._buffer) >= self._length else None
        found = self._buffer.find(self._mark, self._searched)
        if found < 0:
            self._searched = max(0, len(self._buffer) - len(self._mark))
            return None
        return len(self._buffer[:found].rstrip(b"\r\n"))
