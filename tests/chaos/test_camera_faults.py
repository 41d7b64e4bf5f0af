"""Cameras, capture processes and brokers that fail: pictures come again, and health says why there were none."""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING

import pytest

from testing.cameras.http_camera import HttpCamera, Request
from testing.pictures import jpeg
from testing.recorder import Recorder
from testing.waiting import wait_until
from tests.cameras import agent_with, camera_health, is_live, still_camera

if TYPE_CHECKING:
    from collections.abc import Iterator

    from testing.broker import Mosquitto

pytestmark = pytest.mark.broker

SECRET = "Geheim:1/2"
EXIT_S = 5.0


@pytest.fixture
def camera() -> Iterator[HttpCamera]:
    with still_camera() as camera:
        yield camera


def test_a_camera_that_is_away_at_the_start_costs_a_reason_and_its_connectivity(
    mosquitto: Mosquitto, recorder: Recorder
) -> None:
    def answer(request: Request) -> None:
        if not request.has_basic("viewer", SECRET):
            return
        if is_there:
            request.picture(jpeg(seed=request.camera.requests))
        else:
            request.send(503)

    is_there: list[bool] = []
    with HttpCamera(answer) as camera:
        settings = {"url": camera.url, "username": "viewer", "password": SECRET, "idle_interval_s": 0.5}
        with agent_with(mosquitto, settings) as agent:
            agent.wait_until_ready(recorder)
            recorder.wait_for_payload("doorbell/front/availability", b"offline")
            health = recorder.wait_for("edge_agent/test/health", lambda health: bool(health["problems"]))
            assert [each["code"] for each in health["problems"]] == ["camera_away"]
            assert health["cameras"][0]["reason"] == "http_error"
            recorder.publish("doorbell/front/press", "pressed")
            assert recorder.wait_for("doorbell/front/answer")["event_type"] == "failed"
            is_there.append(True)
            recorder.wait_for_payload("doorbell/front/availability", b"online")
            camera_health(recorder, is_live)
            agent.stop()
            said = agent.log + "".join(str(each.payload) for each in recorder.messages("edge_agent/#"))
            assert SECRET not in said


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
def test_a_capture_process_that_dies_is_replaced(
    mosquitto: Mosquitto, recorder: Recorder, camera: HttpCamera, number: signal.Signals
) -> None:
    with agent_with(mosquitto, {"url": camera.url, "idle_interval_s": 0.2}) as agent:
        agent.wait_until_ready(recorder)
        pid = camera_health(recorder, is_live)["pid"]
        os.kill(pid, number)
        after = camera_health(recorder, lambda each: is_live(each) and each["restarts"] == 1)
        assert after["pid"] != pid


def test_a_capture_process_that_hangs_is_replaced(mosquitto: Mosquitto, recorder: Recorder, camera: HttpCamera) -> None:
    with agent_with(mosquitto, {"url": camera.url, "idle_interval_s": 0.2}) as agent:
        agent.wait_until_ready(recorder)
        os.kill(camera_health(recorder, is_live)["pid"], signal.SIGSTOP)
        camera_health(recorder, lambda each: each["reason"] == "hung")
        camera_health(recorder, lambda each: is_live(each) and each["restarts"] == 1)


def test_capture_processes_end_with_the_agent(mosquitto: Mosquitto, recorder: Recorder, camera: HttpCamera) -> None:
    with agent_with(mosquitto, {"url": camera.url}, {"url": camera.url, "doorbell": "gate"}) as agent:
        agent.wait_until_ready(recorder)
        pids = [camera_health(recorder, is_live, doorbell)["pid"] for doorbell in ("front", "gate")]
        agent.kill()
        wait_until(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in pids))  # noqa: PTH110 - of processes
        agent.start()
        recorder.clear()
        pids = [camera_health(recorder, is_live, doorbell)["pid"] for doorbell in ("front", "gate")]
        os.kill(pids[0], signal.SIGSTOP)
        began_s = time.monotonic()
        assert agent.stop() == 0
        assert time.monotonic() - began_s < EXIT_S
        wait_until(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in pids))  # noqa: PTH110 - as above


def test_a_broker_that_restarts_gets_pictures_again(mosquitto: Mosquitto, camera: HttpCamera) -> None:
    with agent_with(mosquitto, {"url": camera.url, "idle_interval_s": 0.2}) as agent:
        with Recorder(mosquitto.port) as recorder:
            agent.wait_until_ready(recorder)
            recorder.wait_for_count("doorbell/front/frame", 3)
        mosquitto.kill()
        mosquitto.start()
        with Recorder(mosquitto.port) as recorder:
            recorder.wait_for_count("doorbell/front/frame", 3)
