"""The history in a browser: a real agent, a real broker, a real Chromium."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from edge_agent.history.reader import HistoryReader
from edge_agent.history.store import folder_of
from testing.agent_process import AGENT_ID, AgentProcess
from testing.broker import Mosquitto, free_port
from testing.pictures import jpeg
from testing.recorder import Recorder
from testing.waiting import wait_until
from tests.browser.chromium import Chromium, assert_accessible
from tests.browser.test_page import DESKTOP, KEEP_VARIABLE, OVERFLOW, PHONE, RENEWED
from tests.http_proxy import PREFIX, Ingress

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.broker, pytest.mark.browser, pytest.mark.timeout(180)]

TOKEN: Final = "the token of this house"
NOTICED_S: Final = 15.0
FIRST: Final = "document.querySelector('.timeline a')"
PICTURES: Final = "[...document.querySelectorAll('.visit img')].every((image) => image.naturalWidth > 0)"


class Home:
    """A broker, and an agent with a history and its page."""

    def __init__(self, agent: AgentProcess, recorder: Recorder, port: int, state: Path) -> None:
        self.agent = agent
        self.port = port
        self.url = f"http://127.0.0.1:{port}/"
        self.reader = HistoryReader(folder_of(state, AGENT_ID))
        self._recorder = recorder
        self._presses = 0

    def ring(self, doorbell: str) -> str:
        """Press a doorbell; return the path of the press once it is answered and its picture is kept."""
        self._presses += 1
        self._recorder.clear()
        picture = jpeg(640, 360, seed=self._presses)
        self._recorder.publish(f"doorbell/{doorbell}/press", "")
        self._recorder.publish(f"doorbell/{doorbell}/frame", picture)
        answer = self._recorder.wait_for(f"doorbell/{doorbell}/answer")
        wait_until(lambda: self.reader.entry(answer["press_id"]))
        return str(answer["history_path"])


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    port = free_port()
    settings = {
        "HTTP__ENABLED": "true", "HTTP__PORT": str(port), "HTTP__TOKEN": TOKEN, "HTTP__INGRESS": "127.0.0.1",
        "HISTORY__ENABLED": "true", "STATE__DIR": str(tmp_path), "DETECTION__STRATEGIES": "mock",
        "DOORBELLS__VISIT_GAP_S": "1", "PRESS__DEBOUNCE_S": "0",
    }  # fmt: skip
    with Mosquitto() as broker, Recorder(broker.port) as recorder, AgentProcess(broker.port, **settings) as agent:
        agent.wait_until_ready(recorder)
        yield Home(agent, recorder, port, tmp_path)


@pytest.fixture(scope="module")
def browser() -> Iterator[Chromium]:
    with Chromium() as browser:
        yield browser


def save(browser: Chromium, name: str, folder: Path) -> None:
    browser.save(Path(os.environ.get(KEEP_VARIABLE, folder)) / f"{name}.png")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_todays_visits_come_first_and_open_with_a_click(
    home: Home, browser: Chromium, size: tuple[int, int], scheme: str, tmp_path: Path
) -> None:
    for doorbell in ("front", "garden", "front"):
        home.ring(doorbell)
    browser.look_like(*size, scheme)
    browser.requests()
    browser.complaints()
    browser.open(home.url)
    browser.wait_for("document.querySelectorAll('.timeline li').length >= 2")
    assert browser.run("document.querySelector('main section:not(:empty)').dataset.part") == "visits"
    assert browser.run("document.querySelectorAll('.chips a').length") == 3
    assert browser.run(OVERFLOW) == 0
    assert browser.run("[...document.querySelectorAll('.visits a')].every((a) => a.offsetHeight >= 44)"), "for a thumb"
    assert_accessible(browser)
    save(browser, f"history-today-{size[0]}-{scheme}", tmp_path)
    browser.run(f"{FIRST}.click()")
    browser.wait_for(f"location.pathname.startsWith('/visits/') && {PICTURES}")
    assert browser.run("document.querySelector('.facts').innerText.includes('Began')")
    assert browser.run(OVERFLOW) == 0
    assert_accessible(browser)
    save(browser, f"history-visit-{size[0]}-{scheme}", tmp_path)
    assert {url for url in browser.requests() if not url.startswith((home.url, "data:"))} == set()
    assert browser.complaints() == []


def test_a_link_of_a_notification_still_shows_that_visitor(home: Home, browser: Chromium) -> None:
    path = home.ring("front")
    wait_until(lambda: (entry := home.reader.entry(path.rpartition("/")[2])) and entry.snapshot_bytes)
    browser.open(home.url.rstrip("/") + path)
    first = browser.wait_for(f"{PICTURES} && document.querySelector('.visit img').src")
    for _ in range(2):
        home.ring("front")
    browser.open(home.url.rstrip("/") + path)
    assert browser.wait_for(f"{PICTURES} && document.querySelector('.visit img').src") == first
    assert browser.run("document.querySelector('.visit h2').innerText.startsWith('Press at front')")


def test_a_new_visit_appears_by_itself_and_the_focus_stays(home: Home, browser: Chromium) -> None:
    browser.open(home.url)
    browser.wait_for("document.querySelector('.visits .empty')?.innerText === 'Nobody was at the door today.'")
    assert_accessible(browser)
    home.ring("front")
    href = browser.wait_for(f"{FIRST}?.getAttribute('href')")
    browser.run(f"{FIRST}.focus()")
    home.ring("garden")
    browser.run(RENEWED)
    browser.wait_for("document.querySelectorAll('.chips a').length === 3")
    assert browser.run("document.activeElement.getAttribute('href')") == href


def test_a_visit_is_deleted_with_the_token(home: Home, browser: Chromium, tmp_path: Path) -> None:
    path = home.ring("front")
    wait_until(lambda: (entry := home.reader.entry(path.rpartition("/")[2])) and entry.ended_at)
    browser.look_like(*PHONE, "dark")
    browser.open(home.url.rstrip("/") + path)
    button = "document.querySelector('.visit [data-action]')"
    problem = "document.querySelector('dialog .problem').innerText"
    browser.run(f"{button}.click()")
    browser.wait_for("document.querySelector('dialog').open")
    assert_accessible(browser)
    save(browser, "history-delete", tmp_path)
    browser.run("document.querySelector('dialog form').elements.token.value = 'wrong'")
    browser.run("document.querySelector('dialog .yes').click()")
    browser.wait_for(f"{problem}.startsWith('This is not the token')")
    browser.run(f"document.querySelector('dialog form').elements.token.value = '{TOKEN}'")
    browser.run("document.querySelector('dialog .yes').click()")
    browser.wait_for("location.pathname.startsWith('/days/')")
    wait_until(lambda: home.reader.entry(path.rpartition("/")[2]) is None)


def test_through_the_ingress_detection_is_switched_without_a_token(home: Home, browser: Chromium) -> None:
    home.ring("front")
    with Ingress(home.port) as ingress:
        browser.open(ingress.url + "/")
        words = "document.querySelector('.caption button')?.innerText"
        browser.wait_for(f"{words} === 'Turn detection off'")
        browser.run("document.querySelector('.caption button').click()")
        browser.run("document.querySelector('dialog .yes').click()")
        browser.wait_for(f"{words} === 'Turn detection on'")
        browser.run("document.querySelector('[data-action$=\"mute/on\"]').click()")
        browser.run("document.querySelector('dialog .yes').click()")
        browser.wait_for("document.querySelector('.caption h2').innerText.includes('muted')")
        browser.run(f"{FIRST}.click()")
        browser.wait_for(f"location.pathname.startsWith('{PREFIX}/visits/') && {PICTURES}")
        browser.complaints()


def test_on_the_page_of_a_visit_a_red_banner_says_that_the_agent_is_gone(
    home: Home, browser: Chromium, tmp_path: Path
) -> None:
    path = home.ring("front")
    browser.look_like(*PHONE, "light")
    browser.open(home.url.rstrip("/") + path)
    browser.wait_for("document.querySelector('.status').innerText === 'OK'")
    home.agent.kill()
    started_s = time.monotonic()
    browser.wait_for("document.querySelector('.alarm').innerText.startsWith('The agent has not responded')")
    assert time.monotonic() - started_s < NOTICED_S
    assert_accessible(browser)
    save(browser, "history-agent-gone", tmp_path)
