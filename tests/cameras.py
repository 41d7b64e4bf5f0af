"""Agents that take pictures from cameras, and what health says of a camera."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from testing.agent_process import AgentProcess
from testing.cameras.http_camera import HttpCamera
from testing.pictures import jpeg

if TYPE_CHECKING:
    from testing.broker import Mosquitto
    from testing.recorder import Recorder


def still_camera() -> HttpCamera:
    """Return a camera that gives another picture each time."""
    return HttpCamera(lambda request: request.picture(jpeg(seed=request.camera.requests)))


def agent_with(broker: Mosquitto, *cameras: dict[str, Any], **settings: str) -> AgentProcess:
    """Return an agent with these cameras and a scripted detector."""
    return AgentProcess.with_script(broker.port, None, CAMERAS=json.dumps(cameras), **settings)


def camera_health(recorder: Recorder, accept: Any, doorbell: str = "front") -> dict[str, Any]:
    """Return a camera's part of the health once it is as wanted."""

    def is_wanted(health: dict[str, Any]) -> bool:
        return any(each["doorbell"] == doorbell and accept(each) for each in health["cameras"])

    health = recorder.wait_for("edge_agent/test/health", is_wanted)
    found: dict[str, Any] = next(each for each in health["cameras"] if each["doorbell"] == doorbell)
    return found


def is_live(camera: dict[str, Any]) -> bool:
    """Return whether a camera gives pictures."""
    return bool(camera["state"] == "live" and camera["frames"] > 0)
