"""Fixtures for all tests."""

from __future__ import annotations

import os
from collections import Counter
from typing import TYPE_CHECKING

import hypothesis
import pytest

from edge_agent.settings.loading import TEST_PREFIX
from edge_agent.settings.model import PREFIX
from edge_agent.worker.sandbox import WRITABLE_VARIABLE
from testing.broker import Mosquitto
from testing.recorder import Recorder
from testing.shared_data import PROJECT
from tests.wording import wording

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["wording"]

hypothesis.settings.register_profile("untimed", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("untimed")  # everything is slow on a busy machine


def pytest_configure(config: pytest.Config) -> None:
    """Let sandboxed workers record their coverage, if it is measured."""
    if config.getoption("cov_source", default=None):
        os.environ[WRITABLE_VARIABLE] = str(PROJECT)
        os.environ["COVERAGE_FILE"] = str(PROJECT / ".coverage")  # including commands that run in another folder


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the number of skipped tests for each reason."""
    skipped = terminalreporter.stats.get("skipped", [])
    reasons = Counter(str(report.longrepr[2]).removeprefix("Skipped: ") for report in skipped)
    for reason, count in reasons.most_common():
        terminalreporter.write_line(f"{count} skipped: {reason}")


@pytest.fixture
def mosquitto() -> Iterator[Mosquitto]:
    """Return a real, running broker; skip if mosquitto is not installed, fail under CI."""
    with Mosquitto() as broker:
        yield broker


@pytest.fixture
def recorder(mosquitto: Mosquitto) -> Iterator[Recorder]:
    """Return a client of that broker that receives everything."""
    with Recorder(mosquitto.port) as recorder:
        yield recorder


@pytest.fixture(autouse=True)
def _default_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Exclude the settings of the user who runs the tests."""
    for name in os.environ:
        if name.startswith(PREFIX) and not name.startswith(TEST_PREFIX):
            monkeypatch.delenv(name)
