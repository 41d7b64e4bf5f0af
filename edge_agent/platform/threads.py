"""Threads, which the system may refuse to give."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge_agent.errors import NoThreadError

if TYPE_CHECKING:
    import threading


def start_thread(thread: threading.Thread) -> None:
    """Start a thread; raise NoThreadError, which is an OSError, if the system gives none."""
    try:
        thread.start()
    except RuntimeError as error:
        raise NoThreadError from error
