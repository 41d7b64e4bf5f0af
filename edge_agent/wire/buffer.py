"""Anonymous memory shared by parent and worker: picture bytes cross here, not through the pipe.

A memfd needs no /dev/shm (64 MB in a container by default, where writing past the end is a SIGBUS), and a
stopped worker never blocks the parent's write. `pwrite` and `pread` replace a mapping: they return an error
where a mapping raises SIGBUS.
"""

from __future__ import annotations

import fcntl
import os
from multiprocessing import reduction
from typing import Any

_KEEP_BYTES = 4 << 20
"""The memory of a larger frame is released after use."""


class SharedBuffer:
    """Holds one frame (parent to worker) or one picture (worker to parent) at a time; the pipe decides whose turn."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    @classmethod
    def create(cls) -> SharedBuffer:
        """Return a new, empty buffer owned by this process."""
        return cls(os.memfd_create("edge-agent-frame", os.MFD_CLOEXEC))

    @classmethod
    def sealed(cls, content: bytes) -> SharedBuffer:
        """Return a buffer with a content that nobody can change."""
        descriptor = os.memfd_create("edge-agent-model", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        buffer = cls(descriptor)
        buffer.write(content)
        seals = fcntl.F_SEAL_WRITE | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_SEAL
        fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, seals)
        return buffer

    def write(self, data: bytes, start: int = 0) -> None:
        """Write `data` at `start`; raise OSError if memory is short."""
        view = memoryview(data)
        written = 0
        while written < len(view):
            written += os.pwrite(self._fd, view[written:], start + written)

    def read(self, size: int, start: int = 0) -> bytes:
        """Return `size` bytes from `start` on."""
        data = os.pread(self._fd, size, start)
        if len(data) != size:
            message = f"the shared buffer holds {len(data)} of {size} bytes"
            raise EOFError(message)
        return data

    def fileno(self) -> int:
        """Return the descriptor, for a library that writes to one."""
        return self._fd

    def read_available(self, most: int) -> bytes:
        """Return the available bytes, at most `most`."""
        return os.pread(self._fd, most, 0)

    def trim(self) -> None:
        """Release the memory of an unusually large frame."""
        if os.fstat(self._fd).st_size > _KEEP_BYTES:
            os.ftruncate(self._fd, 0)

    def close(self) -> None:
        """Release this process's side."""
        os.close(self._fd)

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        """Pickle for a child process that is being started: only then can it inherit a descriptor."""
        return _receive, (reduction.DupFd(self._fd),)


def _receive(duplicate: Any) -> SharedBuffer:  # noqa: ANN401 - multiprocessing names no type for it
    return SharedBuffer(duplicate.detach())
