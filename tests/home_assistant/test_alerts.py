"""From the door to the phone: each ring alerts once and at once, and with no picture but its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs, urlsplit

import pytest

from testing.photos import face_photo
from testing.pictures import jpeg
from testing.waiting import wait_until
from tests.home_assistant import stand_in
from tests.home_assistant.alerts import House, alert_input, broken
from tests.home_assistant.at_home import MARKS, entity, wait_state
from tests.home_assistant.conftest import running
from tests.home_assistant.phone import EXTRA_YAML

if TYPE_CHECKING:
    from collections.abc import Iterator


pytestmark = list(MARKS)

HELPERS: Final = "input_boolean:\n  door:\n"


@pytest.fixture(scope="module")
def shared_house(harness: Any, installation: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Return a house with a broker, an agent, a Home Assistant and a phone."""
    folder = tmp_path_factory.mktemp("house")
    media = folder / "media"
    media.mkdir()
    extra = f"homeassistant:\n  media_dirs:\n    local: {media}\n" + EXTRA_YAML + HELPERS
    with (
        running(harness, installation, folder / "home", extra, expected="the model is away") as home,
        House.start(home, media) as house,
    ):
        yield house


@pytest.fixture(scope="module")
def with_stand_ins(shared_house: House) -> None:
    """Add a voice, a speaker and a model to the house, if its Home Assistant knows models."""
    version = shared_house.home.rest("GET", "/api/config")["version"]
    if tuple(map(int, version.split(".")[:2])) < (2025, 8):
        pytest.skip(f"AI tasks with pictures came with Home Assistant 2025.8; this is {version}")
    stand_in.install(shared_house.home)
    shared_house.wait_until_subscribed()


@pytest.fixture
def house(shared_house: House) -> Iterator[House]:
    """Return the house, without automations and with nobody at the door."""
    shared_house.reset()
    yield shared_house
    shared_house.wait_until_quiet()


def test_a_face_does_not_swallow_the_ring(house: House) -> None:
    """At the defaults: a face, and a ring within its quiet time."""
    house.automate("doorbell_alert", alert_input(house))
    house.frame(face_photo())
    house.phone.wait_for(lambda each: "someone is at the door" in each.message)
    ring = house.ring()
    alert = house.alert_of(ring)
    assert alert.message == "Front doorbell: the bell rings"
    house.frame(face_photo())
    assert house.picture_of(ring) == house.updated(ring).picture


def test_a_ring_silences_its_own_face(house: House) -> None:
    house.automate("doorbell_alert", alert_input(house))
    ring = house.ring(face_photo())
    house.updated(ring)
    house.wait_until_visit_ends()
    assert [each.message for each in house.phone.received()] == ["Front doorbell: the bell rings"] * 2
    assert len(house.phone.alerts()) == 1


def test_the_alert_is_updated_in_place_and_silently(house: House) -> None:
    house.automate("doorbell_alert", alert_input(house))
    ring = house.ring()
    first = house.alert_of(ring)
    assert "image" not in first.data
    assert first.data["push"] == {"sound": "default", "interruption-level": "time-sensitive"}
    assert (first.data["ttl"], first.data["priority"], first.data["importance"]) == (0, "high", "high")
    house.frame(jpeg())
    second = house.updated(ring)
    assert second.data["push"] == {"sound": "none", "interruption-level": "passive"}
    assert second.data["alert_once"] is True
    same = ("tag", "group", "channel", "clickAction", "actions")
    assert [first.data[key] for key in same] == [second.data[key] for key in same]


@pytest.mark.parametrize("late", [False, True])
def test_an_older_picture_is_never_shown(house: House, late: bool) -> None:
    """The picture comes with the ring, or after its answer; until then, the image entity shows the visitor before."""
    house.automate("doorbell_alert", alert_input(house))
    before = house.ring(jpeg(seed=1))
    house.updated(before)
    ring = house.ring()
    house.alert_of(ring)
    if late:
        house.recorder.wait_for("doorbell/front/answer", lambda event: event["press_id"] == ring)
    house.frame(face_photo())
    assert house.updated(ring).picture == house.picture_of(ring) != house.picture_of(before)


