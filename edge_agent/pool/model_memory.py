"""The models in memory: workers load the bytes that were verified, whatever becomes of the files.

Each is an anonymous file that nobody can change any more (memfd_create(2), file sealing), made once in this process.
"""

from __future__ import annotations

import errno
import threading
from typing import TYPE_CHECKING, Final

from edge_agent.platform.regular_file import digest, read_regular
from edge_agent.wire import SharedBuffer

if TYPE_CHECKING:
    from edge_agent.wire import ModelFile, WorkerSpec

MOST_BYTES: Final = 200_000_000
_lock: Final = threading.Lock()
_sealed: Final[dict[ModelFile, SharedBuffer]] = {}


def models_of(spec: WorkerSpec) -> tuple[SharedBuffer, ...]:
    """Return the models that a worker may load, in the order of `spec.files()`; raise OSError for a wrong one."""
    with _lock:
        return tuple(_model(file) for file in spec.files())


def _model(file: ModelFile) -> SharedBuffer:
    if file not in _sealed:
        content = read_regular(file.path, MOST_BYTES, follow=True)
        if digest(content, file.hashed) != file.digest:
            message = f"{file.path} is another file than the one that was verified"
            raise OSError(errno.EBADMSG, message)
        _sealed[file] = SharedBuffer.sealed(content)
    return _sealed[file]
