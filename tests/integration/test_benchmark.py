"""The benchmark `edge-agent bench`, with a scripted detector, and its drawn pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from edge_agent.benchmark.pictures import SIZE, read_frames
from edge_agent.benchmark.short import measure
from edge_agent.domain import DetectorPlan
from edge_agent.errors import SettingsError
from edge_agent.ingest.image_header import read_header
from edge_agent.settings.loading import load_settings
from edge_agent.settings.model import ModelSettings
from testing.pictures import jpeg
from testing.pools import scripted

if TYPE_CHECKING:
    from pathlib import Path


def test_the_benchmark_draws_its_picture() -> None:
    frames, shown = read_frames(None, ModelSettings())
    assert {(header.width, header.height) for header in map(read_header, frames)} == {SIZE}
    assert "simulated door" in shown


def test_a_missing_picture_gives_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"none\.jpg cannot be read: No such file"):
        read_frames(tmp_path / "none.jpg", ModelSettings())


@pytest.mark.heavy
@pytest.mark.timeout(300)
def test_a_whole_measurement_loses_no_frame() -> None:
    steps: list[str] = []
    plan = DetectorPlan((scripted(latency_ms=5),))
    settings = load_settings(None, {"pool": {"workers": 2}})
    found = measure(settings, plan, [jpeg()], "a pattern", steps.append)
    assert found.frames_lost == 0
    assert found.frames_offered > 100
    assert found.latency_ms >= 5
    assert found.worker_mb > 0
    assert steps