def test_a_picture_after_the_wait_changes_nothing(house: House) -> None:
    house.automate("doorbell_alert", alert_input(house, picture_wait=1))
    house.updated(house.ring(jpeg(seed=1)))
    ring = house.ring()
    house.alert_of(ring)
    house.wait_until_idle()
    house.frame(jpeg(seed=2))
    house.picture_of(ring)
    assert [each.data.get("image") for each in house.phone.alerts()[house.tag(ring)]] == [None]


@pytest.mark.parametrize("picture", [None, broken()], ids=["missing", "broken"])
def test_without_a_picture_the_alert_has_none(house: House, picture: bytes | None) -> None:
    house.automate("doorbell_alert", alert_input(house, picture_wait=7))
    house.updated(house.ring(jpeg(seed=1)))
    ring = house.ring(picture)
    house.alert_of(ring)
    house.recorder.wait_for("doorbell/front/answer", lambda event: event["press_id"] == ring)
    house.wait_until_idle()
    assert [each.data.get("image") for each in house.phone.alerts()[house.tag(ring)]] == [None]


def test_a_new_access_token_is_no_picture(house: House) -> None:
    """Home Assistant renews the token of an image every five minutes: a change of its attributes."""
    house.automate("doorbell_alert", alert_input(house))
    house.updated(house.ring(jpeg(seed=1)))
    ring = house.ring()
    house.alert_of(ring)
    snapshot = entity(house.home, house.device, "snapshot")
    state = house.home.state(snapshot)
    renewed = {**state["attributes"], "access_token": "new", "entity_picture": f"/api/image_proxy/{snapshot}?token=new"}
    house.home.rest("POST", f"/api/states/{snapshot}", {"state": state["state"], "attributes": renewed})
    wait_until(lambda: house.home.state(snapshot)["attributes"]["access_token"] == "new")
    house.frame(face_photo())
    updates = house.phone.alerts()
    assert house.updated(ring).picture == house.picture_of(ring)
    assert len(updates[house.tag(ring)]) == 1


def test_with_events_only_nothing_waits_for_a_picture(house: House) -> None:
    house.automate("doorbell_alert", alert_input(house, doorbell=house.device_id("private")))
    ring = house.ring(face_photo(), doorbell="private")
    assert "image" not in house.alert_of(ring).data
    house.wait_until_idle(timeout_s=4)
    house.wait_until_visit_ends("private")


def test_the_best_face_is_not_the_picture_of_a_ring(house: House) -> None:
    best = entity(house.home, house.device, "best_face")
    house.home.ws("config/entity_registry/update", entity_id=best, disabled_by=None)
    wait_state(house.home, best, lambda _: True)
    house.automate("doorbell_alert", alert_input(house))
    house.wait_until_subscribed()
    for _ in range(2):
        ring = house.ring(face_photo())
        assert house.updated(ring).picture == house.picture_of(ring)


def test_an_old_notification_keeps_its_picture(house: House) -> None:
    house.automate("doorbell_alert", alert_input(house, picture_folder=f"{house.media}/doorbell/"))
    first, second = [house.updated(house.ring(jpeg(seed=seed))) for seed in (1, 2)]
    assert first.data["image"].startswith("/media/local/doorbell/front_doorbell_")
    assert first.data["image"] != second.data["image"]
    assert house.phone.load(first.data["image"]) == first.picture != second.picture


def test_own_actions_run_at_once_and_again_with_the_picture(house: House) -> None:
    house.automate("doorbell_alert", own_actions(house))
    ring = house.ring()
    at_once = house.own_alerts(1)[0]
    house.frame(jpeg(seed=3))
    updated = house.own_alerts(2)[1]
    expected = {"reason": "ring", "message": "Front doorbell: the bell rings", "doorbell_name": "Front doorbell",
                "confidence": None, "tag": house.tag(ring)}  # fmt: skip
    assert at_once == {**expected, "picture": "", "update": False}
    assert updated == {**expected, "picture": updated["picture"], "update": True}
    assert house.phone.load(updated["picture"]) == house.picture_of(ring)


