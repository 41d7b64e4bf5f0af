"""The pages and the logbook of the real Home Assistant, in a real browser."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import cv2
import pytest
import yaml

from edge_agent.demo.porch import Scene, draw
from edge_agent.demo.visitors import read_visitors
from testing.pictures import jpeg
from testing.recorder import Recorder
from testing.waiting import wait_until
from tests.browser.chromium import Chromium
from tests.home_assistant.at_home import (
    AGENT,
    BLUEPRINTS,
    DOORBELL,
    MARKS,
    agent_for,
    entity,
    ring,
    wait_state,
    wait_until_listening,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [*MARKS, pytest.mark.timeout(400)]

FRONTEND: Final = "recorder:\n  commit_interval: 1\nhistory:\nlogbook:\nfrontend:\n"
TEXT: Final = """(function text(node) {
    const inside = node.shadowRoot ? [node.shadowRoot, ...node.childNodes] : [...node.childNodes];
    return node.nodeType === 3 ? node.data.trim() : inside.filter(each => !/STYLE|SCRIPT/.test(each.nodeName))
        .map(text).filter(each => each).join("\\n");
})(document.body)"""
"""The text of a page with all its shadow trees."""


@pytest.fixture
def home(harness: Any, installation: Path, tmp_path: Path) -> Iterator[Any]:
    """Return a Home Assistant with its frontend, logbook and history."""
    with harness.start(tmp_path / "home", installation, extra_yaml=FRONTEND) as running:
        yield running


@pytest.fixture
def recorder(home: Any) -> Iterator[Recorder]:
    with Recorder(home.d["mqtt_port"]) as recorder:
        yield recorder


@pytest.fixture
def browser(home: Any) -> Iterator[Chromium]:
    """Return a browser that is logged in."""
    with Chromium() as chromium:
        chromium.open(address(home, "/manifest.json"))
        token = {"hassUrl": address(home, ""), "clientId": address(home, "/"), "access_token": home.d["token"]}
        text = json.dumps({**token, "expires": 4e12, "expires_in": 1e9, "refresh_token": "", "token_type": "Bearer"})
        chromium.run(f"localStorage.setItem('hassTokens', {json.dumps(text)})")
        chromium.run("localStorage.setItem('dockedSidebar', '\"always_hidden\"')")
        yield chromium


def address(home: Any, path: str) -> str:
    return f"http://127.0.0.1:{home.d['http_port']}{path}"


def visitor() -> bytes:
    """Return a visitor at the door, as a JPEG."""
    done, encoded = cv2.imencode(".jpg", draw(Scene(read_visitors()[0], distance_m=0.85, sideways_m=0.08)))
    assert done
    return encoded.tobytes()


def show(browser: Chromium, home: Any, path: str, name: str, words: tuple[str, ...]) -> list[str]:
    """Open a page, wait until it shows these words, keep a screenshot, and return its lines."""
    browser.look_like(1200, 1000, "light")
    browser.open(address(home, path))
    wait_until(lambda: all(each in browser.run(TEXT) for each in words), why=lambda: str(browser.run(TEXT)))
    if folder := os.environ.get("EDGE_AGENT_TEST_SCREENSHOTS"):
        time.sleep(2)  # pictures and transitions, for the people who look at it
        browser.save(Path(folder) / f"{name}.png")
    return str(browser.run(TEXT)).splitlines()


def use_dashboard(home: Any) -> None:
    """Make our dashboard, with the names of this house."""
    text = (BLUEPRINTS / "dashboard.yaml").read_text(encoding="utf-8").replace("edge_agent_hall", "edge_agent_test")
    home.ws("lovelace/dashboards/create", url_path="the-door", title="Door", mode="storage")
    home.ws("lovelace/config/save", url_path="the-door", config=yaml.safe_load(text))


def read_logbook(home: Any, *keys: str) -> list[tuple[str, str]]:
    """Return the name and the event of every entry of these entities of the doorbell, the oldest first."""
    entities = ",".join(entity(home, DOORBELL, key) for key in keys)
    entries = home.rest("GET", f"/api/logbook?entity={entities}")
    found = [(each["name"], each.get("attributes", {}).get("event_type")) for each in entries]
    return [(name, event) for name, event in found if event]


def test_the_pages_and_the_logbook_after_a_visit(home: Any, recorder: Recorder, browser: Chromium) -> None:
    with agent_for(home) as agent:
        agent.wait_until_ready(recorder)
        recorder.publish("doorbell/front/frame", jpeg())
        wait_until_listening(home)
        face = entity(home, DOORBELL, "face")
        ring(recorder, visitor())
        wait_until(lambda: home.state(face)["attributes"].get("event_type") == "Left")
        wait_state(home, entity(home, DOORBELL, "camera"), "on")

        wait_until(lambda: len(read_logbook(home, "doorbell", "face")) == 3)
        ring_entry, *of_faces = read_logbook(home, "doorbell", "face")
        assert ring_entry == ("Front doorbell", "ring")
        assert of_faces == [("Front doorbell Face", "Appeared"), ("Front doorbell Face", "Left")]

        device = f"/config/devices/device/{home.device_id(DOORBELL)}"
        page = show(browser, home, device, "doorbell", ("Sensors", "Configuration", "Diagnostic", "Last seen", "Left"))
        assert {"Camera", "Connectivity", "Detection", "Minimum confidence"} <= set(page)
        assert page.index("Configuration") < page.index("Detection") < page.index("Diagnostic")
        device = f"/config/devices/device/{home.device_id(AGENT)}"
        page = show(browser, home, device, "agent", ("Controls", "Diagnostic", "Active detector", "CPU", "Firmware"))
        assert {"Problem", "Connectivity"} <= set(page)
        assert {"Memory", "Workers alive", "Detector strategy"}.isdisjoint(page)
        use_dashboard(home)
        words = ("Last ring", "Appeared", "Detector", "Minimum confidence")
        page = show(browser, home, "/the-door/0", "dashboard", words)
        assert not [line for line in page if "not found" in line.lower() or "unavailable" in line.lower()]
