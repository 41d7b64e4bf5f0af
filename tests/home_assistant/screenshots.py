"""Make the pictures of docs/home-assistant.md with a real Home Assistant and a real browser.

Usage: HA_INST=folder python -P -m tests.home_assistant.screenshots
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

import cv2
import yaml

from edge_agent.demo.porch import Scene, draw
from edge_agent.demo.visitors import read_visitors
from testing.shared_data import PROJECT, shared
from testing.waiting import wait_until
from tests.browser.chromium import Chromium
from tests.home_assistant.alerts import House, alert_input
from tests.home_assistant.at_home import AGENT, BLUEPRINTS
from tests.home_assistant.phone import EXTRA_YAML

if TYPE_CHECKING:
    from collections.abc import Iterator

AUTOMATION: Final = "front_door_alert"
DOCS: Final = PROJECT / "docs"
YAML: Final = EXTRA_YAML + "frontend:\nhistory:\nlogbook:\nlovelace:\n"
PERSISTENT: Final = {
    "action": "persistent_notification.create",
    "data": {
        "notification_id": "{{ tag }}",
        "title": "{{ doorbell_name }}",
        "message": '{{ message }}\n{% if picture %}<img src="{{ picture }}">{% endif %}',
    },
}
"""The actions of docs/home-assistant.md for who has no phone with the app."""
HIDE_BROKEN: Final = """(function hide(root) {
  for (const each of root.querySelectorAll('*')) {
    if (each.localName === 'img' && each.complete && !each.naturalWidth) each.style.visibility = 'hidden';
    if (each.shadowRoot) hide(each.shadowRoot);
  }
})(document)"""
FIND: Final = """(function find(root, name) {
  for (const each of root.querySelectorAll('*')) {
    if (each.localName === name) return each;
    const found = each.shadowRoot && find(each.shadowRoot, name);
    if (found) return found;
  }
  return null;
})(document, %s)"""


def main() -> None:
    """Write the pictures to docs/."""
    with tempfile.TemporaryDirectory() as folder, a_house(Path(folder)) as house, Chromium() as browser:
        ring_with_a_visitor(house)
        sign_in(house, browser)
        browser.look_like(1100, 1160, "light")
        go(browser, f"/config/automation/edit/{AUTOMATION}", "blueprint-automation-editor")
        save(browser, "home-assistant-blueprint.png")
        browser.look_like(1100, 1000, "light")
        go(browser, f"/config/devices/device/{house.device_id()}", "ha-config-device-page")
        save(browser, "home-assistant-device.png")
        browser.look_like(1100, 680, "light")
        show_dashboard(house, browser)
        save(browser, "home-assistant.png")
        browser.look_like(520, 600, "light")
        show_notifications(browser)
        save(browser, "home-assistant-notification.png")
        go(browser, house.phone.received()[-1].data["clickAction"], "ha-more-info-dialog")


@contextlib.contextmanager
def a_house(folder: Path) -> Iterator[House]:
    """Run a house whose Home Assistant has a frontend."""
    spec = importlib.util.spec_from_file_location("ha_harness", shared("ha", "ha_harness.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["ha_harness"] = module
    spec.loader.exec_module(module)
    with (
        module.Harness.start(folder / "home", Path(os.environ["HA_INST"]), extra_yaml=YAML) as home,
        House.start(home, folder) as house,
    ):
        yield house


def ring_with_a_visitor(house: House) -> None:
    """Ring with the visitor of docs/porch.png, and wait for the alert's picture."""
    path = house.home.blueprint(BLUEPRINTS / "doorbell_alert.yaml")
    inputs = {**alert_input(house), "alert": [PERSISTENT]}
    made = {"id": AUTOMATION, "alias": "Front door alert", "use_blueprint": {"path": path, "input": inputs}}
    house.home.automations([made])
    wait_until(lambda: house.home.states("automation."))
    scene = draw(Scene(read_visitors()[0], distance_m=0.85, sideways_m=0.08))
    house.updated(house.ring(bytes(cv2.imencode(".jpg", scene)[1].tobytes())))
    house.wait_until_idle()


def sign_in(house: House, browser: Chromium) -> None:
    """Give the browser a token, as the login page does."""
    address = f"http://127.0.0.1:{house.home.d['http_port']}"
    tokens = {
        "access_token": house.home.d["token"], "token_type": "Bearer", "expires_in": 10**8, "expires": 10**13,
        "hassUrl": address, "clientId": f"{address}/", "refresh_token": "",
    }  # fmt: skip
    browser.open(f"{address}/manifest.json")
    browser.run(f"localStorage.setItem('hassTokens', {json.dumps(json.dumps(tokens))})")
    browser.run("localStorage.setItem('dockedSidebar', '\"always_hidden\"')")


def go(browser: Chromium, path: str, element: str) -> None:
    """Open a page of Home Assistant, and wait for its element."""
    browser.open(f"{browser.run('location.origin')}{path}")
    browser.wait_for(f"{find(element)} !== null")


def find(element: str) -> str:
    """Return the JavaScript that finds an element below any shadow root."""
    return FIND % json.dumps(element)


def show_dashboard(house: House, browser: Chromium) -> None:
    """Open config/home_assistant/dashboard.yaml."""
    text = (BLUEPRINTS / "dashboard.yaml").read_text(encoding="utf-8").replace("edge_agent_hall", AGENT)
    house.home.ws("lovelace/dashboards/create", url_path="dashboard-door", title="Door", mode="storage")
    house.home.ws("lovelace/config/save", url_path="dashboard-door", config=yaml.safe_load(text))
    go(browser, "/dashboard-door/0", "hui-image")


def show_notifications(browser: Chromium) -> None:
    """Open Home Assistant's drawer of notifications."""
    go(browser, "/config/dashboard", "home-assistant-main")
    event = "new CustomEvent('hass-show-notifications', {bubbles: true, composed: true})"
    browser.run(f"{find('home-assistant-main')}.dispatchEvent({event})")
    browser.wait_for(f"{find('persistent-notification-item')} !== null")


def save(browser: Chromium, name: str) -> None:
    """Save the page, without the brands' icons, which come from the internet."""
    browser.run("new Promise(done => setTimeout(() => done(true), 4000))")  # animations, and pictures that load late
    browser.run(HIDE_BROKEN)
    browser.save(DOCS / name)
    large = cv2.imread(str(DOCS / name))
    assert large is not None
    small = cv2.resize(large, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    cv2.imwrite(str(DOCS / name), small, [cv2.IMWRITE_PNG_COMPRESSION, 9])
    sys.stdout.write(f"docs/{name}: {(DOCS / name).stat().st_size / 1000:.0f} kB\n")


if __name__ == "__main__":
    main()
