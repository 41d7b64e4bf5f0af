"""An option that ha_discovery leaves out means to Home Assistant the same as the option itself.

Each component is validated twice by Home Assistant's own schema: as it is announced, and with every option written out.
"""

from __future__ import annotations

import json
import subprocess
from dataclasses import fields
from typing import TYPE_CHECKING, Any, Final

import pytest

from ha_discovery import (
    AvailabilityTopic,
    BinarySensor,
    Button,
    Camera,
    Component,
    Device,
    DeviceTrigger,
    Discovery,
    Entity,
    Event,
    Image,
    Number,
    Origin,
    Select,
    Sensor,
    Switch,
    Update,
    announce,
    available_when,
)

if TYPE_CHECKING:
    from pathlib import Path

ENTITY: Final = Entity("key", "Name")
PLAIN: Final[tuple[Component, ...]] = (
    Sensor(ENTITY, "state"),
    BinarySensor(ENTITY, "state"),
    Event(ENTITY, "state", ("ring",)),
    Image(ENTITY, "image"),
    Image(ENTITY, url_topic="url"),
    Camera(ENTITY, "image"),
    Switch(ENTITY, "set"),
    Number(ENTITY, "set"),
    Select(ENTITY, "set", ("a",)),
    Button(ENTITY, "set"),
    Update(ENTITY, "state"),
    DeviceTrigger("key", "ring", "doorbell", "ring"),
)
"""Components with every option at its default."""

VALIDATE = """
import importlib, json, sys

def schema_of(platform):
    if platform == "device_automation":
        from homeassistant.components.mqtt.device_trigger import TRIGGER_DISCOVERY_SCHEMA
        return TRIGGER_DISCOVERY_SCHEMA
    return importlib.import_module("homeassistant.components.mqtt." + platform).DISCOVERY_SCHEMA

def validated(platform, options):
    found = schema_of(platform)({**options, "device": {"identifiers": ["x"]}})
    return {name: option if isinstance(option, (int, float, list, dict, type(None))) else str(option)
            for name, option in found.items()}

print(json.dumps([[validated(platform, each) for each in options] for platform, *options in json.load(sys.stdin)],
                 default=str))
"""


def options_of(component: Component) -> dict[str, Any]:
    """Return the announcement of a component."""
    found = Discovery("porch", Origin("test"), Device("Porch", ("porch",)), (component,), available_when("available"))
    payload = json.loads(announce(found).payload)
    shared = {key: payload[key] for key in ("availability", "availability_mode")}
    options: dict[str, Any] = {**payload["components"]["key"], **({} if is_trigger(component) else shared)}
    del options["platform"]
    return options


def is_trigger(component: Component) -> bool:
    """Return whether a component is no entity."""
    return isinstance(component, DeviceTrigger)


def defaults_of(value: Any, *left_out: str) -> dict[str, Any]:
    """Return the options of a value that are at their default, with this default."""
    return {each.name: each.default for each in fields(value) if each.name not in left_out and each.default == getattr(
        value, each.name)}  # fmt: skip


def written_out(component: Component) -> dict[str, Any]:
    """Return the announcement with every option that has a value."""
    own = defaults_of(component, "entity")
    shared = {} if is_trigger(component) else defaults_of(ENTITY, "unique_id", "availability")
    return options_of(component) | {
        name: option for name, option in (own | shared).items() if option is not None and option != ()
    }


def unset(component: Component) -> set[str]:
    """Return the options that have no default value."""
    found = defaults_of(component, "entity") | (
        {} if is_trigger(component) else defaults_of(ENTITY, "unique_id", "availability")
    )
    return {name for name, option in found.items() if option is None}


@pytest.fixture(scope="module")
def ask(installation: Path) -> Any:
    """Return what validates options by Home Assistant's own schemas."""

    def validated(*questions: tuple[Any, ...]) -> Any:
        python = installation / "ha" / "bin" / "python"
        answer = subprocess.run(
            [python, "-c", VALIDATE],
            input=json.dumps(questions),
            text=True,
            check=True,
            capture_output=True,
            timeout=120,
        )
        return json.loads(answer.stdout)

    return validated


def test_what_is_left_out_is_home_assistants_default(ask: Any) -> None:
    answers = ask(*((each.platform, options_of(each), written_out(each)) for each in PLAIN))
    for component, (announced, full) in zip(PLAIN, answers, strict=True):
        assert announced == full, component.platform
        assert {name for name in unset(component) if announced.get(name) is not None} == set(), component.platform


def test_a_left_out_range_would_be_found(ask: Any) -> None:
    """The documentation says that min is 1 by default: the schema says 0."""
    without = {name: option for name, option in options_of(Number(ENTITY, "set", min=1)).items() if name != "min"}
    ((announced, full),) = ask(("number", without, without | {"min": 1}))
    assert (announced["min"], full["min"]) == (0, 1)


def test_what_is_left_out_of_an_availability_is_home_assistants_default(ask: Any) -> None:
    plain = options_of(Sensor(ENTITY, "state"))
    full = plain | {"availability": [defaults_of(AvailabilityTopic("available")) | {"topic": "available"}]}
    del full["availability"][0]["value_template"]
    ((announced, written),) = ask(("sensor", plain, full))
    assert announced == written
