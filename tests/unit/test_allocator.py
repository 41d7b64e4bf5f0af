"""What glibc gives back of large blocks, by allocator.py."""

from __future__ import annotations

import subprocess
import sys
from typing import Final

MEGABYTE: Final = 1_000_000
LARGE: Final = 20 * MEGABYTE

PROGRAM: Final = f"""
import sys, threading, psutil
from edge_agent.platform.malloc import return_large_blocks

def resident():
    return psutil.Process().memory_info().rss

def hold_and_free():
    bytearray({LARGE})
    first = bytearray({LARGE})
    pinned.append(bytearray(600))
    del first

pinned = []
if sys.argv[1] == "return":
    return_large_blocks()
before = resident()
thread = threading.Thread(target=hold_and_free)
thread.start()
thread.join()
print(resident() - before)
"""
"""The second block comes to lie in the thread's own heap, and what is taken after it keeps that heap from shrinking."""


def _kept_bytes(argument: str) -> int:
    command = [sys.executable, "-c", PROGRAM, argument]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def test_large_blocks_are_given_back_when_they_are_free() -> None:
    assert _kept_bytes("keep") > LARGE / 2, "glibc gives them back by itself: allocator.py is not needed any more"
    assert _kept_bytes("return") < MEGABYTE
