"""A limit on every exit: a process that a signal ends, or whose work is done, is gone a few seconds later.

Exit handlers, joined threads and look-ups of names have no limits of their own. A thread keeps this one: it also works
while the main thread waits in native code, and in the first process of a container, which no signal ends by default.
"""

from __future__ import annotations

import contextlib
import math
import os
import select
import signal
import threading
import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from types import FrameType

LIMIT_S: Final = 4.0
SIGNALED: Final = 128
"""The exit code of a process that a signal ends is this plus the signal's number, as in a shell."""
BEGIN: Final = 0
"""Stands for `begin` among the numbers of signals."""
_CAUSES: Final = frozenset({BEGIN, signal.SIGTERM, signal.SIGINT})


class ExitLimit:
    """Ends this process `limit_s` after the first SIGTERM or SIGINT, and LIMIT_S after `begin`."""

    def __init__(self) -> None:
        self.limit_s = LIMIT_S
        self._code: int | None = None
        self._reader, self._writer = -1, -1

    def start(self) -> None:
        """Keep the limit from now on. SIGTERM ends the process at once, until `close_on_sigterm`."""
        self._reader, self._writer = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)
        signal.signal(signal.SIGTERM, _exit_now)
        with contextlib.suppress(RuntimeError):  # the system gives no thread
            threading.Thread(target=self._watch, name="exit-limit", daemon=True).start()

    @staticmethod
    def close_on_sigterm() -> None:
        """From now on, SIGTERM raises SystemExit in the main thread, to close what is open."""
        signal.signal(signal.SIGTERM, _exit_on_signal)

    def begin(self, code: int) -> None:
        """Exit with that code within the limit."""
        self._code = code
        with contextlib.suppress(OSError):
            os.write(self._writer, bytes((BEGIN,)))

    def _watch(self) -> None:
        due_s, code = math.inf, 0
        while (left_s := due_s - time.monotonic()) > 0:
            select.select([self._reader], [], [], None if left_s == math.inf else left_s)
            for cause in self._read_causes():
                code = SIGNALED + cause if cause else code
                due_s = min(due_s, time.monotonic() + (self.limit_s if cause else LIMIT_S))
        _kill_children()
        os._exit(code if self._code is None else self._code)

    def _read_causes(self) -> list[int]:
        with contextlib.suppress(BlockingIOError):
            return [number for number in os.read(self._reader, 64) if number in _CAUSES]
        return []


EXIT_LIMIT: Final = ExitLimit()
"""The limit of this process."""


def exit_behind(error: BaseException | None) -> SystemExit | None:
    """Return the SystemExit that another exception hides: some code of Python and pydantic wraps what it catches."""
    while error is not None and not isinstance(error, SystemExit):
        error = error.__cause__ or error.__context__
    return error


def _exit_now(number: int, _frame: FrameType | None) -> None:
    os._exit(SIGNALED + number)


def _exit_on_signal(number: int, _frame: FrameType | None) -> None:
    signal.signal(number, _exit_now)
    raise SystemExit(SIGNALED + number)


def _kill_children() -> None:
    """Leave no process behind that this one would have ended, such as pip."""
    import psutil  # noqa: PLC0415 - a start should not pay for it

    with contextlib.suppress(psutil.Error, OSError):
        for child in psutil.Process().children(recursive=True):
            with contextlib.suppress(psutil.Error):
                child.kill()
