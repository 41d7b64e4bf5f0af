"""What every benchmark is given: settings, detectors, frames, and how long it may take."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench import frames
from edge_agent.app import find_detectors
from edge_agent.settings.loading import load_settings

if TYPE_CHECKING:
    from pathlib import Path

    from bench.frames import Image
    from edge_agent.domain import DetectorPlan
    from edge_agent.settings.model import Settings
    from edge_agent.wire import DetectorChoice


@dataclass(frozen=True, slots=True)
class Setup:
    """Pictures and frames (their JPEGs), and the effort: `rounds` of bursts of `burst_s` each."""

    settings: Settings
    detectors: DetectorPlan
    images: list[Image]
    frames: list[bytes]
    described: str
    rounds: int
    burst_s: float

    @property
    def workers(self) -> int:
        """As many workers as cores."""
        return self.settings.pool.workers

    @property
    def choice(self) -> DetectorChoice:
        """The detector of the cpu strategy."""
        return self.detectors.choices[0]


def prepare(pictures: Path | None, models: Path | None, *, rounds: int, burst_s: float) -> Setup:
    """Return the setup; agents that are started later find the models and the strategy in their environment."""
    os.environ["EDGE_AGENT_DETECTION__STRATEGIES"] = "cpu"
    if models is not None:
        os.environ["EDGE_AGENT_MODELS__DIR"] = str(models)
    settings = load_settings(None, {"pool": {"workers": len(os.sched_getaffinity(0))}})
    images = frames.pictures(pictures)
    jpegs = frames.jpegs(images)
    described = frames.describe(pictures, jpegs)
    return Setup(settings, find_detectors(settings), images, jpegs, described, rounds, burst_s)
