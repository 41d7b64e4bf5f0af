"""Doorbells in Home Assistant over time: names, deleted devices, other agents, and events that must not be missed."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent import topics
from edge_agent.domain import Publication
from edge_agent.home_assistant import (
    Claimed,
    Claims,
    Deleted,
    DisplayNames,
    EntityEvents,
    HomeAssistant,
    HostFacts,
    fault_of,
)
from edge_agent.home_assistant.entity_events import LIFETIME_S, RETRY_PICTURE_S, RETRY_S, STARTING_S, UNTIL_SUBSCRIBED_S
from edge_agent.ingest.names import doorbell_id

NOW = 100.0
SUBSCRIBED = NOW + UNTIL_SUBSCRIBED_S


def home(agent_id: str = "porch-pi", *, enabled: bool = True) -> HomeAssistant:
    return HomeAssistant(
        agent_id,
        version="1",
        host=HostFacts(("auto",)),
        telemetry_period_s=10,
        prefix="homeassistant",
        enabled=enabled,
        names=DisplayNames({}),
    )


def names_of(publications: list[Publication]) -> list[str]:
    """Return the announced devices' names."""
    devices: list[dict[str, Any]] = [json.loads(each.payload)["device"] for each in publications]
    return [device["name"] for device in devices]


# Names


def test_two_doorbells_with_the_same_name_have_their_ids() -> None:
    """The first one is announced again; a third one changes no name."""
    ours = home()
    assert names_of(ours.doorbell("front-door")) == ["Front door doorbell"]
    assert names_of(ours.doorbell("back", ["front-door"])) == ["Back doorbell"]
    both = ours.doorbell("front_door", ["front-door", "back"])
    assert names_of(both) == ["Front door doorbell (front-door)", "Front door doorbell (front_door)"]
    third = ours.doorbell("Front_Door", ["front-door", "back", "front_door"])
    assert names_of(third) == ["Front Door doorbell (Front_Door)"]


def test_a_name_keeps_its_id_after_a_restart() -> None:
    """Whichever doorbell is found first."""
    before = home()
    before.doorbell("front-door")
    messages = before.doorbell("front_door", ["front-door"])
    after, known = home(), list[str]()
    for message in messages:
        found = after.read(message.topic, message.payload, retained=True)
        assert names_of(after.replacement(found, known)) == names_of([message])  # type: ignore[arg-type]
        known.append(found.doorbell)  # type: ignore[union-attr]


def test_names_of_the_settings_come_first() -> None:
    names = DisplayNames({"54e019a3f2c7": "Front door", "garden": "Front Door"})
    assert names.name("54e019a3f2c7") == "Front door"
    assert names.add("garden", ["54e019a3f2c7"]) == ["54e019a3f2c7"]
    assert names.name("54e019a3f2c7") == "Front door (54e019a3f2c7)"
    names.remove("garden")
    assert names.name("garden") == "Front Door"


def test_a_publisher_names_its_doorbell_unless_the_settings_do() -> None:
    names = DisplayNames({"garden": "Garden"})
    assert not names.set_given("garden", "Cam 2")
    assert names.set_given("cam", "Gate")
    assert not names.set_given("cam", "Gate")
    assert (names.name("garden"), names.name("cam")) == ("Garden", "Gate")
    names.remove("cam")
    assert names.name("cam") == "Cam doorbell"


def test_names_of_publishers_that_are_equal_have_their_ids_after_a_restart_too() -> None:
    names, spellings = DisplayNames({}), ("Haustür", "HAUSTÜR")
    one, other = map(doorbell_id, spellings)
    for doorbell, name in zip((one, other), spellings, strict=True):
        names.set_given(doorbell, name)
    assert names.add(other, [one]) == [one]
    after = DisplayNames({})
    after.restore(one, names.name(one))
    assert after.name(one) == names.name(one) == f"Haustür ({one})"
    assert not after.set_given(one, "Haustür")


@given(st.lists(st.from_regex(r"[a-bA-B_\-]{1,4}|doorbell_?[ab]?", fullmatch=True), unique=True, max_size=12))
def test_no_two_doorbells_have_the_same_name(doorbells: list[str]) -> None:
    names, known = DisplayNames({}), list[str]()
    for doorbell in doorbells:
        names.add(doorbell, known)
        known.append(doorbell)
    assert len({names.name(each) for each in known}) == len(known)


# Devices that are deleted in Home Assistant

CONFIG = "homeassistant/device/edge_doorbell_front/config"


def test_an_empty_message_removes_a_doorbell_unless_it_is_our_own() -> None:
    ours = home()
    assert ours.read(CONFIG, b"", retained=False) == Deleted("front")
    ours.removal("front")
    assert ours.read(CONFIG, b"", retained=False) is None, "our own, sent back"
    assert ours.read(CONFIG, b"", retained=False) == Deleted("front")
    ours.removal("front")
    ours.on_connected()
    assert ours.read(CONFIG, b"", retained=False) == Deleted("front"), "our own is lost with its connection"


