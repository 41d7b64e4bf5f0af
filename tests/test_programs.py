"""Tests whose program is missing or does not start report it, and leave nothing behind."""

from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING

import pytest

from testing import programs
from testing.broker import Mosquitto

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder in which temporary files are made."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize(("ci", "outcome"), [("false", pytest.skip.Exception), ("true", pytest.fail.Exception)])
def test_a_missing_program_skips_the_test_and_fails_it_under_ci(
    temporary: Path, monkeypatch: pytest.MonkeyPatch, ci: str, outcome: type[BaseException]
) -> None:
    monkeypatch.setattr(programs, "PLACES", str(temporary))
    monkeypatch.setenv("CI", ci)
    with pytest.raises(outcome, match="mosquitto is not installed"), Mosquitto():
        pass
    assert list(temporary.iterdir()) == []


@pytest.mark.broker
def test_a_broker_that_does_not_start_leaves_nothing(temporary: Path) -> None:
    broker = Mosquitto("nonsense true")
    with pytest.raises(RuntimeError, match="nonsense"), broker:
        pass
    assert list(temporary.iterdir()) == []
