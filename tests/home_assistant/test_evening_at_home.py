"""Half an hour at the door in compressed time: every ring is one alert with its own picture; nothing else is."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any, Final

import pytest

from testing.agent_process import AGENT_ID
from testing.photos import face_photo
from testing.pictures import jpeg
from testing.waiting import wait_until
from tests.home_assistant.alerts import House, alert_input, broken
from tests.home_assistant.at_home import AGENT, DOORBELL, MARKS, entity, wait_state
from tests.home_assistant.conftest import running
from tests.home_assistant.phone import EXTRA_YAML

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.home_assistant.phone import Notification

pytestmark = [*MARKS, pytest.mark.timeout(560)]

OFFLINE_AFTER_S: Final = 4
"""The silence after which a camera counts as offline; two minutes by default."""
QUIET_S: Final = 8
"""The quiet time of faces; half a minute by default."""
LATEST_PICTURE_S: Final = 30
"""How long a picture may follow its ring: Home Assistant takes up to 15 s to connect again after a broker's restart."""
OWN, NONE, FACE = "ring with its picture", "ring without a picture", "face with its picture"
"""What an alert shows."""


@dataclass(frozen=True, slots=True)
class Step:
    """Something that happens at `at`, on the clock of the evening, and the alerts that it must cause."""

    at: str
    what: str
    act: Callable[[House], None]
    expected: tuple[str, ...]


