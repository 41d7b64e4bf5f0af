"""Waiting for a condition, with a deadline."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

POLL_INTERVAL_S: Final = 0.02


def wait_until(
    condition: Callable[[], T | None],
    *,
    timeout_s: float = 40.0,
    why: Callable[[], str] = lambda: "",
    interval_s: float = POLL_INTERVAL_S,
) -> T:
    """Return the result of `condition` once it is true; fail, with `why`, after the timeout.

    `interval_s` is larger for a condition that starts a process each time.
    """
    deadline_s = time.monotonic() + timeout_s
    while not (found := condition()):
        if time.monotonic() > deadline_s:
            message = f"not true within {timeout_s:g} s: {why()}"
            raise AssertionError(message)
        time.sleep(interval_s)
    return found