def test_own_actions_can_run_once(house: House) -> None:
    house.automate("doorbell_alert", own_actions(house, alert_runs="once", picture_wait=2))
    with_picture = house.ring(jpeg(seed=4))
    (event,) = house.own_alerts(1)
    assert house.phone.load(event["picture"]) == house.picture_of(with_picture)
    house.ring()
    _, without = house.own_alerts(2)
    assert (without["picture"], without["update"]) == ("", False)


def test_slow_own_actions_delay_neither_the_phone_nor_the_next_ring(house: House) -> None:
    slow = [{"delay": {"seconds": 30}}]
    house.automate("doorbell_alert", {**alert_input(house), "alert": slow})
    for seed in (1, 2, 3):
        ring = house.ring(jpeg(seed=seed))
        assert house.updated(ring, timeout_s=10).picture == house.picture_of(ring)
    house.reset()


def test_a_muted_doorbell_rings_without_a_sound(house: House) -> None:
    house.automate("doorbell_alert", alert_input(house, ring_level="critical"))
    ring = house.ring(jpeg())
    loud = house.alert_of(ring)
    assert loud.data["channel"] == "alarm_stream"
    assert loud.data["push"]["sound"] == {"name": "default", "critical": 1, "volume": 1.0}
    camera, mute = loud.data["actions"]
    assert (camera["action"], camera["title"], mute["title"]) == ("URI", "Open the camera", "Mute for an hour")
    assert camera["uri"] == f"/?more-info-entity-id={entity(house.home, house.device, 'snapshot_camera')}"
    house.phone.press(mute["action"])
    switch = entity(house.home, house.device, "mute")
    wait_state(house.home, switch, "on")
    house.frame(face_photo())
    house.wait_until_visit_ends()
    muted = house.alert_of(house.ring(jpeg()))
    assert (muted.data["push"]["sound"], muted.data["importance"]) == ("none", "low")
    assert len(house.phone.alerts()) == 2, "the face did not alert"
    house.home.call("switch.turn_off", {}, {"entity_id": switch})
    wait_state(house.home, switch, "off")
    assert house.alert_of(house.ring(jpeg(seed=2))).data["importance"] == "high"


def test_an_own_button_runs_its_actions(house: House) -> None:
    actions = [publishing("pressed", "{{ reason }}")]
    house.automate(
        "doorbell_alert",
        alert_input(house, own_button="Light", own_button_actions=actions, open_button="", mute_button=""),
    )
    (button,) = house.alert_of(house.ring(jpeg())).data["actions"]
    assert button["title"] == "Light"
    house.phone.press(button["action"])
    house.recorder.wait_for_payload("house/pressed", b"own")
    assert len(house.phone.alerts()) == 1


@pytest.mark.parametrize(
    "inputs",
    [
        {"time_from": "00:00:00", "time_to": "00:00:00"},
        {"conditions": [{"condition": "state", "entity_id": "input_boolean.door", "state": "on"}]},
        {"persons": ["device_tracker.ada"]},
    ],
    ids=["time", "condition", "presence"],
)
def test_conditions_hold_for_faces_and_for_rings_by_choice(house: House, inputs: dict[str, Any]) -> None:
    house.home.rest("POST", "/api/states/device_tracker.ada", {"state": "home", "attributes": {}})
    strict = {**alert_input(house, **inputs), "conditions_for": ["ring", "face_appeared"]}
    house.automate("doorbell_alert", alert_input(house, **inputs), strict=strict)
    house.frame(face_photo())
    house.wait_until_visit_ends()
    ring = house.ring(jpeg())
    house.updated(ring)
    house.wait_until_idle()
    assert list(house.phone.alerts()) == [house.tag(ring)]
    assert len(house.phone.received()) == 2, "an alert and its update by one of the two automations"


def test_texts_are_presets_or_own_ones(house: House) -> None:
    texts = {"title": "{doorbell}", "ring_text": 'Ring "{time}" \u2013 a {doorbell}', "face_text": "{confidence} %"}
    house.automate("doorbell_alert", alert_input(house, quiet_time=0, **texts))
    ring = house.alert_of(house.ring())
    house.frame(face_photo())
    face = house.phone.wait_for(lambda each: each.message.endswith(" %"))
    assert (ring.title, face.title) == ("Front doorbell", "Front doorbell")
    assert ring.message.startswith('Ring "')
    assert ring.message.endswith("\u2013 a Front doorbell")
    assert 70 <= int(face.message.removesuffix(" %")) <= 100


