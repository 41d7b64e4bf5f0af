"""Pictures that are JPEGs already."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge_agent.capture.camera import Picture
from edge_agent.errors import ImageError
from edge_agent.ingest.image_header import check_size, read_header

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edge_agent.capture.camera import Item


class JpegDecoder:
    """Passes pictures on unchanged, if their header is valid; decodes nothing."""

    codec = "jpeg"

    def __init__(self, max_pixels: int) -> None:
        self._max_pixels = max_pixels

    def decode(self, items: Sequence[Item]) -> Picture | None:
        """Return the last item; every JPEG stands alone."""
        item = items[-1]
        try:
            check_size(read_header(item.data), self._max_pixels)
        except ImageError:
            return None
        return Picture(item.data, item.taken_s, item.taken_at)
