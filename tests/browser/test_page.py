"""The page in a browser: a real agent, a real broker, a real Chromium."""

from __future__ import annotations

import os
import re
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from edge_agent import topics
from edge_agent.doorbells import events
from edge_agent.settings.model import HttpSettings
from edge_agent.web.board import Board
from edge_agent.web.server import serving
from edge_agent.web.source_search import SourceSearch
from testing.agent_process import AgentProcess
from testing.broker import Mosquitto, free_port
from testing.pictures import jpeg
from testing.recorder import Recorder
from tests.browser.chromium import Chromium, assert_accessible
from tests.http_proxy import FRAME, PREFIX, Ingress

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.broker, pytest.mark.browser, pytest.mark.timeout(180)]

KEEP_VARIABLE: Final = "EDGE_AGENT_TEST_SCREENSHOTS"
"""Names a folder for screenshots of the page."""
DESKTOP: Final = (1280, 1000)
PHONE: Final = (390, 844)
PICTURE_IS_THERE: Final = "document.querySelector('.picture img')?.naturalWidth > 0"
STYLE_IS_THERE: Final = "getComputedStyle(document.querySelector('main')).display === 'grid'"
OVERFLOW: Final = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


RENEWED: Final = "document.dispatchEvent(new Event('visibilitychange'))"
"""Makes the page refresh at once, as on its return to the foreground, instead of at its next interval."""


class House:
    """A broker, an agent with its page, and a pressed doorbell."""

    def __init__(self, agent: AgentProcess, broker: Mosquitto, recorder: Recorder, port: int) -> None:
        self.agent = agent
        self.broker = broker
        self.port = port
        self.url = f"http://127.0.0.1:{port}/"
        self._recorder = recorder
        self._last_press = 0

    def ring(self, doorbell: str, width: int = 640, height: int = 360) -> None:
        """Press a doorbell and send a picture; return when the annotated one was published."""
        self._last_press += 1
        self._recorder.clear()
        picture = jpeg(width, height, seed=self._last_press)
        self._recorder.publish(f"doorbell/{doorbell}/frame", picture, user={"trigger": "press"})
        self._recorder.wait_for_count(f"doorbell/{doorbell}/snapshot", 1)


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    yield from _house()


def _house() -> Iterator[House]:
    port = free_port()
    with Mosquitto() as broker, Recorder(broker.port) as recorder:
        http = {"HTTP__ENABLED": "true", "HTTP__PORT": str(port)}
        with AgentProcess(
            broker.port, DETECTION__STRATEGIES="gpu,mock", IMAGES__SNAPSHOT_INTERVAL_S="0", **http
        ) as agent:
            agent.wait_until_ready(recorder)
            house = House(agent, broker, recorder, port)
            house.ring("front")
            yield house


@pytest.fixture(scope="module")
def browser() -> Iterator[Chromium]:
    with Chromium() as browser:
        yield browser


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_the_page_fits_every_screen_and_loads_nothing_external(
    house: House, browser: Chromium, size: tuple[int, int], scheme: str, tmp_path: Path
) -> None:
    browser.look_like(*size, scheme)
    browser.requests()
    browser.open(house.url)
    browser.wait_for(PICTURE_IS_THERE)
    assert browser.run(STYLE_IS_THERE)
    assert browser.run(OVERFLOW) == 0
    dark = browser.run("getComputedStyle(document.body).backgroundColor") == "rgb(18, 24, 26)"
    assert dark == (scheme == "dark")
    assert {url for url in browser.requests() if not url.startswith(house.url)} == set()
    assert browser.complaints() == []
    folder = Path(os.environ.get(KEEP_VARIABLE, tmp_path))
    assert_accessible(browser)
    browser.save(folder / f"page-{size[0]}-{scheme}.png")


def test_the_page_works_under_a_proxy_path(house: House, browser: Chromium) -> None:
    with Ingress(house.port) as ingress:
        for url in (ingress.url + "/", ingress.url):
            browser.open(url)
            browser.wait_for(PICTURE_IS_THERE)
            assert browser.run(STYLE_IS_THERE)
            assert browser.run("document.querySelector('footer a').href").endswith(f"{PREFIX}/metrics")
        assert all(PREFIX in url for url in browser.requests() if url.startswith("http"))
        assert browser.complaints() == []


def test_the_page_can_be_framed_only_by_its_own_origin(house: House, browser: Chromium) -> None:
    inside = "document.querySelector('iframe').contentDocument"
    with Ingress(house.port) as ingress:
        browser.open(ingress.origin + FRAME)
        browser.wait_for(f"{inside}?.querySelector('.picture img')?.naturalWidth > 0")
        assert browser.complaints() == []
        browser.run(f"document.querySelector('iframe').src = '{house.url}'")
        browser.wait_for(f"{inside} === null")
        assert any("frame-ancestors" in each for each in browser.complaints())


def test_the_page_updates(house: House, browser: Chromium) -> None:
    browser.open(house.url)
    browser.run("document.querySelector('main').marked = true")
    browser.run("document.querySelector('details').open = true")
    first = browser.wait_for("document.querySelector('.picture img').src")
    house.ring("front")  # the page refreshes by itself
    browser.wait_for(f"document.querySelector('.picture img').src !== '{first}'")
    assert browser.run("document.querySelector('details').open"), "open details stay open"
    assert browser.run("document.querySelector('main').marked"), "only changed parts are replaced"
    house.ring("garden", 360, 640)
    browser.run(RENEWED)
    frame = "document.querySelector('[data-part=picture-garden]')"
    browser.wait_for(f"{frame}?.querySelector('img').naturalHeight === 640")
    ratio = browser.run(f"{frame}.clientWidth / {frame}.clientHeight")
    assert ratio == pytest.approx(16 / 9, rel=0.02), "a tall picture stays in its frame"


