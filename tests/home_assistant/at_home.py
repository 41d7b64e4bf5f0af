"""Shared helpers for tests with a real Home Assistant: an agent, entities and states, automations of our blueprints."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

import pytest

from testing.agent_process import AGENT_ID, AgentProcess
from testing.photos import face_photo
from testing.shared_data import PROJECT
from testing.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

    from testing.recorder import Recorder

MARKS: Final = (
    pytest.mark.timeout(240),
    # Home Assistant's launcher leaves its output files open
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"),
)
"""The marks of every module whose tests start a Home Assistant."""
AGENT: Final = f"edge_agent_{AGENT_ID}"
DOORBELL: Final = "edge_doorbell_front"
BLUEPRINTS: Final = PROJECT / "config" / "home_assistant"


def agent_for(home: Any, **settings: str) -> AgentProcess:
    return AgentProcess.with_real_detector(home.d["mqtt_port"], DOORBELLS__VISIT_GAP_S="3", **settings)


def entity(home: Any, device: str, key: str) -> str:
    """Return Home Assistant's entity id of a device's component."""
    found = wait_until(
        lambda: [each["entity_id"] for each in home.entities() if each["unique_id"] == f"{device}-{key}"],
        why=lambda: str([each["unique_id"] for each in home.entities()]),
    )
    return str(found[0])


def enable(home: Any, device: str, *keys: str) -> None:
    """Enable entities that are disabled by default."""
    for entity_id in [entity(home, device, key) for key in keys]:
        home.ws("config/entity_registry/update", entity_id=entity_id, disabled_by=None)
    home.call("homeassistant.reload_config_entry", {}, {"entity_id": entity(home, device, keys[0])})


def wait_state(home: Any, entity_id: str, accept: Callable[[str], bool] | str) -> dict[str, Any]:
    """Return the state of an entity once it matches."""

    def fitting() -> dict[str, Any] | None:
        state: dict[str, Any] | None = home.state(entity_id)
        if state is None:
            return None
        good = state["state"] == accept if isinstance(accept, str) else accept(state["state"])
        return state if good else None

    return wait_until(fitting, timeout_s=40, why=lambda: f"{entity_id}: {home.state(entity_id)}")


def wait_until_listening(home: Any) -> None:
    """Wait until Home Assistant has subscribed to the doorbell, some time after its announcement."""
    wait_state(home, entity(home, DOORBELL, "camera"), "on")
    wait_state(home, entity(home, DOORBELL, "face_present"), "off")


class StateChanges:
    """Every change of a state in Home Assistant, from now on."""

    def __init__(self, home: Any) -> None:
        module = sys.modules[type(home).__module__]
        self._socket = module.WS(home.d["http_port"], home.d["token"])
        self._socket.call("subscribe_events", event_type="state_changed")

    def of(self, entity_id: str) -> list[str]:
        """Return the states that an entity had so far."""
        self._socket.call("ping")
        changes = [each["data"] for each in self._socket.events if each["data"]["entity_id"] == entity_id]
        return [str(each["new_state"]["state"]) for each in changes if each["new_state"] is not None]


def known(state: str) -> bool:
    return state not in {"unknown", "unavailable"}


def ring(recorder: Recorder, photo: bytes | None = None) -> None:
    recorder.publish("doorbell/front/press", "")
    recorder.publish("doorbell/front/frame", face_photo() if photo is None else photo)


def alert(home: Any, name: str, **inputs: Any) -> dict[str, Any]:
    """Return an automation of a blueprint, which counts its runs with an event."""
    path = home.blueprint(BLUEPRINTS / f"{name}.yaml")
    return {
        "id": name,
        "alias": name,
        "use_blueprint": {"path": path, "input": {"doorbell": home.device_id(DOORBELL), **inputs}},
    }


def finished(home: Any, automation: str) -> list[str]:
    return [each["script_execution"] for each in home.traces(automation) if each["state"] == "stopped"]
