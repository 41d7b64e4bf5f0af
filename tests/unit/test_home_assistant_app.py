"""The Home Assistant app: its options match the settings, and its metadata is correct."""

from __future__ import annotations

import re
import runpy
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import cv2
import pytest
import yaml

from edge_agent import __version__
from edge_agent.capture.specs import camera_specs
from edge_agent.ingest.presets import PRESETS
from edge_agent.settings.loading import load_settings
from edge_agent.settings.model import Settings
from testing.shared_data import PROJECT

APP = PROJECT / "home_assistant_app"
CONFIG = yaml.safe_load((APP / "config.yaml").read_text(encoding="utf-8"))
START = runpy.run_path(str(APP / "start.py"))
SERVICE = {"host": "core-mosquitto", "port": 1883, "username": "addons", "password": "secret", "ssl": False}
TYPE = re.compile(r"^(bool|port|str|password|int(\(\d*,\d*\))?|float(\([\d.]*,[\d.]*\))?|match\(.*\)|list\(.+\))\??$")
"""The Supervisor's types that are used here."""


def _settings(options: dict[str, Any], service: dict[str, Any]) -> Settings:
    return load_settings(None, {}, environment=START["settings_of"](options, service))


def test_the_default_options_give_the_default_settings() -> None:
    settings, defaults = _settings(CONFIG["options"], SERVICE), Settings()
    assert settings.agent_id == "home"
    assert settings.mqtt.host == "core-mosquitto"
    assert settings.mqtt.password.get_secret_value() == "secret"
    assert settings.detection == defaults.detection
    assert settings.doorbells == defaults.doorbells
    assert settings.pool == defaults.pool


def test_every_option_has_a_type_a_setting_and_a_translation() -> None:
    translations = yaml.safe_load((APP / "translations" / "en.yaml").read_text(encoding="utf-8"))["configuration"]
    assert CONFIG["schema"].keys() == START["VARIABLES"].keys() == translations.keys()
    assert CONFIG["options"].keys() <= CONFIG["schema"].keys()
    assert all(text.keys() == {"name", "description"} for text in translations.values())
    types = [each[0] if isinstance(each, list) else each for each in CONFIG["schema"].values()]
    assert all(map(TYPE.match, types))
    required = {name for name, kind in CONFIG["schema"].items() if not str(kind).rstrip("]'").endswith("?")}
    assert required == CONFIG["options"].keys()


def test_every_option_sets_its_setting() -> None:
    options = {
        "agent_id": "attic", "min_confidence": 0.8, "privacy": "blurred", "press_only": True, "log_level": "debug",
        "workers": 3, "doorbells": ["front", "gate-*"],
        "sources": ["ring-mqtt", "frigate"], "mqtt_host": "broker", "mqtt_port": 1884,
        "mqtt_username": "me", "mqtt_password": "mine",
    }  # fmt: skip
    settings = _settings(options, SERVICE)
    assert (settings.agent_id, settings.log.level, settings.pool.workers) == ("attic", "debug", 3)
    assert settings.detection.min_confidence == pytest.approx(0.8)
    assert (settings.doorbells.privacy, settings.doorbells.press_only) == ("blurred", True)
    assert settings.doorbells.include == ("front", "gate-*")
    assert [each.preset for each in settings.sources] == ["ring-mqtt", "frigate"]
    assert [str(address) for address in settings.mqtt.addresses()] == ["broker:1884"]
    assert (settings.mqtt.username, settings.mqtt.password.get_secret_value()) == ("me", "mine")


def test_the_option_of_sources_offers_every_preset() -> None:
    (offered,) = CONFIG["schema"]["sources"]
    assert offered.removeprefix("list(").removesuffix(")?").split("|") == list(PRESETS)


def test_the_password_of_the_supervisor_goes_to_no_other_broker() -> None:
    settings = _settings({**CONFIG["options"], "mqtt_host": "elsewhere"}, SERVICE)
    assert (settings.mqtt.username, settings.mqtt.password.get_secret_value()) == ("", "")


def test_without_a_broker_none_is_set() -> None:
    assert "EDGE_AGENT_MQTT__HOST" not in START["settings_of"](CONFIG["options"], {})


def test_cameras_of_home_assistant_need_no_token_of_the_user() -> None:
    cameras = {"EDGE_AGENT_CAMERAS": '[{"url": "home-assistant:camera.front"}]'}
    environment = {**START["settings_of"](CONFIG["options"], SERVICE), **START["access_of"]("secret"), **cameras}
    (spec,) = camera_specs(load_settings(None, {}, environment=environment))
    assert (spec.home_assistant, spec.token, spec.ports) == ("http://supervisor/core", "secret", frozenset({80}))
    assert CONFIG["homeassistant_api"]
    assert START["access_of"]("") == {}


def test_only_the_ingress_may_open_the_page() -> None:
    settings = _settings(CONFIG["options"], SERVICE)
    assert settings.http.enabled
    assert settings.http.allowed == ("172.30.32.2",)
    assert settings.http.port == CONFIG["ingress_port"]
    assert settings.http.sources


def test_the_app_has_the_agents_version() -> None:
    assert CONFIG["version"] == __version__
    assert f"## {__version__}" in (APP / "CHANGELOG.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(("name", "width", "height"), [("icon.png", 128, 128), ("logo.png", 320, 100)])
def test_the_pictures_have_the_sizes_of_home_assistant(name: str, width: int, height: int) -> None:
    picture = cv2.imread(str(APP / name), cv2.IMREAD_UNCHANGED)
    assert picture is not None
    assert picture.shape == (height, width, 4)


def test_all_files_for_the_supervisor_exist() -> None:
    wanted = {"config.yaml", "Dockerfile", "DOCS.md", "CHANGELOG.md", "icon.png", "logo.png", "apparmor.txt"}
    assert wanted <= {path.name for path in APP.iterdir()}
    assert "name" in yaml.safe_load((PROJECT / "repository.yaml").read_text(encoding="utf-8"))


def test_the_apps_docker_images_are_pinned() -> None:
    text = (APP / "Dockerfile").read_text(encoding="utf-8")
    assert all(":" in source for source in re.findall(r"(?m)^FROM (\S+)", text))


@pytest.mark.parametrize("name", ["bus/usb/001/002", "dri/renderD128", "accel/accel0"])
def test_the_groups_of_accelerators_have_write_access(tmp_path: Path, name: str) -> None:
    device = tmp_path / name
    device.parent.mkdir(parents=True)
    device.touch()
    assert START["groups_of_devices"](tmp_path) == []
    device.unlink()
    device.symlink_to("/dev/null")  # a device that its group may use
    assert START["groups_of_devices"](tmp_path) == [Path("/dev/null").stat().st_gid]


def test_the_devices_of_the_app_may_be_opened() -> None:
    rules = re.findall(r"(?m)^  (/dev/\S+) rw,$", (APP / "apparmor.txt").read_text(encoding="utf-8"))
    for device in CONFIG["devices"]:
        assert any(fnmatch(device, rule) for rule in rules), device