def test_every_ring_of_an_evening_alerts_once_with_its_own_picture(
    harness: Any, installation: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = {"DOORBELLS__OFFLINE_AFTER_S": str(OFFLINE_AFTER_S), "PRESS__WINDOW_S": str(LATEST_PICTURE_S)}
    with (
        running(harness, installation, tmp_path / "home", EXTRA_YAML) as home,
        House.start(home, tmp_path, **settings) as house,
    ):
        house.automate("doorbell_alert", alert_input(house, quiet_time=QUIET_S, picture_wait=LATEST_PICTURE_S))
        rows = [(step, seen_in(house, step)) for step in EVENING]
        delays = delays_s(house)
    with capsys.disabled():
        sys.stdout.write(f"{table(rows)}; after the ring: median {median(delays):.2f} s, at most {max(delays):.2f} s\n")
    assert [(step.what, seen) for step, seen in rows] == [(step.what, step.expected) for step, _ in rows]


def seen_in(house: House, step: Step) -> tuple[str, ...]:
    """Return the alerts that a step causes, after everything that waits for a picture has ended."""
    before = set(house.phone.alerts())
    step.act(house)
    house.wait_until_idle()
    house.wait_until_visit_ends()
    house.wait_until_idle()
    return tuple(kind_of(house, alert) for tag, alert in house.phone.alerts().items() if tag not in before)


def kind_of(house: House, alert: list[Notification]) -> str:
    """Return what an alert with its updates shows; a picture is right if it is the snapshot of this press or visit."""
    key = "press_id" if alert[0].message.endswith("the bell rings") else "visit_id"
    name = "ring" if key == "press_id" else "face"
    shown = [each.picture for each in alert if "image" in each.data]
    if not shown:
        return f"{name} without a picture"
    right = house.snapshot_of(key, alert[0].tag.removeprefix("edge-agent-"))
    return f"{name} with its picture" if shown == [right] else f"{name} with {len(shown)} pictures, or a wrong one"


def delays_s(house: House) -> list[float]:
    """Return the seconds from each ring on MQTT to its notification on the phone."""
    rang_s = {house.tag(each.json["press_id"]): each.at_s for each in house.recorder.messages("doorbell/front/ring")}
    return [alert[0].at_s - rang_s[tag] for tag, alert in house.phone.alerts().items() if tag in rang_s]


def table(rows: list[tuple[Step, tuple[str, ...]]]) -> str:
    """Return the evening as a table, with its ghosts and losses."""
    lines = [f"\n{'at':6} {'what happens':58} {'expected':34} seen"]
    lines += [
        f"{step.at:6} {step.what:58} {', '.join(step.expected) or '-':34} {', '.join(seen) or '-'}"
        for step, seen in rows
    ]
    ghosts = sum(max(0, len(seen) - len(step.expected)) for step, seen in rows)
    lost = sum(max(0, len(step.expected) - len(seen)) for step, seen in rows)
    alerts = sum(len(step.expected) for step, _ in rows)
    return "\n".join([*lines, f"{alerts} alerts expected, {ghosts} ghosts, {lost} lost"])


# What happens


def rings(house: House) -> None:
    house.updated(house.ring(jpeg(seed=1)))


def rings_with_a_face(house: House) -> None:
    house.updated(house.ring(face_photo()))


def is_silent(house: House) -> None:
    """Wait until the camera is offline: nearly every ring of a camera that sends on events comes then."""
    camera = entity(house.home, house.device, "camera")
    wait_state(house.home, camera, "off")


def rings_after_silence(house: House) -> None:
    is_silent(house)
    rings(house)


def shows_an_empty_porch_after_silence(house: House) -> None:
    is_silent(house)
    house.frame(jpeg(seed=2))
    wait_state(house.home, entity(house.home, house.device, "camera"), "on")


def a_face_and_then_a_ring(house: House) -> None:
    last = f"state_attr('automation.{house.automation('doorbell_alert')}', 'last_triggered')"
    wait_until(lambda: house.home.render(f"{{{{ (now() - {last}).total_seconds() > {QUIET_S} }}}}") == "True")
    house.frame(face_photo())
    house.phone.wait_for(lambda each: "image" in each.data and each.message.endswith("at the door"))
    house.updated(house.ring(face_photo()))


def a_late_picture(house: House) -> None:
    ring = house.ring()
    house.alert_of(ring)
    house.recorder.wait_for("doorbell/front/answer", lambda event: event["press_id"] == ring)
    house.frame(face_photo())
    house.updated(ring)


def a_late_picture_after_silence(house: House) -> None:
    is_silent(house)
    a_late_picture(house)


def a_broken_picture(house: House) -> None:
    house.alert_of(house.ring(broken()))


def a_broken_and_then_a_good_picture(house: House) -> None:
    ring = house.ring(broken())
    house.frame(face_photo())
    house.updated(ring)


def no_picture(house: House) -> None:
    house.alert_of(house.ring())


def the_agent_restarts(house: House) -> None:
    house.agent.kill()
    wait_state(house.home, entity(house.home, house.device, "detection"), "unavailable")
    house.agent.start()
    house.agent.wait_until_ready(house.recorder)
    wait_until_back(house)


def the_broker_restarts(house: House) -> None:
    the_broker_is_back(house)
    wait_until_back(house)


def home_assistant_restarts(house: House) -> None:
    born = births(house)
    house.home.restart_ha()
    wait_until(lambda: births(house) > born)
    wait_until_back(house)


def home_assistant_restarts_after_a_ring(house: House) -> None:
    """Restart it while a run waits for the picture: the alert is out, and the run ends."""
    house.alert_of(house.ring())
    home_assistant_restarts(house)


def the_agent_restarts_after_a_ring(house: House) -> None:
    """Kill it between the press and its picture: the press journal tells it which press the picture shows."""
    ring = house.ring()
    house.alert_of(ring)
    house.agent.kill()
    house.agent.start()
    house.agent.wait_until_ready(house.recorder)
    house.frame(jpeg(seed=4))
    house.updated(ring)


def the_broker_restarts_after_a_ring(house: House) -> None:
    ring = house.ring()
    house.alert_of(ring)
    the_broker_is_back(house)
    house.frame(jpeg(seed=5))
    house.updated(ring)


def a_new_doorbell_rings(house: House) -> None:
    """Remove the doorbell, so that its ring announces it: Home Assistant keeps the id of the device."""
    house.recorder.publish(f"edge_agent/{AGENT_ID}/command/remove", "front")
    wait_until(lambda: house.home.device_id(DOORBELL) is None)
    house.updated(house.ring(jpeg(seed=6)))


def the_broker_is_back(house: House) -> None:
    """Restart the broker, and wait until the agent and Home Assistant are connected."""
    born, connected = births(house), connections(house)
    house.home.restart_broker(down=1.0)
    wait_until(lambda: births(house) > born and connections(house) > connected)


def connections(house: House) -> int:
    """Return how often the agent has published that it is online."""
    return sum(each.payload == b"online" for each in house.recorder.messages(f"edge_agent/{AGENT_ID}/availability"))


def births(house: House) -> int:
    """Return how often Home Assistant has said that it has subscribed to everything."""
    return sum(each.payload == b"online" for each in house.recorder.messages("homeassistant/status"))


def wait_until_back(house: House) -> None:
    """Wait until Home Assistant shows the doorbell again, which keeps sending an empty porch."""
    camera, detector = entity(house.home, house.device, "camera"), entity(house.home, AGENT, "detector")

    def is_back() -> bool:
        house.home.pub("doorbell/front/frame", jpeg(seed=3))
        states = [(house.home.state(each) or {}).get("state") for each in (camera, detector)]
        return states == ["on", "CPU"]

    wait_until(is_back, timeout_s=60, why=lambda: str(house.home.states()))


EVENING: Final = (
    Step("18:00", "rings, and the picture follows", rings, (OWN,)),
    Step("18:03", "rings after silence", rings_after_silence, (OWN,)),
    Step("18:05", "shows an empty porch after silence", shows_an_empty_porch_after_silence, ()),
    Step("18:07", "a face, and then a ring within the quiet time", a_face_and_then_a_ring, (FACE, OWN)),
    Step("18:09", "rings; its picture comes after the answer", a_late_picture, (OWN,)),
    Step("18:11", "rings after silence; its picture comes after the answer", a_late_picture_after_silence, (OWN,)),
    Step("18:13", "rings; its picture is broken", a_broken_picture, (NONE,)),
    Step("18:14", "rings; a broken picture, and then a good one", a_broken_and_then_a_good_picture, (OWN,)),
    Step("18:16", "rings; no picture comes", no_picture, (NONE,)),
    Step("18:18", "the agent restarts", the_agent_restarts, ()),
    Step("18:19", "rings with a face after the agent's restart", rings_with_a_face, (OWN,)),
    Step("18:21", "the broker restarts", the_broker_restarts, ()),
    Step("18:22", "rings after the broker's restart", rings, (OWN,)),
    Step("18:24", "Home Assistant restarts", home_assistant_restarts, ()),
    Step("18:25", "rings with a face after Home Assistant's restart", rings_with_a_face, (OWN,)),
    Step("18:27", "rings; Home Assistant restarts before the picture", home_assistant_restarts_after_a_ring, (NONE,)),
    Step("18:29", "rings; the agent restarts before the picture", the_agent_restarts_after_a_ring, (OWN,)),
    Step("18:31", "rings; the broker restarts before the picture", the_broker_restarts_after_a_ring, (OWN,)),
    Step("18:33", "the first ring of a new doorbell", a_new_doorbell_rings, (OWN,)),
    Step("18:35", "rings after silence, the last time", rings_after_silence, (OWN,)),
)