@pytest.mark.parametrize("topic", ["homeassistant/device/other/config", "homeassistant/device/edge_agent_x/config"])
def test_devices_of_others_may_be_deleted(topic: str) -> None:
    assert home().read(topic, b"", retained=False) is None


def test_a_deleted_agent_is_announced_again_once() -> None:
    ours = home()
    assert ours.agent_again() == []
    assert ours.read("homeassistant/device/edge_agent_porch-pi/config", b"", retained=False) == Deleted("")
    assert [each.topic for each in ours.agent_again()] == ["homeassistant/device/edge_agent_porch-pi/config"]
    assert ours.agent_again() == []


def test_without_discovery_nothing_is_deleted() -> None:
    assert home(enabled=False).read(CONFIG, b"", retained=False) is None


# Other agents


def test_another_agent_claims_a_doorbell_while_it_runs() -> None:
    """A retained message may be that of an agent which is gone, or of one that was renamed."""
    (config,) = home("attic").doorbell("front")
    assert home().read(config.topic, config.payload, retained=False) == Claimed("front", "attic")
    assert home().read(config.topic, config.payload, retained=True) is None
    assert home("attic").read(config.topic, config.payload, retained=False) is None, "our own, sent back"


def test_a_conflict_lasts_until_the_other_agent_is_gone() -> None:
    claims = Claims()
    claims.on_claim("front", "attic")
    claims.on_claim("back", "cellar")
    assert claims.conflicts(["front", "garden"]) == {"front": "attic"}
    assert claims.is_claimed("back")
    claims.on_offline("attic")
    assert claims.conflicts(["front", "back"]) == {"back": "cellar"}
    claims.on_withdrawn("back")
    assert claims.conflicts(["front", "back"]) == {}


def test_a_conflict_is_a_sentence() -> None:
    assert fault_of({}) == ""
    assert fault_of({"front": "attic", "back": "attic"}).startswith("The agent attic handles back, front, too: ")
    assert fault_of({"front": "b", "back": "a"}).startswith("The agents a, b handle back, front, too: ")


# Events and pictures for the entities


def ring(number: int = 1) -> Publication:
    return Publication(topics.ring("front"), b"%d" % number, qos=1, key="press")


def picture_notice() -> Publication:
    return Publication(topics.picture("front"), b"{}", qos=1, lifetime_s=LIFETIME_S)


def snapshot(number: int = 1) -> Publication:
    return Publication(topics.snapshot("front"), b"%d" % number, qos=1, lifetime_s=LIFETIME_S)


def sent(publications: list[Publication]) -> list[tuple[str, bytes]]:
    return [(each.topic, each.payload) for each in publications]


ENTITY_RING = topics.entity_event("front", "ring")


def test_an_event_of_a_known_doorbell_passes_at_once() -> None:
    events = EntityEvents(enabled=True)
    (copy,) = events.on_published(ring(), NOW)
    assert (copy.topic, copy.payload, copy.qos, copy.retain, copy.key) == (ENTITY_RING, b"1", 1, False, "")
    assert events.next_due_s() is None


def test_events_of_a_new_doorbell_wait_until_home_assistant_has_subscribed() -> None:
    """Once, in their order; other clients get theirs at once."""
    events = EntityEvents(enabled=True)
    events.on_announced("front", NOW)
    assert events.on_published(ring(1), NOW) == []
    assert events.on_published(Publication(topics.visit("front"), b"v", qos=1), NOW + 0.5) == []
    assert events.on_published(ring(2), SUBSCRIBED + 0.1) == [], "not before the first one"
    assert events.next_due_s() == SUBSCRIBED
    assert events.due(SUBSCRIBED - 0.1) == []
    expected = [(ENTITY_RING, b"1"), (topics.entity_event("front", "visit"), b"v")]
    assert sent(events.due(SUBSCRIBED)) == expected
    assert sent(events.due(SUBSCRIBED + 0.1)) == [(ENTITY_RING, b"2")]
    assert events.next_due_s() is None
    assert sent(events.on_published(ring(3), SUBSCRIBED + 1)) == [(ENTITY_RING, b"3")]


def test_the_last_picture_of_a_new_doorbell_is_published_again() -> None:
    events = EntityEvents(enabled=True)
    events.on_announced("front", NOW)
    assert events.on_published(snapshot(1), NOW) == []
    assert events.on_published(snapshot(2), NOW + 0.5) == []
    assert sent(events.due(SUBSCRIBED)) == [(topics.snapshot("front"), b"2")]
    events.on_published(snapshot(3), SUBSCRIBED)
    assert events.next_due_s() is None


def test_a_doorbell_that_home_assistant_knows_waits_no_longer() -> None:
    """Its retained announcement of an earlier run arrives: events follow at once, and pictures have arrived."""
    events = EntityEvents(enabled=True)
    events.on_announced("front", NOW)
    events.on_published(ring(), NOW)
    events.on_published(snapshot(), NOW)
    events.on_known("front", NOW + 0.1)
    assert sent(events.due(NOW + 0.1)) == [(ENTITY_RING, b"1")]
    assert sent(events.on_published(ring(2), NOW + 0.2)) == [(ENTITY_RING, b"2")]


