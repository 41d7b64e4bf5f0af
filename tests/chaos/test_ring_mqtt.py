"""Ten minutes with ring-mqtt in half a minute: restarts of Home Assistant, of ring-mqtt and of the agent."""

from __future__ import annotations

import json
import signal
import time
from collections import Counter
from typing import TYPE_CHECKING, Final

import pytest

from testing.agent_process import AgentProcess
from testing.pictures import jpeg
from testing.waiting import wait_until
from tests.ring_mqtt import INTERVAL_S, RingMqtt

if TYPE_CHECKING:
    from collections.abc import Callable

    from testing.broker import Mosquitto
    from testing.recorder import Recorder

FASTER: Final = 20
"""The play's seconds in a real second; the agent's own times are divided by it."""
PLAY_S: Final = 600
CAMERA: Final = "9087a1"
EMPTY_WIDTH: Final = 320
"""The scripted detector sees nobody in pictures of this width."""
DINGS: Final = (60, 150, 270, 345, 440, 530)
"""The second is within 180 s of the first; the third follows Home Assistant's restart, the fifth finds no agent."""
VISITOR_S: Final = 2
"""Between a ding and the picture that shows the visitor."""
SETTINGS: Final = {
    "SOURCES": json.dumps([{"preset": "ring-mqtt"}]),
    "DOORBELLS__SKIP_DUPLICATES": "true",
    "DOORBELLS__VISIT_GAP_S": str(30 / FASTER),
    "PRESS__WINDOW_S": "60",
    "PRESS__DEADLINE_S": "60",
    "PRESS__DEBOUNCE_S": str(5 / FASTER),
}


def _empty(number: int) -> bytes:
    return jpeg(EMPTY_WIDTH, 240, seed=100 + number)


def _visitor(number: int) -> bytes:
    return jpeg(480, 360, seed=number)


@pytest.mark.broker
@pytest.mark.timeout(240)
@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_every_ding_is_one_ring_one_answer_and_one_visit(
    mosquitto: Mosquitto, recorder: Recorder, end: signal.Signals
) -> None:
    ring = RingMqtt(recorder, CAMERA, _empty(0))
    script = {"by_width": {str(EMPTY_WIDTH): "nobody"}}
    with AgentProcess.with_script(mosquitto.port, script, **SETTINGS) as agent:
        agent.wait_until_ready(recorder)

        def restart_home_assistant(at: int) -> None:
            recorder.publish("homeassistant/status", "online")
            ring.on_home_assistant_birth(at)

        def stop_agent(at: int) -> None:
            pressed = sum(each < at for each in DINGS)
            wait_until(lambda: _count(recorder, f"doorbell/{CAMERA}/answer")["face"] >= pressed)
            agent.signal(end)
            agent.wait()

        def start_agent(_at: int) -> None:
            agent.start()
            agent.wait_until_ready(recorder)

        acts: dict[int, Callable[[int], object]] = {
            0: ring.start,
            210: restart_home_assistant,
            300: lambda _at: ring.stop(),
            315: ring.start,
            400: restart_home_assistant,
            425: stop_agent,
            450: start_agent,
            475: restart_home_assistant,
            545: stop_agent,
            552: start_agent,
            560: restart_home_assistant,
        }
        _play(ring, acts)
        topic = f"doorbell/{CAMERA}"
        wait_until(lambda: _count(recorder, f"{topic}/answer")["face"] >= len(DINGS), why=lambda: agent.log[-2000:])
        recorder.publish("doorbell/after-the-play/press")
        recorder.publish("doorbell/after-the-play/frame", _visitor(1))
        recorder.wait_for("doorbell/after-the-play/answer")
        assert _count(recorder, f"{topic}/ring") == {"ring": len(DINGS)}
        assert _count(recorder, f"{topic}/answer") == {"face": len(DINGS)}
        assert _count(recorder, f"{topic}/visit")["face_appeared"] == len(DINGS)
        assert recorder.messages(f"{topic}/availability")[-1].payload == b"online"


def _play(ring: RingMqtt, acts: dict[int, Callable[[int], object]]) -> None:
    """Play the script; its clock stands still while an act takes its time."""
    due_s = time.monotonic()
    for at in range(PLAY_S):
        wait_until(lambda due_s=due_s: time.monotonic() >= due_s)  # type: ignore[misc]
        if at in acts:
            acts[at](at)
        due_s = time.monotonic() + 1 / FASTER
        if at in DINGS:
            ring.ring(at)
        elif at - VISITOR_S in DINGS:
            ring.take_picture(at, _visitor(at))
        elif at % INTERVAL_S == INTERVAL_S // 2:
            ring.take_picture(at, _empty(at))
        ring.tick(at)


def _count(recorder: Recorder, topic: str) -> Counter[str]:
    """Return the number of events by type; an event that is published again counts once."""
    events = {event["event_id"]: event["event_type"] for event in recorder.events(topic)}
    return Counter(event_type for event_type in events.values() if event_type != "face_updated")
