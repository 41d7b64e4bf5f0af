"""Small changes in the health of an agent are no changes to the real Home Assistant: each would be a row."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from edge_agent.home_assistant import HostFacts, agent_device
from ha_discovery import announce
from tests.home_assistant.at_home import MARKS, entity, wait_state

if TYPE_CHECKING:
    from testing.recorder import Recorder

pytestmark = list(MARKS)

HOST: Final = HostFacts(("auto", "cpu"), has_temperature=True)
DEVICE: Final = agent_device("pi", version="1", host=HOST, telemetry_period_s=1000)


def hot(temperature_c: float | None, *abouts: str) -> dict[str, Any]:
    """Return what our templates read of a health message, with one problem for each of `abouts`."""
    return {
        "status": "degraded",
        "detector": "cpu",
        "host": {"cpu_temperature_c": temperature_c},
        "reasons": [f"The processor is at {temperature_c} °C" for _ in abouts],
        "problems": [{"code": "hot", "about": about or None} for about in abouts],
    }


def test_figures_that_vary_a_little_stay_as_they_were(home: Any, recorder: Recorder) -> None:
    """`detector` marks that a message has arrived."""
    message = announce(DEVICE)
    recorder.publish(message.topic, message.payload, retain=True)
    recorder.publish("edge_agent/pi/availability", "online", retain=True)
    temperature, problem, detector = (
        entity(home, "edge_agent_pi", key) for key in ("cpu_temperature", "problem", "detector")
    )
    steps: tuple[tuple[dict[str, Any], str, list[str], list[str]], ...] = (
        (hot(80.0, ""), "80.0", ["hot"], ["The processor is at 80.0 °C"]),
        (hot(81.9, ""), "80.0", ["hot"], ["The processor is at 80.0 °C"]),
        (hot(82.5, "", "gpu"), "82.5", ["hot", "hot gpu"], ["The processor is at 82.5 °C"] * 2),
        (hot(81.0, "gpu"), "82.5", ["hot gpu"], ["The processor is at 81.0 °C"]),
        (hot(None), "unknown", [], []),
        (hot(60.0), "60.0", [], []),
    )
    names = {"cpu": "CPU", "gpu": "GPU"}
    for number, (health, shown, problems, reasons) in enumerate(steps):
        code = list(names)[number % 2]
        recorder.publish("edge_agent/pi/health", json.dumps(health | {"detector": code}), retain=True)
        wait_state(home, detector, names[code])
        wait_state(home, temperature, shown)
        attributes = home.state(problem)["attributes"]
        assert (attributes["problems"], attributes["reasons"]) == (problems, reasons), number
