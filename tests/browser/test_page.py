"""The page as a person sees it: a real agent, a real broker, a real Chromium."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from tests.agent_process import AgentProcess
from tests.broker import Mosquitto, free_port
from tests.browser.chromium import Chromium
from tests.http_proxy import FRAME, PREFIX, Ingress
from tests.pictures import jpeg
from tests.recorder import Recorder

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.broker, pytest.mark.browser, pytest.mark.timeout(180)]

KEEP_VARIABLE: Final = "EDGE_AGENT_TEST_SCREENSHOTS"
"""Names a folder for the pictures of the page, for whoever wants to look at them."""
DESKTOP: Final = (1280, 1000)
PHONE: Final = (390, 844)
PICTURE_IS_THERE: Final = "document.querySelector('.picture img')?.naturalWidth > 0"
STYLE_IS_THERE: Final = "getComputedStyle(document.querySelector('main')).display === 'grid'"
OVERFLOW: Final = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


RENEWED: Final = "document.dispatchEvent(new Event('visibilitychange'))"
"""The page asks at once, as when somebody comes back to it, and not only at the next of its five seconds."""


class House:
    """A broker, an agent with its page, and a doorbell that has rung."""

    def __init__(self, agent: AgentProcess, recorder: Recorder, port: int) -> None:
        self.agent = agent
        self.port = port
        self.url = f"http://127.0.0.1:{port}/"
        self._recorder = recorder
        self._rung = 0

    def ring(self, doorbell: str, width: int = 640, height: int = 360) -> None:
        """Press a bell and send a picture; return when the annotated one was published."""
        self._rung += 1
        self._recorder.forget()
        picture = jpeg(width, height, seed=self._rung)
        self._recorder.publish(f"doorbell/{doorbell}/frame", picture, user={"trigger": "press"})
        self._recorder.wait_for_count(f"doorbell/{doorbell}/snapshot", 1)


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    port = free_port()
    with Mosquitto() as broker, Recorder(broker.port) as recorder:
        http = {"HTTP__ENABLED": "true", "HTTP__PORT": str(port)}
        with AgentProcess(broker.port, DETECTION__STRATEGIES="gpu,mock", **http) as agent:
            agent.wait_until_ready(recorder)
            house = House(agent, recorder, port)
            house.ring("front")
            yield house


@pytest.fixture(scope="module")
def browser() -> Iterator[Chromium]:
    with Chromium() as browser:
        yield browser


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_the_page_fits_every_screen_and_asks_nobody_else(
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
    browser.save(folder / f"page-{size[0]}-{scheme}.png")


def test_the_page_works_under_a_path_of_a_proxy(house: House, browser: Chromium) -> None:
    with Ingress(house.port) as ingress:
        for url in (ingress.url + "/", ingress.url):
            browser.open(url)
            browser.wait_for(PICTURE_IS_THERE)
            assert browser.run(STYLE_IS_THERE)
            assert browser.run("document.querySelector('footer a').href").endswith(f"{PREFIX}/metrics")
        assert all(PREFIX in url for url in browser.requests() if url.startswith("http"))
        assert browser.complaints() == []


def test_the_page_may_be_framed_by_its_own_origin_alone(house: House, browser: Chromium) -> None:
    inside = "document.querySelector('iframe').contentDocument"
    with Ingress(house.port) as ingress:
        browser.open(ingress.origin + FRAME)
        browser.wait_for(f"{inside}?.querySelector('.picture img')?.naturalWidth > 0")
        assert browser.complaints() == []
        browser.run(f"document.querySelector('iframe').src = '{house.url}'")
        browser.wait_for(f"{inside} === null")
        assert any("frame-ancestors" in each for each in browser.complaints())


def test_the_page_lives(house: House, browser: Chromium) -> None:
    browser.open(house.url)
    browser.run("document.querySelector('main').marked = true")
    browser.run("document.querySelector('details').open = true")
    first = browser.wait_for("document.querySelector('.picture img').src")
    house.ring("front")  # and the page asks by itself
    browser.wait_for(f"document.querySelector('.picture img').src !== '{first}'")
    assert browser.run("document.querySelector('details').open"), "what was unfolded stays so"
    assert browser.run("document.querySelector('main').marked"), "only what changed is replaced"
    house.ring("garden", 360, 640)
    browser.run(RENEWED)
    frame = "document.querySelector('[data-part=picture-garden]')"
    browser.wait_for(f"{frame}?.querySelector('img').naturalHeight === 640")
    ratio = browser.run(f"{frame}.clientWidth / {frame}.clientHeight")
    assert ratio == pytest.approx(16 / 9, rel=0.02), "a picture in portrait format stays in its frame"


def test_the_page_says_when_nobody_answers_and_goes_on_when_somebody_does(house: House, browser: Chromium) -> None:
    browser.open(house.url)
    browser.complaints()
    house.agent.stop()
    browser.run(RENEWED)
    browser.wait_for("getComputedStyle(document.querySelector('.silence')).display === 'block'")
    house.agent.start()
    browser.wait_for(f"{RENEWED} && getComputedStyle(document.querySelector('.silence')).display === 'none'")
    browser.wait_for(f"{RENEWED} && document.querySelector('.status').innerText === 'all is well'")
