"""What every test may ask for."""

from __future__ import annotations

import os
from collections import Counter
from typing import TYPE_CHECKING

import hypothesis
import pytest

from edge_agent.settings import PREFIX
from edge_agent.settings_sources import TEST_PREFIX
from edge_agent.worker.confinement import WRITABLE_VARIABLE
from tests.broker import Mosquitto
from tests.recorder import Recorder
from tests.shared_data import PROJECT
from tests.wording import wording

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["wording"]

hypothesis.settings.register_profile("untimed", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("untimed")  # on a busy machine everything is slow


def pytest_configure(config: pytest.Config) -> None:
    """Let confined workers write down what of their code was run, where that is measured."""
    if config.getoption("cov_source", default=None):
        os.environ[WRITABLE_VARIABLE] = str(PROJECT)
        os.environ["COVERAGE_FILE"] = str(PROJECT / ".coverage")  # also of commands that run in another folder


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say for every reason how many tests were skipped."""
    skipped = terminalreporter.stats.get("skipped", [])
    reasons = Counter(str(report.longrepr[2]).removeprefix("Skipped: ") for report in skipped)
    for reason, count in reasons.most_common():
        terminalreporter.write_line(f"{count} skipped: {reason}")


@pytest.fixture
def mosquitto() -> Iterator[Mosquitto]:
    """Return a real broker that runs; skip where mosquitto is not installed, fail there under CI."""
    with Mosquitto() as broker:
        yield broker


@pytest.fixture
def recorder(mosquitto: Mosquitto) -> Iterator[Recorder]:
    """Return a client of that broker that hears everything."""
    with Recorder(mosquitto.port) as recorder:
        yield recorder


@pytest.fixture(autouse=True)
def _default_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the settings of whoever runs the tests out of them."""
    for name in os.environ:
        if name.startswith(PREFIX) and not name.startswith(TEST_PREFIX):
            monkeypatch.delenv(name)
