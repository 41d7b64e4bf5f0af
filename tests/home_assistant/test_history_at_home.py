"""The history of visits at home: a link in a notification, the visits of today, and muting from the agent's page."""

from __future__ import annotations

import re
import urllib.request
from typing import TYPE_CHECKING, Any, Final

import pytest

from testing.broker import free_port
from testing.photos import face_photo
from testing.pictures import jpeg
from testing.waiting import wait_until
from tests.home_assistant.alerts import House, alert_input
from tests.home_assistant.at_home import MARKS, entity, wait_state
from tests.home_assistant.conftest import running
from tests.home_assistant.phone import EXTRA_YAML

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = list(MARKS)

TOKEN: Final = "the token of this house"
KEY: Final = re.compile(r'name="edge-agent-key" content="([^"]+)"')


@pytest.fixture(scope="module")
def port() -> int:
    """Return the port of the agent's page."""
    return free_port()


@pytest.fixture(scope="module")
def house(harness: Any, installation: Any, tmp_path_factory: pytest.TempPathFactory, port: int) -> Iterator[House]:
    """Return a house whose agent keeps a history."""
    folder = tmp_path_factory.mktemp("house")
    settings = {
        "HISTORY__ENABLED": "true", "STATE__DIR": str(folder / "state"),
        "HTTP__ENABLED": "true", "HTTP__PORT": str(port), "HTTP__TOKEN": TOKEN,
    }  # fmt: skip
    with (
        running(harness, installation, folder / "home", EXTRA_YAML) as home,
        House.start(home, folder, **settings) as house,
    ):
        yield house


@pytest.fixture(autouse=True)
def _quiet(house: House) -> Iterator[None]:
    """Leave nobody at the door; after a restart, a frame says so."""
    house.reset()
    yield
    house.frame(jpeg())
    house.wait_until_quiet()


def address(port: int) -> str:
    return f"http://127.0.0.1:{port}"


def act(port: int, path: str) -> int:
    """Press a button of the page, with its key and the token; return the status."""
    with urllib.request.urlopen(f"{address(port)}/") as page:  # noqa: S310 - our own
        (key,) = KEY.findall(page.read().decode())
    headers = {"X-Edge-Agent-Key": key, "X-Edge-Agent-Token": TOKEN}
    request = urllib.request.Request(f"{address(port)}{path}", method="POST", headers=headers)  # noqa: S310 - our own
    with urllib.request.urlopen(request) as answer:  # noqa: S310 - as above
        return int(answer.status)


def test_a_notification_opens_the_same_visitor_an_hour_later(house: House, port: int) -> None:
    """An evening in compressed time: three more visitors, and a restart of the agent."""
    house.automate(
        "doorbell_alert", alert_input(house, history_url=f"{address(port)}/", picture_folder=str(house.media))
    )
    press_id = house.ring(face_photo())
    alert = house.updated(press_id)
    link, image = alert.data["url"], alert.data["image"]
    assert (link, image) == (f"{address(port)}/visits/{press_id}", f"{address(port)}/visits/{press_id}/snapshot.jpg")
    assert alert.data["clickAction"] == link
    assert alert.picture == house.picture_of(press_id)
    house.wait_until_visit_ends()
    for seed in (1, 2, 3):
        assert house.updated(house.ring(jpeg(seed=seed))).picture != alert.picture
    assert house.agent.stop() == 0
    house.agent.start()
    wait_until(lambda: _opens(house, link))
    assert house.phone.load(image) == alert.picture
    page = house.phone.load(link).decode()
    assert "Press at front" in page
    assert f"visits/{press_id}/snapshot.jpg" in page
    assert not list(house.media.glob("*.jpg")), "the history keeps the picture: the folder need not"


def test_the_visits_of_today_are_counted_over_a_restart(house: House) -> None:
    sensor = entity(house.home, house.device, "visits_today")
    before = int(wait_state(house.home, sensor, str.isdecimal)["state"])
    for number in (1, 2):
        house.frame(face_photo())
        state = wait_state(house.home, sensor, str(before + number))
        house.wait_until_visit_ends()
    assert state["attributes"]["state_class"] == "total_increasing"
    assert house.agent.stop() == 0
    wait_state(house.home, sensor, "unavailable")
    house.agent.start()
    wait_state(house.home, sensor, str(before + 2))


def test_a_mute_on_the_page_silences_the_phone(house: House, port: int) -> None:
    house.automate("doorbell_alert", alert_input(house))
    assert house.alert_of(house.ring(jpeg())).data["importance"] == "high"
    assert act(port, "/doorbells/front/mute/on") == 204
    switch = entity(house.home, house.device, "mute")
    wait_state(house.home, switch, "on")
    assert house.alert_of(house.ring(jpeg(seed=1))).data["importance"] == "low"
    assert act(port, "/doorbells/front/mute/off") == 204
    wait_state(house.home, switch, "off")
    assert house.alert_of(house.ring(jpeg(seed=2))).data["importance"] == "high"


def _opens(house: House, link: str) -> bool:
    try:
        return bool(house.phone.load(link))
    except OSError:
        return False
