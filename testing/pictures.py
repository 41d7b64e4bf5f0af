"""Pictures drawn by the tests themselves, and the visitors of the simulated door."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import cv2
import numpy as np

from edge_agent.demo import resolve_visitors
from edge_agent.demo.visitors import CutOut, read_visitors
from edge_agent.errors import DemoUnavailableError
from testing.shared_data import missing

if TYPE_CHECKING:
    from pathlib import Path


@functools.cache
def jpeg(width: int = 320, height: int = 240, seed: int = 0) -> bytes:
    """Return a JPEG of a smooth random pattern without a face."""
    small = np.random.default_rng(seed).integers(0, 255, (8, 8, 3), np.uint8)
    pixels = cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)
    return bytes(cv2.imencode(".jpg", pixels)[1].tobytes())


@functools.cache
def noise() -> bytes:
    """Return a JPEG of less than 60 kB whose annotated copy is larger than that."""
    small = np.random.default_rng(1).integers(0, 255, (36, 48, 3), np.uint8)
    pixels = cv2.resize(small, (1280, 960), interpolation=cv2.INTER_CUBIC)
    return bytes(cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 15])[1].tobytes())


@functools.cache
def png(width: int = 64, height: int = 48) -> bytes:
    """Return a grey PNG."""
    return bytes(cv2.imencode(".png", np.full((height, width, 3), 128, np.uint8))[1].tobytes())


@functools.cache
def visitor_files() -> list[Path]:
    """Return the visitors' pictures; skip if they cannot be fetched, fail under CI."""
    try:
        return resolve_visitors()
    except DemoUnavailableError as error:
        missing(str(error))


@functools.cache
def visitors() -> list[CutOut]:
    """Return the visitors of the simulated door."""
    return read_visitors(visitor_files())
