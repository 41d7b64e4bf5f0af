"""The simulated doorbell's process: plays a scene or a folder of pictures over MQTT, like a camera."""

from __future__ import annotations

import argparse
import itertools
import secrets
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import cv2
import msgspec
import numpy as np

from edge_agent import topics
from edge_agent.demo.parent_watch import end_with_parent
from edge_agent.demo.porch import FAR_M, NEAR_M, Scene, draw
from edge_agent.demo.visitors import read_visitors
from edge_agent.domain import Publication, Trigger
from edge_agent.errors import BrokerUnreachableError
from edge_agent.ingest.envelope import Envelope
from edge_agent.ingest.image_header import IMAGE_SUFFIXES
from edge_agent.mqtt.connection import Connection
from edge_agent.settings.broker import MqttSettings

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from edge_agent.demo.visitors import CutOut

FRAME_S: Final = 0.5
"""Two pictures a second, like a doorbell camera after a motion."""
AGAIN_S: Final = 1.0
JPEG_QUALITY: Final = 88
FRAMES_BETWEEN_PRESSES: Final = 8


@dataclass(frozen=True, slots=True)
class Step:
    """One picture: of a drawn scene, or of a file. With `press` the doorbell is pressed just before it."""

    picture: Scene | Path
    trigger: Trigger = Trigger.CONTINUOUS
    press: bool = False


def script(visitors: Sequence[CutOut]) -> Iterator[Step]:
    """Yield endless steps of visitors: each comes up the path, presses, waits, leaves."""
    seeds = itertools.count()
    for visitor in itertools.cycle(visitors):
        for _ in range(2):
            yield Step(Scene(seed=next(seeds)))
        yield from _visit(visitor, seeds)


def _visit(visitor: CutOut, seeds: Iterator[int]) -> Iterator[Step]:
    for distance_m in np.geomspace(FAR_M, NEAR_M, 9):
        sideways_m = 0.15 * float(np.sin(distance_m * 1.4))
        trigger = Trigger.MOTION if distance_m < FAR_M / 2 else Trigger.CONTINUOUS
        yield Step(Scene(visitor, float(distance_m), sideways_m, next(seeds)), trigger)
    for number, sway_m in enumerate((0.06, 0.02, -0.03)):
        yield Step(Scene(visitor, NEAR_M, sway_m, next(seeds)), Trigger.PRESS, press=number == 0)
    for sway_m in (-0.05, 0.0, 0.04):
        yield Step(Scene(visitor, NEAR_M + 0.1, sway_m, next(seeds)))


def folder_script(folder: Path) -> Iterator[Step]:
    """Yield the pictures of a folder by name, repeatedly, with occasional presses."""
    files = sorted(file for file in folder.iterdir() if file.suffix.lower() in IMAGE_SUFFIXES)
    for number, file in enumerate(itertools.cycle(files)):
        is_press = number % FRAMES_BETWEEN_PRESSES == FRAMES_BETWEEN_PRESSES // 2
        yield Step(file, Trigger.PRESS if is_press else Trigger.CONTINUOUS, is_press)


def encode(picture: Scene | Path) -> bytes:
    """Return the picture encoded as a camera sends it."""
    if isinstance(picture, Path):
        return picture.read_bytes()
    return cv2.imencode(".jpg", draw(picture), [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1].tobytes()


def publications(step: Step, doorbell: str, image: bytes, now_at: datetime) -> Iterator[Publication]:
    """Yield the messages of a step; frames are JSON, since the embedded broker has no user properties."""
    if step.press:
        yield Publication(topics.press(doorbell), b"pressed", qos=1)
    envelope = Envelope(image, step.trigger.code, now_at.isoformat(), secrets.token_hex(8))
    yield Publication(topics.frame(doorbell), msgspec.json.encode(envelope), qos=1)


def play(connection: Connection, doorbell: str, steps: Iterator[Step]) -> None:
    """Publish the steps, one every FRAME_S, until the connection is lost."""
    due_s = time.monotonic()
    for step in steps:
        image = encode(step.picture)
        connection.lost.wait(max(0.0, due_s - time.monotonic()))
        if connection.lost.is_set():
            return
        for publication in publications(step, doorbell, image, datetime.now(UTC)):
            connection.publish(publication)
        due_s += FRAME_S


def main() -> None:
    """Play until the parent exits; reconnect when the broker is back."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--host", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--doorbell", required=True)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--visitors", type=Path, nargs="*", default=())
    options = parser.parse_args()
    end_with_parent()
    settings = MqttSettings(host=options.host, port=options.port, protocol="3.1.1")
    steps = folder_script(options.folder) if options.folder else script(read_visitors(options.visitors))
    while True:
        connection = Connection(settings, client_id=f"edge_agent-simulated-{secrets.token_hex(4)}")
        try:
            connection.open()
            play(connection, options.doorbell, steps)
        except (BrokerUnreachableError, OSError):
            time.sleep(AGAIN_S)


if __name__ == "__main__":
    main()
