"""Ends a process when its parent exits."""

from __future__ import annotations

import os
import sys
import threading


def end_with_parent() -> None:
    """End this process when its standard input closes, whatever it is doing."""
    threading.Thread(target=_wait_for_end, name="parent-watch", daemon=True).start()


def _wait_for_end() -> None:
    sys.stdin.read()
    os._exit(0)
