"""The formula of docs/scaling.md."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.scale import Load, need


def test_a_thousand_doorbells() -> None:
    found = need(1_000, Load())
    assert found.frames_per_s == pytest.approx(100)
    assert found.broker_mbit_per_s == pytest.approx(162.4)
    assert found.agent_cores == pytest.approx(2.83, abs=0.01)
    assert found.agents == 16  # as each takes 64 doorbells, at its default


@given(st.integers(1, 10**6), st.integers(1, 10**6))
def test_more_doorbells_never_need_less(one: int, more: int) -> None:
    few, many = need(one, Load()), need(one + more, Load())
    assert few.agents <= many.agents
    assert few.broker_mbit_per_s < many.broker_mbit_per_s
    assert few.session_mb < many.session_mb


@given(st.integers(1, 10**6), st.floats(0.1, 1000), st.floats(0.001, 100))
def test_agents_are_enough_for_both_limits(doorbells: int, inference_ms: float, frames_per_s: float) -> None:
    load = Load(inference_ms=inference_ms, frames_per_s=frames_per_s)
    found = need(doorbells, load)
    assert found.agents * load.doorbells_per_agent >= doorbells
    assert found.agents * load.workers >= found.agent_cores
