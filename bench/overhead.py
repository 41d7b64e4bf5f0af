"""From message received to event published, less decoding and inference, as the agent's own events tell it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.figures import show
from tests.agent_process import AgentProcess
from tests.broker import Mosquitto
from tests.recorder import Recorder

if TYPE_CHECKING:
    from pathlib import Path


def measure(picture: Path, frames: int) -> None:
    """Send one frame after the other, each when the one before was answered; then presses likewise."""
    image = picture.read_bytes()
    with Mosquitto() as broker, Recorder(broker.port) as recorder, AgentProcess.at_defaults(broker.port) as agent:
        agent.wait_until_ready(recorder)
        events = []
        for number in range(frames):
            another = image + number.to_bytes(4, "big")  # what follows the picture's end makes it another one
            recorder.publish("doorbell/front/frame", another, user={"frame_id": str(number)})
            (*_, newest) = recorder.wait_for_count("doorbell/front/faces", number + 1)
            events.append(newest.json)
        rings = []
        for number in range(frames // 10):
            recorder.publish(f"doorbell/bell{number}/press", "")
            rings.append(recorder.wait_for(f"doorbell/bell{number}/ring"))
    timings = [event["timing_ms"] for event in events]
    show(
        f"{frames} frames of {len(image) / 1000:.0f} kB, one at a time",
        "ms",
        {
            "overhead": [each["total"] - each["decode"] - each["inference"] for each in timings],
            "decoding": [each["decode"] for each in timings],
            "inference": [each["inference"] for each in timings],
            "total": [each["total"] for each in timings],
            "press to ring": [float(ring["age_ms"]) for ring in rings],
        },
    )
