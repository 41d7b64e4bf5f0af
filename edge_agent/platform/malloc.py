"""Tuning of the C library's memory allocator for the parent process."""

from __future__ import annotations

import ctypes
from typing import Final

M_TRIM_THRESHOLD: Final = -1
M_MMAP_THRESHOLD: Final = -3
"""mallopt(3), glibc's malloc.h."""
LARGE_BYTES: Final = 2 << 20
"""Larger than a camera's frame, which is allocated without a system call."""
IDLE_BYTES: Final = 2 * LARGE_BYTES


def return_large_blocks() -> None:
    """Return blocks of LARGE_BYTES to the system as soon as they are freed, from now on and in every thread.

    By default, glibc adapts to the largest block ever freed and keeps space for several: one refused message of 20 MB
    made the agent 60 MB larger for good. Does nothing with another C library.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_MMAP_THRESHOLD, LARGE_BYTES)
        mallopt(M_TRIM_THRESHOLD, IDLE_BYTES)
