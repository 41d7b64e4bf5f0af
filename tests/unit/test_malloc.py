"""The release of large blocks by glibc, with platform/malloc.py."""

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
"""The second block lies in the thread's own heap, and a later allocation keeps that heap from shrinking."""


SMALL_BLOCKS: Final = f"""
import psutil
from edge_agent.platform.malloc import return_freed_memory

def resident():
    return psutil.Process().memory_info().rss

blocks = [bytearray(2000) for _ in range({LARGE} // 2000)]
del blocks[:-1]
before = resident()
return_freed_memory()
print(before - resident())
"""
"""The last block keeps the heap from shrinking."""


WORKER: Final = """
import multiprocessing, resource
from edge_agent.wire import DetectorChoice, SharedBuffer, Stop, WorkerSpec, encode
from edge_agent.worker.main import serve

def frame():
    return [bytearray(size) for size in (1_500_000, 1_600_000, 1_700_000)]  # decoded, scaled, as floats

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

parent, pipe = multiprocessing.Pipe()
life, ours = multiprocessing.Pipe(duplex=False)
if serves:
    parent.send_bytes(encode(Stop()))
    spec = WorkerSpec(0, (DetectorChoice("mock", "script"),), max_pixels=1, memory_limit_bytes=0)
    serve(pipe, SharedBuffer.create(), encode(spec), life, SharedBuffer.create())
for _ in range(3):
    frame()
before = faults()
for _ in range(10):
    frame()
print((faults() - before) // 10)
"""
"""`serve` returns at once, and what it has set remains."""


def _kept_bytes(argument: str) -> int:
    command = [sys.executable, "-c", PROGRAM, argument]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def test_freed_large_blocks_are_returned_to_the_system() -> None:
    assert _kept_bytes("keep") > LARGE / 2, "glibc returns them by default: platform/malloc.py is not needed"
    assert _kept_bytes("return") < MEGABYTE


def test_freed_small_blocks_are_returned_on_request() -> None:
    done = subprocess.run([sys.executable, "-c", SMALL_BLOCKS], capture_output=True, text=True, check=True)
    assert int(done.stdout) > LARGE / 2


def _pages_per_frame(*, serves: bool) -> int:
    command = [sys.executable, "-c", f"serves = {serves}\n{WORKER}"]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def test_the_next_frame_of_a_worker_gets_the_memory_of_the_last() -> None:
    pages = 4_800_000 // 4096
    assert _pages_per_frame(serves=False) > pages / 2, "glibc keeps them by default: KEPT_BYTES is not needed"
    assert _pages_per_frame(serves=True) < pages / 20