def test_an_event_that_reached_nobody_is_sent_again_for_a_minute() -> None:
    """After waits that double: without Home Assistant, nobody ever gets it."""
    events = EntityEvents(enabled=True)
    (copy,) = events.on_published(ring(), NOW)
    at_s = [NOW]
    while True:
        events.on_without_subscriber(copy, at_s[-1])
        if (due_s := events.next_due_s()) is None:
            break
        at_s.append(due_s)
        (copy,) = events.due(due_s)
        assert (copy.topic, copy.payload) == (ENTITY_RING, b"1")
    assert [each - NOW for each in at_s] == [0, 1, 2, 4, 8, 16, 32]


def test_what_reached_nobody_follows_home_assistant_when_it_has_started() -> None:
    """It may take more than one try to reach it."""
    events = EntityEvents(enabled=True)
    (copy,) = events.on_published(ring(), NOW)
    events.on_without_subscriber(replace(copy, lifetime_s=LIFETIME_S - 16), NOW + 16)
    assert events.next_due_s() == NOW + 32
    events.on_birth(NOW + 20)
    assert events.next_due_s() == NOW + 20 + UNTIL_SUBSCRIBED_S
    (copy,) = events.due(NOW + 21)
    events.on_without_subscriber(copy, NOW + 21)
    assert events.next_due_s() == NOW + 21 + RETRY_S
    assert [each.payload for each in events.due(NOW + 22)] == [b"1"]


def test_what_reached_nobody_long_after_a_start_waits_longer() -> None:
    events = EntityEvents(enabled=True)
    events.on_birth(NOW)
    (copy,) = events.on_published(ring(), NOW)
    events.on_without_subscriber(replace(copy, lifetime_s=LIFETIME_S - 20), NOW + STARTING_S)
    assert events.next_due_s() == NOW + STARTING_S + 20


def test_a_picture_that_reached_nobody_is_sent_again_unless_there_is_a_newer_one() -> None:
    events = EntityEvents(enabled=True)
    first, second = snapshot(1), snapshot(2)
    events.on_published(first, NOW)
    events.on_without_subscriber(first, NOW)
    events.on_published(second, NOW + 1)
    events.on_without_subscriber(first, NOW + 1)
    assert events.next_due_s() is None, "the second one replaces it"
    events.on_without_subscriber(second, NOW + 1)
    events.on_without_subscriber(second, NOW + 1)
    (again,) = events.due(NOW + 1 + RETRY_PICTURE_S)
    assert again.payload == b"2"
    events.on_without_subscriber(again, NOW + 6)
    assert events.next_due_s() == NOW + 6 + RETRY_PICTURE_S


def test_a_notice_follows_its_snapshot_whenever_that_is_sent() -> None:
    """Of a new doorbell, and if only the snapshot reached nobody; a new snapshot withdraws it."""
    events = EntityEvents(enabled=True)
    events.on_announced("front", NOW)
    first, notice, both = snapshot(1), picture_notice(), [topics.snapshot("front"), topics.picture("front")]
    for each in (first, notice):
        assert events.on_published(each, NOW) == []
    assert [each.topic for each in events.due(SUBSCRIBED)] == both
    for each in (first, notice):
        events.on_without_subscriber(each, SUBSCRIBED)
    again = events.due(SUBSCRIBED + RETRY_PICTURE_S)
    assert [each.topic for each in again] == both
    events.on_without_subscriber(again[0], SUBSCRIBED + 6)
    assert [each.topic for each in events.due(SUBSCRIBED + 6 + RETRY_PICTURE_S)] == both
    events.on_published(second := snapshot(2), NOW + 20)
    events.on_without_subscriber(second, NOW + 20)
    assert sent(events.due(NOW + 30)) == [(topics.snapshot("front"), b"2")]


def test_a_removed_doorbell_sends_nothing() -> None:
    events = EntityEvents(enabled=True)
    events.on_announced("front", NOW)
    picture = snapshot()
    events.on_published(ring(), NOW)
    events.on_published(picture, NOW)
    events.on_removed("front")
    events.on_without_subscriber(picture, NOW)
    assert events.due(NOW + 100) == []


@pytest.mark.parametrize("what", ["faces", "answer", "state", "ring/x"])
def test_other_messages_have_no_copy(what: str) -> None:
    events = EntityEvents(enabled=True)
    assert events.on_published(Publication(f"doorbell/front/{what}", b"x", qos=1), NOW) == []
    events.on_without_subscriber(Publication(f"doorbell/front/{what}", b"x", qos=1), NOW)
    assert events.next_due_s() is None


def test_without_discovery_there_are_no_copies() -> None:
    events = EntityEvents(enabled=False)
    events.on_announced("front", NOW)
    assert events.on_published(ring(), NOW) == []
    events.on_published(snapshot(), NOW)
    assert events.next_due_s() is None
