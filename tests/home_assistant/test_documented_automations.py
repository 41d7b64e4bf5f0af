"""The automations that Home Assistant documents run exactly once for each ring, and for nothing else."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Any, Final

import pytest

from testing.agent_process import AGENT_ID, AgentProcess
from testing.pictures import jpeg
from testing.waiting import wait_until
from tests.home_assistant.at_home import AGENT, DOORBELL, MARKS, entity, wait_state, wait_until_listening

if TYPE_CHECKING:
    from testing.recorder import Recorder

pytestmark = list(MARKS)

OFFLINE_AFTER_S: Final = 2
AUTOMATIONS: Final = ("state", "device", "received", "rang")


def documented(home: Any) -> list[dict[str, Any]]:
    """Return one automation for each way to react to a ring."""
    event = entity(home, DOORBELL, "doorbell")
    triggers: dict[str, dict[str, Any]] = {
        "state": {"trigger": "state", "entity_id": event, "not_to": ["unavailable", "unknown"]},
        "device": {
            "trigger": "device",
            "domain": "mqtt",
            "device_id": home.device_id(DOORBELL),
            "type": "ring",
            "subtype": "doorbell",
        },
        "received": {
            "trigger": "event.received",
            "target": {"entity_id": event},
            "options": {"event_type": ["ring"]},
        },
        "rang": {"trigger": "doorbell.rang", "target": {"entity_id": event}},
    }
    return [
        {"id": name, "alias": name, "mode": "parallel", "triggers": [triggers[name]], "actions": [{"event": "x"}]}
        for name in AUTOMATIONS
    ]


def runs(home: Any) -> dict[str, int]:
    """Return how often each automation has run."""
    return {name: len(home.traces(name)) for name in AUTOMATIONS}


def press(home: Any, recorder: Recorder, times: int) -> None:
    """Ring, and wait until every automation has run that often and the agent is done with the press."""
    recorder.publish("doorbell/front/press", "")
    wait_until(lambda: set(runs(home).values()) == {times}, why=lambda: str(runs(home)))
    recorder.wait_for_count("doorbell/front/answer", 1)
    recorder.clear()
    recorder.publish(f"edge_agent/{AGENT_ID}/command/health", "")
    recorder.wait_for_count(f"edge_agent/{AGENT_ID}/health", 1)


def wait_for_connectivity(home: Any, state: str) -> None:
    """Wait until Home Assistant shows whether the camera sends frames."""
    wait_state(home, entity(home, DOORBELL, "camera"), state)


@pytest.fixture
def agent(home: Any, recorder: Recorder) -> Any:
    with AgentProcess.with_script(
        home.d["mqtt_port"],
        DOORBELLS__OFFLINE_AFTER_S=str(OFFLINE_AFTER_S),
        PRESS__DEADLINE_S="1",
        PRESS__WINDOW_S="1",
        PRESS__DEBOUNCE_S="0",
    ) as agent:
        agent.wait_until_ready(recorder)
        recorder.publish("doorbell/front/frame", jpeg())
        wait_until_listening(home)
        home.automations(documented(home))
        wait_until(lambda: len(home.states("automation.")) == len(AUTOMATIONS))
        yield agent


@pytest.mark.usefixtures("agent")
def test_silence_and_an_empty_frame_after_a_ring_run_nothing(home: Any, recorder: Recorder) -> None:
    """And the silence leaves everything else of the doorbell as it was."""
    press(home, recorder, 1)
    last_ring = home.state(entity(home, DOORBELL, "doorbell"))
    for _ in range(2):
        wait_for_connectivity(home, "off")
        for key in ("face_present", "faces", "last_seen", "detection", "min_confidence", "snapshot", "snapshot_camera"):
            assert home.state(entity(home, DOORBELL, key))["state"] != "unavailable", key
        recorder.publish("doorbell/front/frame", jpeg())
        wait_for_connectivity(home, "on")
    assert home.state(entity(home, DOORBELL, "doorbell")) == last_ring
    assert set(runs(home).values()) == {1}
    press(home, recorder, 2)


def test_a_restart_of_the_agent_runs_nothing(home: Any, recorder: Recorder, agent: AgentProcess) -> None:
    """Killed or stopped; the last ring stays, and the next one counts."""
    press(home, recorder, 1)
    for number in (signal.SIGKILL, signal.SIGTERM):
        agent.signal(number)
        agent.wait()
        wait_state(home, entity(home, AGENT, "connectivity"), "off")
        wait_state(home, entity(home, DOORBELL, "detection"), "unavailable")
        recorder.clear()
        agent.start()
        recorder.wait_for_payload(f"edge_agent/{AGENT_ID}/availability", b"online")
        wait_state(home, entity(home, DOORBELL, "detection"), "on")
        recorder.publish("doorbell/front/frame", jpeg())
        wait_for_connectivity(home, "on")
        assert set(runs(home).values()) == {1}
    press(home, recorder, 2)
