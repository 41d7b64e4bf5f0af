"""Every entity of both devices in a real Home Assistant, and the alert, which runs once per event."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from edge_agent.platform.host_metrics import Host
from testing.agent_process import AGENT_ID
from testing.pictures import jpeg
from testing.waiting import wait_until
from tests.home_assistant.at_home import (
    AGENT,
    DOORBELL,
    MARKS,
    agent_for,
    alert,
    entity,
    finished,
    ring,
    wait_state,
    wait_until_listening,
)

if TYPE_CHECKING:
    from testing.recorder import Recorder

pytestmark = list(MARKS)

Row = tuple[str, str | None, str | None, str | None, bool]
"""Platform, device class, unit, category, and whether it is enabled by default."""

HAS_TEMPERATURE: Final = Host(Path("/")).has_temperature()
OF_THE_AGENT: Final[dict[str, Row]] = {
    "connectivity": ("binary_sensor", "connectivity", None, "diagnostic", True),
    **({"cpu_temperature": ("sensor", "temperature", "°C", "diagnostic", True)} if HAS_TEMPERATURE else {}),
    "detection": ("switch", None, None, None, True),
    "detector": ("sensor", "enum", None, "diagnostic", True),
    "dropped": ("sensor", None, None, "diagnostic", False),
    "fps": ("sensor", None, None, "diagnostic", False),
    "latency_p50": ("sensor", "duration", None, "diagnostic", False),
    "latency_p95": ("sensor", "duration", None, "diagnostic", False),
    "log_level": ("select", None, None, "config", False),
    "memory": ("sensor", "data_size", None, "diagnostic", False),
    "problem": ("binary_sensor", "problem", None, "diagnostic", True),
    "queue_depth": ("sensor", None, None, "diagnostic", False),
    "restart_pool": ("button", "restart", None, "config", False),
    "started": ("sensor", "timestamp", None, "diagnostic", False),
    "strategy": ("select", None, None, "config", False),
    "worker_restarts": ("sensor", None, None, "diagnostic", False),
    "workers_alive": ("sensor", None, None, "diagnostic", False),
}

OF_THE_DOORBELL: Final[dict[str, Row]] = {
    "best_face": ("image", None, None, None, False),
    "camera": ("binary_sensor", "connectivity", None, "diagnostic", True),
    "confidence": ("sensor", None, "%", None, True),
    "detection": ("switch", None, None, "config", True),
    "doorbell": ("event", "doorbell", None, None, True),
    "face": ("event", None, None, None, True),
    "face_present": ("binary_sensor", "occupancy", None, None, True),
    "faces": ("sensor", None, None, None, True),
    "remove": ("button", None, None, "config", False),
    "last_seen": ("sensor", "timestamp", None, None, True),
    "mute": ("switch", None, None, "config", True),
    "min_confidence": ("number", None, "%", "config", True),
    "snapshot": ("image", None, None, None, True),
    "snapshot_camera": ("camera", None, None, None, True),
    "visits_today": ("sensor", None, None, None, True),
}
"""A disabled entity has no state, and so no unit."""


def registered(home: Any, identifier: str) -> dict[str, Row]:
    """Return the registered entities of one device, by our own keys."""
    device = home.device_id(identifier)
    return {
        entry["unique_id"].removeprefix(f"{identifier}-"): (
            entry["entity_id"].split(".")[0],
            entry["original_device_class"],
            ((home.state(entry["entity_id"]) or {}).get("attributes") or {}).get("unit_of_measurement"),
            entry["entity_category"],
            entry["disabled_by"] is None,
        )
        for entry in home.entities()
        if entry["device_id"] == device
    }


def test_all_entities_are_registered_correctly(home: Any, recorder: Recorder) -> None:
    with agent_for(home) as agent:
        agent.wait_until_ready(recorder)
        recorder.publish("doorbell/front/frame", jpeg())
        for key in ("min_confidence", "face_present", "confidence"):
            entity(home, DOORBELL, key)
        wait_until(lambda: registered(home, DOORBELL) == OF_THE_DOORBELL, why=lambda: str(registered(home, DOORBELL)))
        wait_until(lambda: registered(home, AGENT) == OF_THE_AGENT, why=lambda: str(registered(home, AGENT)))
        recorder.wait_for_payload(f"edge_agent/{AGENT_ID}/strategy", b"auto")


def test_the_alert_runs_once_for_each_ring_and_once_for_each_visit(home: Any, recorder: Recorder) -> None:
    with agent_for(home, PRESS__DEBOUNCE_S="0") as agent:
        agent.wait_until_ready(recorder)
        recorder.publish("doorbell/front/frame", jpeg())
        wait_until_listening(home)
        wait_state(home, entity(home, DOORBELL, "snapshot"), "unknown")
        home.automations(
            [
                {**alert(home, "doorbell_alert", quiet_time=0, picture_wait=2, reasons=[reason]), "id": f"on_{reason}"}
                for reason in ("ring", "face_appeared")
            ]
        )
        wait_until(lambda: len(home.states("automation.")) == 2)
        for visits in (1, 2):
            ring(recorder)
            wait_for_visits(home, recorder, visits)
        assert completed(home) == (2, 2), "ended visits and better pictures cause no alerts"


def completed(home: Any) -> tuple[int, int]:
    """Return the number of completed runs of each automation."""
    return (finished(home, "on_ring").count("finished"), finished(home, "on_face_appeared").count("finished"))


def wait_for_visits(home: Any, recorder: Recorder, visits: int) -> None:
    """Wait until that many visits have ended, with their alerts."""

    def are_over() -> bool:
        left = [each for each in recorder.events("doorbell/front/visit") if each["event_type"] == "face_left"]
        return len(left) == visits and completed(home) == (visits, visits)

    wait_until(are_over, timeout_s=40, why=lambda: f"{completed(home)}: {recorder.events('doorbell/front/visit')}")
