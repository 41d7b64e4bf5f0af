"""Ends a process when the one that started it goes away."""

from __future__ import annotations

import os
import sys
import threading


def end_with_parent() -> None:
    """End this process when its standard input closes, whatever it is doing then."""
    threading.Thread(target=_wait_for_end, name="parent-watch", daemon=True).start()


def _wait_for_end() -> None:
    sys.stdin.read()
    os._exit(0)
