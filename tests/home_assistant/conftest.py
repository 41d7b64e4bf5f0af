"""A real Home Assistant with its own broker, if one is installed."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from testing.recorder import Recorder
from testing.shared_data import shared

if TYPE_CHECKING:
    from collections.abc import Iterator

BROKER_AWAY = re.compile(
    r"Connection reset by peer|connection was lost|Disconnected from MQTT|Failed to connect|not currently connected"
)
OWN_DELETION = "No device components to cleanup"
"""Home Assistant deletes a device with one message for each component, and warns of all but the first."""


@pytest.fixture(scope="session")
def installation() -> Path:
    """Return Home Assistant's folder, or skip with the reason."""
    if "HA_INST" not in os.environ:
        pytest.skip("HA_INST is not set: it names the folder in which Home Assistant is installed")
    folder = Path(os.environ["HA_INST"])
    if not (folder / "ha" / "bin" / "python").exists():
        pytest.skip(f"Home Assistant is not installed: there is no {folder / 'ha' / 'bin' / 'python'}")
    return folder


@pytest.fixture(scope="session")
def harness(installation: Path) -> Any:
    """Return the class that starts and queries a real Home Assistant; it is part of the shared test data."""
    del installation  # it exists, or this test is skipped
    spec = importlib.util.spec_from_file_location("ha_harness", shared("ha", "ha_harness.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["ha_harness"] = module
    spec.loader.exec_module(module)
    return module.Harness


@pytest.fixture
def home(harness: Any, installation: Path, tmp_path: Path) -> Iterator[Any]:
    """Return a running Home Assistant, as `running` does."""
    with running(harness, installation, tmp_path / "home") as started:
        yield started


@contextlib.contextmanager
def running(
    harness: Any, installation: Path, folder: Path, extra_yaml: str = "", expected: str = "$^"
) -> Iterator[Any]:
    """Run a Home Assistant; at its end its log must have no warning about MQTT or automations.

    Warnings about a broker that a test stopped, and those that a test expects, are ignored.
    """
    with harness.start(folder, installation, extra_yaml=extra_yaml) as started:
        yield started
        complaints = started.logs(pattern=r"mqtt|automation|blueprint|template")
    ignored = re.compile(f"{BROKER_AWAY.pattern}|^{OWN_DELETION}|{expected}")
    assert [each for each in complaints if not ignored.search(each["message"])] == []


@pytest.fixture
def recorder(home: Any) -> Iterator[Recorder]:
    with Recorder(home.d["mqtt_port"]) as recorder:
        yield recorder
