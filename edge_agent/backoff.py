"""How long to wait before another try. Pure, but for the jitter."""

from __future__ import annotations

from tenacity import RetryCallState, Retrying, wait_exponential_jitter


def backoff_s(attempt: int, first_s: float, longest_s: float) -> float:
    """Return the wait before `attempt` (from 1): doubling, with jitter of a tenth, never over `longest_s`."""
    state = RetryCallState(Retrying(), None, (), {})
    state.attempt_number = attempt
    return wait_exponential_jitter(multiplier=first_s, max=longest_s, jitter=first_s / 10)(state)
