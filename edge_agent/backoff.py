"""The wait before another attempt. Pure, except for its jitter."""

from __future__ import annotations

import random
from typing import Final

MOST_DOUBLINGS: Final = 100
"""By then every limit is reached, and no number overflows."""


def backoff_s(attempt: int, first_s: float, longest_s: float) -> float:
    """Return the wait before `attempt` (from 1): doubling, with a jitter of 10 %, at most `longest_s`."""
    doubled_s = first_s * 2.0 ** min(attempt - 1, MOST_DOUBLINGS)
    return min(longest_s, doubled_s + random.uniform(0, first_s / 10))  # noqa: S311 - not for a secret
