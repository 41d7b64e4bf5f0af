"""Work on a thread that no exit waits for."""

from __future__ import annotations

import functools
import threading
import time

from edge_agent.platform.background import BackgroundWorker


def test_everything_is_done_in_order_before_it_closes() -> None:
    done: list[int] = []
    worker = BackgroundWorker("test")
    for number in range(5):
        worker.submit(lambda number=number: done.append(number))  # type: ignore[misc]
    assert worker.close()
    assert done == [0, 1, 2, 3, 4]


def test_a_function_that_fails_does_not_affect_the_next_one() -> None:
    done = threading.Event()
    worker = BackgroundWorker("test")
    worker.submit(_fail)
    worker.submit(done.set)
    assert worker.close()
    assert done.is_set()


def test_a_function_that_hangs_is_not_waited_for() -> None:
    hangs = threading.Event()
    worker = BackgroundWorker("test")
    worker.submit(functools.partial(_wait, hangs))
    began_s = time.monotonic()
    assert not worker.close(0.1)
    assert time.monotonic() - began_s < 5
    hangs.set()
    assert worker.close()


def _fail() -> None:
    raise ValueError


def _wait(event: threading.Event) -> None:
    event.wait(30)
