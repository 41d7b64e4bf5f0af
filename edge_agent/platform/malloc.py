"""Tuning of the C library's memory allocator, for each kind of process."""

from __future__ import annotations

import ctypes
from typing import Final

M_TRIM_THRESHOLD: Final = -1
M_MMAP_THRESHOLD: Final = -3
"""mallopt(3), glibc's malloc.h."""
LARGE_BYTES: Final = 2 << 20
"""Larger than a camera's frame, which is allocated without a system call."""


def return_large_blocks(large_bytes: int = LARGE_BYTES) -> None:
    """Return blocks of `large_bytes` to the system as soon as they are freed, from now on and in every thread.

    Smaller ones are kept, up to twice that size in all.

    By default, glibc adapts to the largest block ever freed and keeps space for several: one refused message of 20 MB
    made the agent 60 MB larger for good. Does nothing with another C library.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_MMAP_THRESHOLD, large_bytes)
        mallopt(M_TRIM_THRESHOLD, 2 * large_bytes)


def return_freed_memory() -> None:
    """Return everything that was freed to the system, which takes milliseconds."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