def test_a_phone_that_is_gone_hides_no_alert(house: House) -> None:
    house.automate("doorbell_alert", {**alert_input(house), "phones": ["0123456789abcdef", house.phone.device_id]})
    house.updated(house.ring(jpeg()))


def test_a_run_by_hand_tests_the_alert(house: House) -> None:
    house.automate("doorbell_alert", alert_input(house))
    house.home.call("automation.trigger", {}, {"entity_id": f"automation.{house.automation('doorbell_alert')}"})
    assert house.phone.wait_for(lambda _: True).message == "Front doorbell: the bell rings"
    house.wait_until_idle(timeout_s=4)


@pytest.mark.usefixtures("with_stand_ins")
def test_a_voice_speaks_and_a_description_only_updates(house: House) -> None:
    """The alert is there before the description, and stays if there is none."""
    speech = {"tts": "tts.stand_in_voice", "speakers": ["media_player.stand_in_speaker"]}
    house.automate("doorbell_alert", alert_input(house, ai_task="ai_task.stand_in_model", **speech))
    ring = house.ring(face_photo())
    described = house.phone.wait_for(lambda each: each.message.startswith("A picture of"))
    assert described.message == f"A picture of {len(house.picture_of(ring))} bytes"
    assert described.picture == house.picture_of(ring)
    (alert,) = house.phone.alerts().values()
    assert [each.message for each in alert[:2]] == ["Front doorbell: the bell rings"] * 2
    assert [each.data["push"]["sound"] for each in alert] == ["default", "none", "none"]
    spoken = wait_state(house.home, "media_player.stand_in_speaker", "playing")["attributes"]["media_title"]
    assert parse_qs(urlsplit(spoken).query)["message"] == ["Front doorbell: the bell rings"]


@pytest.mark.usefixtures("with_stand_ins")
def test_a_model_that_fails_changes_nothing(house: House) -> None:
    folder = f"{house.media}/doorbell"
    inputs = {"ai_task": "ai_task.stand_in_model", "ai_instructions": "fail", "picture_folder": folder}
    house.automate("doorbell_alert", alert_input(house, **inputs))
    ring = house.ring(face_photo())
    assert house.updated(ring).picture == house.picture_of(ring)
    house.wait_until_idle()
    assert len(house.phone.received()) == 2


def test_nobody_answered_knows_an_open_door(house: House) -> None:
    inputs = {
        "doorbell": house.device_id(),
        "phones": [house.phone.device_id],
        "patience": 5,
        "door": ["input_boolean.door"],
    }
    house.automate("nobody_answered", inputs)
    missed = house.ring(jpeg(seed=5))
    alert = house.phone.wait_for(lambda each: each.message.endswith("nobody answered the bell"))
    assert alert.picture == house.picture_of(missed)
    house.ring(jpeg(seed=6))
    set_door(house, "on")
    house.wait_until_idle()
    house.ring(jpeg(seed=7))
    wait_until(lambda: len(house.home.traces(house.automation("nobody_answered"))) == 3)
    house.wait_until_idle(timeout_s=2)
    set_door(house, "off")
    assert len(house.phone.received()) == 1


def own_actions(house: House, **inputs: Any) -> dict[str, Any]:
    """Return the inputs of an alert whose actions publish every variable."""
    names = ("reason", "message", "picture", "doorbell_name", "confidence", "tag", "update")
    variables = ", ".join(f"{name}={name}" for name in names)
    actions = [publishing("alerted", f"{{{{ dict({variables}) | to_json }}}}")]
    return {"doorbell": house.device_id(), "alert": actions, **inputs}


def publishing(topic: str, payload: str) -> dict[str, Any]:
    """Return an action that publishes to `house/<topic>`."""
    return {"action": "mqtt.publish", "data": {"topic": f"house/{topic}", "payload": payload}}


def set_door(house: House, state: str) -> None:
    house.home.call(f"input_boolean.turn_{state}", {}, {"entity_id": "input_boolean.door"})
    wait_state(house.home, "input_boolean.door", state)
