"""The agent's doorbells, and the broker's addresses. Pure."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from edge_agent import topics
from edge_agent.errors import SettingsError
from edge_agent.ingest import incoming_topics
from edge_agent.ingest.partition import Partition
from edge_agent.settings.address import Address, read_address
from edge_agent.settings.broker import MqttSettings
from edge_agent.settings.loading import load_settings
from edge_agent.settings.model import DoorbellSettings

NAMES = st.from_regex(r"\A[A-Za-z0-9_-]{1,64}\Z")


@pytest.mark.parametrize(
    ("include", "levels"),
    [
        ((), ("+",)),
        (("front",), ("front",)),
        (("front", "back", "front"), ("front", "back")),
        (("gate-*",), ("+",)),
        (("front", "gate-?"), ("+",)),
        (("gate-[ab]",), ("+",)),
    ],
)
def test_names_are_subscribed_one_by_one_and_globs_at_once(include: tuple[str, ...], levels: tuple[str, ...]) -> None:
    assert Partition(include).levels() == levels


@pytest.mark.parametrize(
    ("include", "doorbell", "ours"),
    [
        ((), "front", True),
        (("front",), "front", True),
        (("front",), "front2", False),
        (("gate-*", "front"), "gate-12", True),
        (("gate-*",), "Gate-12", False),
        (("gate-[!ab]",), "gate-c", True),
        (("gate-[!ab]",), "gate-a", False),
    ],
)
def test_a_doorbell_belongs_to_a_matching_glob(include: tuple[str, ...], doorbell: str, *, ours: bool) -> None:
    assert Partition(include).includes(doorbell) is ours


@given(st.lists(NAMES, max_size=20), NAMES)
def test_the_broker_sends_every_doorbell_that_is_ours(include: list[str], doorbell: str) -> None:
    partition = Partition(tuple(include))
    if partition.includes(doorbell):
        assert {doorbell, "+"} & set(partition.levels())


@given(st.lists(NAMES, min_size=1, max_size=20, unique=True), st.integers(1, 5))
def test_every_doorbell_has_exactly_one_agent(names: list[str], agents: int) -> None:
    partitions = [Partition(tuple(part)) for number in range(agents) if (part := names[number::agents])]
    assert all(sum(partition.includes(name) for partition in partitions) == 1 for name in names)


@pytest.mark.parametrize("glob", ["a/b", "+", "#", "", "front door", "a,b"])
def test_invalid_doorbell_names_are_refused(glob: str) -> None:
    with pytest.raises(ValidationError, match="letters, digits"):
        DoorbellSettings(include=(glob,))


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("broker", Address("broker", 1883)),
        ("broker.home.arpa:1884", Address("broker.home.arpa", 1884)),
        ("192.0.2.7:8883", Address("192.0.2.7", 8883)),
        ("[2001:db8::7]:8883", Address("2001:db8::7", 8883)),
        ("[2001:db8::7]", Address("2001:db8::7", 1883)),
    ],
)
def test_addresses_are_read(text: str, address: Address) -> None:
    assert read_address(text, 1883) == address
    assert read_address(str(address), 1) == address


@pytest.mark.parametrize("text", ["", ":1883", "a:b", "a:0", "a:65536", "mqtt://a", "2001:db8::7", "user@a", "a b"])
def test_invalid_addresses_are_refused(text: str) -> None:
    with pytest.raises(ValidationError, match="no address of a broker"):
        MqttSettings(fallbacks=(text,))


def test_a_fallback_without_a_port_uses_the_first_port() -> None:
    settings = MqttSettings(host="a", port=1884, fallbacks=("b", "c:1885"))
    assert [str(address) for address in settings.addresses()] == ["a:1884", "b:1884", "c:1885"]


def test_the_environment_sets_both_lists_with_commas() -> None:
    environment = {"EDGE_AGENT_DOORBELLS__INCLUDE": "front, gate-*", "EDGE_AGENT_MQTT__FALLBACKS": "b,c:1885"}
    settings = load_settings(None, {}, environment=environment)
    assert settings.doorbells.include == ("front", "gate-*")
    assert settings.mqtt.fallbacks == ("b", "c:1885")


def test_an_invalid_address_gives_one_sentence() -> None:
    with pytest.raises(SettingsError, match=r"mqtt\.fallbacks.*no address of a broker"):
        load_settings(None, {}, environment={"EDGE_AGENT_MQTT__FALLBACKS": "mqtt://b"})


def test_the_shared_filter_is_that_of_the_group() -> None:
    assert topics.shared_subscription("lookers") == "$share/lookers/doorbell/+/shared_frame"
    assert incoming_topics.parse("doorbell/front/shared_frame", "attic") == incoming_topics.SharedFrameTopic("front")
