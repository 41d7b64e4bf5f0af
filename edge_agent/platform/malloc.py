"""The C library's memory: what the parent process wants of it."""

from __future__ import annotations

import ctypes
from typing import Final

M_TRIM_THRESHOLD: Final = -1
M_MMAP_THRESHOLD: Final = -3
"""mallopt(3), glibc's malloc.h."""
LARGE_BYTES: Final = 2 << 20
"""More than a camera's frame, which is to be had without a system call."""
IDLE_BYTES: Final = 2 * LARGE_BYTES


def return_large_blocks() -> None:
    """Have blocks of LARGE_BYTES given back to the system as soon as they are free, from now on and in every thread.

    Left alone, glibc takes the largest block that was ever freed for usual and keeps the room of several: one message
    of 20 MB, refused, made the agent 60 MB larger for good. Nothing is done where the C library is another one.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_MMAP_THRESHOLD, LARGE_BYTES)
        mallopt(M_TRIM_THRESHOLD, IDLE_BYTES)
