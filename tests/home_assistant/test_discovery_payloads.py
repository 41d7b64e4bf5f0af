"""Our announcements, validated by the Home Assistant in HA_INST.

HA_INST is a folder with Home Assistant installed under `ha/bin/python`; the validator is in the shared test data.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from edge_agent.home_assistant import HostFacts, agent_device, doorbell_device
from ha_discovery import Discovery, announce, classes

if TYPE_CHECKING:
    from collections.abc import Iterable

PROJECT = Path(__file__).parents[2]
SHARED = Path(os.environ.get("EDGE_AGENT_TEST_SHARED", PROJECT.parent / "shared"))
VALIDATOR = SHARED / "ha" / "validate_discovery.py"
TABLES_ARE_FROM = "2026.11"

READ_TABLES = """
import json
from homeassistant.const import __version__
from homeassistant.components import binary_sensor, button, event, number, switch, update
from homeassistant.components.mqtt.const import SUPPORTED_COMPONENTS
from homeassistant.components.sensor.const import DEVICE_CLASS_STATE_CLASSES, DEVICE_CLASS_UNITS, SensorDeviceClass

def units(device_class):
    listed = DEVICE_CLASS_UNITS.get(device_class)
    return None if listed is None else sorted(str(unit or "") for unit in listed)

print(json.dumps({
    "version": __version__,
    "words": sorted(each for each in SensorDeviceClass if not DEVICE_CLASS_STATE_CLASSES[each]),
    "quantities": {
        each: [units(each), sorted(DEVICE_CLASS_STATE_CLASSES[each])]
        for each in SensorDeviceClass if DEVICE_CLASS_STATE_CLASSES[each]
    },
    "number": sorted(number.NumberDeviceClass),
    "binary_sensor": sorted(binary_sensor.BinarySensorDeviceClass),
    "event": sorted(event.EventDeviceClass),
    "switch": sorted(switch.SwitchDeviceClass),
    "button": sorted(button.ButtonDeviceClass),
    "update": sorted(update.UpdateDeviceClass),
    "platforms": sorted(map(str, SUPPORTED_COMPONENTS)),
}))
"""


@pytest.fixture(scope="module")
def home_assistant_python() -> Path:
    """Return the interpreter with Home Assistant, or skip with the reason."""
    if "HA_INST" not in os.environ:
        pytest.skip("HA_INST is not set: it names the folder in which Home Assistant is installed")
    python = Path(os.environ["HA_INST"]) / "ha" / "bin" / "python"
    if not python.exists():
        pytest.skip(f"Home Assistant is not installed: there is no {python}")
    return python


def verdicts(python: Path, discoveries: Iterable[Discovery], folder: Path) -> list[dict[str, Any]]:
    """Return Home Assistant's verdict on each device."""
    if not VALIDATOR.exists():
        pytest.skip(f"the shared test data is missing: there is no {VALIDATOR}")
    messages = folder / "messages.txt"
    lines = [f"{message.topic} {message.payload.decode()}\n" for message in map(announce, discoveries)]
    messages.write_text("".join(lines), encoding="utf-8")
    command = [str(python), str(VALIDATOR), "--strict", "--json", str(messages)]
    finished = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return [json.loads(line) for line in finished.stdout.splitlines()]


def test_home_assistant_accepts_the_agent_and_its_doorbells(home_assistant_python: Path, tmp_path: Path) -> None:
    """Every component of every device, without an error or a warning; all on one broker."""
    host = HostFacts(("auto", "cpu"), has_temperature=True, configuration_url="http://pi:8099/", serial_number="10ab")
    agent = agent_device("porch-pi", version="1.2.3", host=host, telemetry_period_s=10)
    doorbells = [doorbell_device(each, agent_id="porch-pi", version="1.2.3") for each in ("front_door", "front-door")]
    devices = [agent, *doorbells]
    judged = verdicts(home_assistant_python, devices, tmp_path)
    assert [verdict["verdict"] for verdict in judged] == ["PASS"] * len(devices)
    assert [len(verdict["components"]) for verdict in judged] == [len(device.components) for device in devices]


def test_the_tables_are_those_of_home_assistant(home_assistant_python: Path) -> None:
    """Device classes, units, state classes and platforms, if this is the version of our tables."""
    read = subprocess.check_output([home_assistant_python, "-c", READ_TABLES], text=True, timeout=120)
    theirs = json.loads(read)
    version = theirs.pop("version")
    if not version.startswith(TABLES_ARE_FROM):
        pytest.skip(f"the tables are from Home Assistant {TABLES_ARE_FROM}; this is {version}")
    quantities = {
        name: [None if quantity.units is None else sorted(quantity.units), sorted(quantity.state_classes)]
        for name, quantity in classes.QUANTITIES.items()
    }
    assert quantities == theirs.pop("quantities")
    assert theirs == {
        "words": sorted(classes.WORDS),
        "number": sorted(classes.NUMBER_CLASSES),
        "binary_sensor": sorted(classes.BINARY_SENSOR_CLASSES),
        "event": sorted(classes.EVENT_CLASSES),
        "switch": sorted(classes.SWITCH_CLASSES),
        "button": sorted(classes.BUTTON_CLASSES),
        "update": sorted(classes.UPDATE_CLASSES),
        "platforms": sorted(classes.PLATFORMS),
    }