ALARM: Final = "document.querySelector('.alarm').innerText"
STATUS: Final = "document.querySelector('.status').innerText"
DOOR: Final = "getComputedStyle(document.querySelector('.door'))"
DOOR_PICTURE: Final = "getComputedStyle(document.querySelector('.door img'))"
NOTICED_S: Final = 15.0


def wait_for_alarm(browser: Chromium, words: str, status: str) -> str:
    """Return the page's alarm, once it appears by itself; nothing below it may look live."""
    started_s = time.monotonic()
    browser.wait_for(f"{ALARM}.startsWith('{words}')")
    assert time.monotonic() - started_s < NOTICED_S
    said: str = browser.run(ALARM)
    shown = {
        "banner": "getComputedStyle(document.querySelector('.alarm')).backgroundColor",
        "top": "document.querySelector('.alarm').getBoundingClientRect().top < 30",
        "status": STATUS,
        "class": "document.querySelector('.status').className",
        "door": f"{DOOR}.filter",
        "dots": "[...document.querySelectorAll('.dot')].map((dot) => dot.className + dot.innerText)",
        "captions": "document.querySelectorAll('.caption p').length",
        "overflow": OVERFLOW,
    }
    assert {name: browser.run(script) for name, script in shown.items()} == {
        "banner": "rgb(179, 38, 30)",
        "top": True,
        "status": status,
        "class": "status failed",
        "door": "grayscale(1)",
        "dots": ["dotunknown"],
        "captions": 0,
        "overflow": 0,
    }
    return said


def wait_until_live(browser: Chromium) -> None:
    """Wait until the page shows by itself that the status is OK."""
    browser.wait_for(f"{STATUS} === 'OK' && {ALARM} === '' && {DOOR}.filter === 'none'")
    assert browser.run("document.querySelector('.dot').className") == "dot online"
    assert browser.run("document.querySelectorAll('.caption p').length") == 2


@pytest.fixture
def door() -> Iterator[House]:
    """Return a separate house, for tests that break it."""
    yield from _house()


def _keep(browser: Chromium, what: str, scheme: str, folder: Path) -> None:
    assert_accessible(browser)
    browser.save(Path(os.environ.get(KEEP_VARIABLE, folder)) / f"page-{what}-{scheme}.png")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_a_lost_broker_in_red(door: House, browser: Chromium, scheme: str, tmp_path: Path) -> None:
    browser.look_like(*PHONE, scheme)
    browser.open(door.url)
    browser.wait_for(PICTURE_IS_THERE)
    wait_until_live(browser)
    _keep(browser, "ok", scheme, tmp_path)
    door.broker.stop()
    said = wait_for_alarm(browser, "No connection to the broker since ", "no broker")
    assert re.fullmatch(
        r"No connection to the broker since \d\d:\d\d:\d\d\. Doorbells show their last pictures\.", said
    )
    assert browser.run("getComputedStyle(document.querySelector('.figures')).filter") == "none", "the agent still runs"
    _keep(browser, "broker-lost", scheme, tmp_path)
    door.broker.start()
    wait_until_live(browser)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_a_stopped_agent_in_red(door: House, browser: Chromium, scheme: str, tmp_path: Path) -> None:
    browser.look_like(*PHONE, scheme)
    browser.open(door.url)
    browser.wait_for(PICTURE_IS_THERE)
    door.agent.kill()
    said = wait_for_alarm(browser, "The agent has not responded since ", "no response")
    assert re.fullmatch(r"The agent has not responded since \d\d:\d\d:\d\d\. This page shows its last data\.", said)
    assert browser.run("getComputedStyle(document.querySelector('.figures')).filter") == "grayscale(1)"
    assert browser.run(f"{DOOR_PICTURE}.opacity") == "0.5"
    _keep(browser, "agent-gone", scheme, tmp_path)
    door.agent.start()
    browser.wait_for(f"{STATUS} === 'OK' && {ALARM} === ''")


def test_the_page_detects_a_frozen_agent_and_its_recovery(door: House, browser: Chromium) -> None:
    browser.look_like(*PHONE, "light")
    browser.open(door.url)
    browser.wait_for(PICTURE_IS_THERE)
    door.agent.signal(signal.SIGSTOP)
    wait_for_alarm(browser, "The agent has not responded since ", "no response")
    door.agent.signal(signal.SIGCONT)
    wait_until_live(browser)


def test_the_page_detects_a_hanging_agent_thread(browser: Chromium) -> None:
    """Its server still answers, with old data."""
    board = Board("attic", time.monotonic())
    board.record(events.availability(topics.doorbell_availability("front"), online=True), time.monotonic())
    browser.look_like(*PHONE, "light")
    port = free_port()
    with serving(HttpSettings(enabled=True, port=port), board, SourceSearch(lambda _seconds: [])):
        browser.open(f"http://127.0.0.1:{port}/")
        wait_for_alarm(browser, "The agent has not responded for ", "no response")
        board.beat(time.monotonic())
        browser.wait_for(f"{ALARM} === '' && {STATUS} === 'starting'")


def test_a_foreign_response_is_not_shown_as_the_agents(house: House, browser: Chromium) -> None:
    """Like a proxy, with its own page and status 200."""
    browser.look_like(*PHONE, "light")
    browser.open(house.url)
    browser.wait_for(PICTURE_IS_THERE)
    browser.run("(window.given = window.fetch, window.fetch = async () => new Response('<h1>Log in</h1>'), 1)")
    browser.run(RENEWED)
    browser.wait_for(f"{ALARM}.startsWith('The agent has not responded since ')")
    browser.run("(window.fetch = window.given, 1)")
    browser.wait_for(f"{ALARM} === ''")
