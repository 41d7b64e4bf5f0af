"""Packets of a video stream to pictures: H.264, H.265 or MJPEG in, JPEG out, with PyAV."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

from edge_agent.capture.camera import Item, Picture
from edge_agent.platform.malloc import return_freed_memory

if TYPE_CHECKING:
    from collections.abc import Sequence

CODECS: Final = frozenset({"h264", "hevc", "mjpeg"})
JPEG_QUALITY: Final = 3
"""FFmpeg's quality scale of MJPEG, 2 (best) to 31."""
BLANK_SPREAD: Final = 24
"""A luma plane whose values differ by less shows nothing: it is black, grey or white."""
BLANK_S: Final = 3.0
"""Some cameras first send such frames, for up to this time; later a dark picture is a dark night."""
SAMPLES: Final = 2000
TIME_BASE: Final = Fraction(1, 25)
"""The encoder asks for times, and numbers are enough."""
LOW_DELAY: Final = 1 << 19
"""AV_CODEC_FLAG_LOW_DELAY: a frame comes out with its own packet."""


class VideoDecoder:
    """Decodes from a key frame on, and goes on from there when asked for a later packet of the same group."""

    codec = ""

    def __init__(self, max_pixels: int) -> None:
        self._max_pixels = max_pixels
        self._extradata: bytes | None = None
        self._context: Any = None
        self._last: Item | None = None
        """The last packet that the decoder was given."""
        self._frame: Any = None
        self._began_s: float | None = None

    def prepare(self, codec: str, extradata: bytes | None) -> None:
        """Begin another stream."""
        self.codec, self._extradata = codec, extradata
        self._began_s = None
        self._release()

    def decode(self, items: Sequence[Item]) -> Picture | None:
        """Return the last of these packets as JPEG; the first one is a key frame."""
        import av  # noqa: PLC0415 - an extra, which this process may lack

        try:
            frame = self._decode(items)
            if (
                frame is None
                or self._is_first_and_blank(frame, items[-1].taken_s)
                or frame.width * frame.height > self._max_pixels
            ):
                return None
            picture = Picture(_encode(frame), items[-1].taken_s, items[-1].taken_at)
        except (av.FFmpegError, ValueError, MemoryError):
            self._release()
            return None
        if len(items) == 1:
            self._rest()
        return picture

    def _rest(self) -> None:
        """Hold nothing until the next picture: an idle camera gives key frames alone, and codecs hold megabytes."""
        self._release()
        return_freed_memory()

    def _release(self) -> None:
        self._context = self._last = self._frame = None

    def _is_first_and_blank(self, frame: Any, taken_s: float) -> bool:  # noqa: ANN401 - PyAV's frame
        if self._began_s is None:
            self._began_s = taken_s
        return taken_s - self._began_s < BLANK_S and _is_blank(frame)

    def _decode(self, items: Sequence[Item]) -> Any:  # noqa: ANN401 - PyAV's frame
        for item in self._continued(items):
            self._last = item
            for frame in self._context.decode(item.data):
                self._frame = frame
        if self._frame is None:  # a decoder that holds frames back gives them at the end
            for frame in self._context.decode(None):
                self._frame = frame
            self._last, frame = None, self._frame
            return frame
        return self._frame

    def _continued(self, items: Sequence[Item]) -> Sequence[Item]:
        """Return the packets that the decoder lacks; begin anew where it does not stand within them."""
        for number, item in enumerate(items):
            if item is self._last and self._context is not None:
                return items[number + 1 :]
        self._begin()
        return items

    def _begin(self) -> None:
        import av  # noqa: PLC0415 - as above

        self._context = av.CodecContext.create(self.codec, "r")
        if self._extradata:
            self._context.extradata = self._extradata
        self._context.thread_count = 1
        self._context.flags |= LOW_DELAY
        self._frame = self._last = None


def _encode(frame: Any) -> bytes:  # noqa: ANN401 - PyAV's frame
    """Return a frame as JPEG; an encoder that is kept would hold 10 MB, and a new one takes 3 ms."""
    import av  # noqa: PLC0415 - an extra, which this process may lack

    encoder: Any = av.CodecContext.create("mjpeg", "w")
    encoder.width, encoder.height, encoder.pix_fmt = frame.width, frame.height, "yuvj420p"
    encoder.time_base = TIME_BASE
    encoder.qmin = encoder.qmax = JPEG_QUALITY
    encoder.thread_count = 1
    picture = frame.reformat(format="yuvj420p")
    picture.pts, picture.time_base = 0, TIME_BASE
    return b"".join(bytes(packet) for packet in encoder.encode(picture))


def _is_blank(frame: Any) -> bool:  # noqa: ANN401 - PyAV's frame
    """Return whether a frame shows one shade only, as some cameras send first."""
    plane = memoryview(frame.planes[0])
    values = plane[:: max(1, len(plane) // SAMPLES)].tobytes()
    return max(values) - min(values) < BLANK_SPREAD
