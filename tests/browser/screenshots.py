"""Make docs/page.png with a real agent and a real browser: the page on a desktop, and on a phone in dark mode.

Usage: python -P -m tests.browser.screenshots
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np

from edge_agent.demo.porch import Scene, draw
from edge_agent.demo.visitors import read_visitors
from testing.agent_process import AgentProcess
from testing.broker import Mosquitto, free_port
from testing.recorder import Recorder
from testing.shared_data import PROJECT
from tests.browser.chromium import Chromium

HEIGHT: Final = 838
DESKTOP: Final = (1010, HEIGHT, "light")
PHONE: Final = (390, HEIGHT, "dark")
SECONDS: Final = 60
"""So long pictures are sent before: the chart shows a course."""
WIDTH: Final = 1400


def main() -> None:
    """Write the picture into docs."""
    port = free_port()
    with (
        tempfile.TemporaryDirectory() as folder,
        Mosquitto() as broker,
        Recorder(broker.port) as recorder,
        AgentProcess.with_real_detector(
            broker.port, AGENT_ID="hallway", HTTP__ENABLED="true", HTTP__PORT=str(port), IMAGES__SNAPSHOT_INTERVAL_S="2"
        ),
        Chromium() as browser,
    ):
        recorder.wait_for("edge_agent/hallway/health", lambda health: health["workers_alive"] == 2)
        _visit(recorder)
        shots = [_shot(browser, f"http://127.0.0.1:{port}/", look, Path(folder)) for look in (DESKTOP, PHONE)]
    both = np.concatenate([cv2.resize(each, (width, HEIGHT), interpolation=cv2.INTER_AREA)
                           for each, (width, _, _) in zip(shots, (DESKTOP, PHONE), strict=True)], axis=1)  # fmt: skip
    path = PROJECT / "docs" / "page.png"
    cv2.imwrite(str(path), both, [cv2.IMWRITE_PNG_COMPRESSION, 9])
    print(f"{path}: {path.stat().st_size / 1000:.0f} kB")  # noqa: T201 - output of a script


def _visit(recorder: Recorder) -> None:
    """Send two pictures a second of a visitor who comes nearer, and press."""
    visitor = read_visitors()[0]
    for number in range(2 * SECONDS):
        near = draw(Scene(visitor, distance_m=1.5 - 0.6 * number / (2 * SECONDS), sideways_m=0.08))
        image = cv2.imencode(".jpg", near)[1].tobytes()
        trigger = "press" if number == 2 * SECONDS - 1 else "motion"
        recorder.publish("doorbell/front/frame", image, user={"trigger": trigger})
        time.sleep(0.5)
    recorder.wait_for("doorbell/front/answer")


def _shot(browser: Chromium, url: str, look: tuple[int, int, str], folder: Path) -> np.ndarray[Any, Any]:
    browser.look_like(*look)
    browser.open(url)
    path = folder / f"{look[2]}.png"
    browser.wait_for("document.querySelector('.picture img')?.naturalWidth > 0")
    browser.save(path)
    return np.asarray(cv2.imread(str(path)))


if __name__ == "__main__":
    main()
