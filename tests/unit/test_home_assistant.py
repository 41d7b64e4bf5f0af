"""The agent and the doorbell as Home Assistant devices."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from edge_agent import home_assistant as ours
from edge_agent import topics
from edge_agent.doorbells.payloads import PicturePayload, StatePayload
from edge_agent.home_assistant import DisplayNames, HomeAssistant, HostFacts, Outdated, Restored
from edge_agent.ingest import incoming_topics
from edge_agent.ingest.names import doorbell_id
from edge_agent.pool.views import AcceleratorState, AcceleratorView, PoolView
from edge_agent.telemetry.health import HealthPayload
from edge_agent.wire import Unavailable
from ha_discovery import Discovery, announce
from testing.values import NOT_INSTALLED

if TYPE_CHECKING:
    from edge_agent.domain import Publication

HOST = HostFacts(("auto", "edgetpu", "cpu"))
AGENT = ours.agent_device("porch-pi", version="1.2.3", host=HOST, telemetry_period_s=10)
DOORBELL = ours.doorbell_device("front_door", agent_id="porch-pi", version="1.2.3")


def payload_of(discovery: Discovery) -> dict[str, Any]:
    """Return the announcement."""
    payload: dict[str, Any] = json.loads(announce(discovery).payload)
    return payload


def components_of(discovery: Discovery) -> dict[str, dict[str, Any]]:
    """Return the announced components."""
    components: dict[str, dict[str, Any]] = payload_of(discovery)["components"]
    return components


def test_every_entity_of_the_agent_is_announced() -> None:
    """As platform and name."""
    named = {(options["platform"], options.get("name")) for options in components_of(AGENT).values()}
    assert named == {
        ("binary_sensor", None),
        ("sensor", "Workers alive"),
        ("sensor", "Queue depth"),
        ("sensor", "Median latency"),
        ("sensor", "95th percentile latency"),
        ("sensor", "Frame rate"),
        ("sensor", "Dropped frames"),
        ("sensor", "Worker restarts"),
        ("sensor", "Active detector"),
        ("sensor", "Memory"),
        ("sensor", "Started"),
        ("switch", "Detection"),
        ("select", "Detector strategy"),
        ("select", "Log level"),
        ("button", "Restart workers"),
    }


def test_every_entity_of_a_doorbell_is_announced() -> None:
    """As key and platform."""
    assert {key: options["platform"] for key, options in components_of(DOORBELL).items()} == {
        "doorbell": "event",
        "face": "event",
        "ring_trigger": "device_automation",
        "face_appeared_trigger": "device_automation",
        "face_present": "binary_sensor",
        "faces": "sensor",
        "confidence": "sensor",
        "last_seen": "sensor",
        "visits_today": "sensor",
        "snapshot": "image",
        "snapshot_camera": "camera",
        "best_face": "image",
        "detection": "switch",
        "mute": "switch",
        "min_confidence": "number",
        "remove": "button",
        "camera": "binary_sensor",
    }


def test_telemetry_becomes_unknown_after_three_periods() -> None:
    """All entities that read telemetry."""
    aging = {
        key for key, options in components_of(AGENT).items() if options.get("state_topic") == topics.health("porch-pi")
    }
    assert len(aging) == 11
    assert {components_of(AGENT)[key]["expire_after"] for key in aging} == {30}


def test_the_keys_that_templates_read_are_in_every_message() -> None:
    """Home Assistant logs a warning for a missing key."""
    for device, payloads in ((AGENT, (HealthPayload,)), (DOORBELL, (StatePayload, PicturePayload))):
        read = set(re.findall(r"value_json\.(\w+)", announce(device).payload.decode()))
        assert read - {"event_type"} <= {field for payload in payloads for field in payload.__struct_fields__}


@pytest.mark.parametrize("discovery", [AGENT, DOORBELL])
def test_every_command_topic_is_one_the_agent_understands(discovery: Discovery) -> None:
    """And each is in its subscriptions, which the parser covers."""
    commands = [options["command_topic"] for options in components_of(discovery).values() if "command_topic" in options]
    assert commands
    assert all(incoming_topics.parse(topic, "porch-pi") is not None for topic in commands)


def test_availability_of_each_entity() -> None:
    """The connectivity of the agent is always known; events never return from unavailable as if they were new."""
    agent_topic = topics.agent_availability("porch-pi")
    for device in (AGENT, DOORBELL):
        assert payload_of(device)["availability"] == [{"topic": agent_topic}]
        assert payload_of(device)["availability_mode"] == "all"
    always = {
        key: options["availability"]
        for device in (AGENT, DOORBELL)
        for key, options in components_of(device).items()
        if "availability" in options
    }
    assert always == {"connectivity": [], "doorbell": [], "face": []}


def test_only_the_connectivity_of_a_doorbell_depends_on_its_frames() -> None:
    """A doorbell that sends frames at events only is silent most of the day."""
    topic = topics.doorbell_availability("front_door")
    connectivity = components_of(DOORBELL)["camera"]
    assert (connectivity["state_topic"], connectivity["payload_on"], connectivity["payload_off"]) == (
        topic,
        "online",
        "offline",
    )
    assert announce(DOORBELL).payload.decode().count(topic) == 1


def test_what_changes_often_is_disabled_by_default() -> None:
    """And the controls of an expert."""
    enabled = {key for key, options in components_of(AGENT).items() if options.get("enabled_by_default", True)}
    assert enabled == {"connectivity", "problem", "detector", "detection"}
    hidden = {key for key, options in components_of(DOORBELL).items() if not options.get("enabled_by_default", True)}
    assert hidden == {"best_face", "remove"}


def test_the_settings_of_a_doorbell_are_configuration() -> None:
    """Home Assistant shows them apart from what happens at the door."""
    config = {key for key, options in components_of(DOORBELL).items() if options.get("entity_category") == "config"}
    assert config == {"detection", "mute", "min_confidence", "remove"}
    number = components_of(DOORBELL)["min_confidence"]
    assert (number["min"], number["max"], number["step"]) == (1, 99, 1)


def test_the_device_has_what_its_host_has() -> None:
    """A temperature, a serial number and an address of the page; nothing is invented."""
    assert {"serial_number", "configuration_url"}.isdisjoint(payload_of(AGENT)["device"])
    host = HostFacts(HOST.strategies, has_temperature=True, configuration_url="http://pi:8099/", serial_number="10ab")
    agent = ours.agent_device("porch-pi", version="1.2.3", host=host, telemetry_period_s=10)
    device = payload_of(agent)["device"]
    assert (device["serial_number"], device["configuration_url"]) == ("10ab", "http://pi:8099/")
    assert components_of(agent)["cpu_temperature"]["expire_after"] == 30


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("192.168.1.7", "http://192.168.1.7:8099/"),
        ("fd00::7", "http://[fd00::7]:8099/"),
        ("pi.lan", "http://pi.lan:8099/"),
        ("127.0.0.1", ""),
        ("::1", ""),
        ("localhost", ""),
        ("0.0.0.0", ""),  # noqa: S104 - nothing is bound
        ("::", ""),
    ],
)
def test_the_page_has_an_address_only_if_others_reach_it(host: str, url: str) -> None:
    """At the address that it listens on."""
    assert ours.page_url(host, 8099) == url


def test_codes_are_shown_as_readable_names() -> None:
    """The strategies of this host, and every detector that may be in use."""
    components = components_of(AGENT)
    assert components["strategy"]["options"] == ["Automatic", "EdgeTPU", "CPU"]
    assert components["detector"]["options"] == ["EdgeTPU", "GPU", "OpenVINO", "CPU", "No detector"]
    assert components["log_level"]["options"] == ["Debug", "Info", "Warning", "Error"]
    assert components_of(DOORBELL)["face"]["event_types"] == ["Appeared", "Left"]


def accelerator(strategy: str, state: AcceleratorState) -> AcceleratorView:
    """Return an accelerator."""
    return AcceleratorView(strategy, "model", "0", state)


def pool_view(*accelerators: AcceleratorView, missing: tuple[str, ...] = ()) -> PoolView:
    """Return a pool with these accelerators."""
    absent = tuple(Unavailable(strategy, "", NOT_INSTALLED) for strategy in missing)
    return PoolView((), {}, 0, 0, 0, {}, (), accelerators, absent)


def test_only_strategies_of_this_host_can_be_selected() -> None:
    """An accelerator counts once it was seen, and then stays; the selected strategy is always there."""
    selectable = ours.SelectableStrategies(("auto", "edgetpu", "gpu", "cpu"))
    assert selectable.without_pool("cpu") == ("auto", "cpu")
    probing = accelerator("gpu", AcceleratorState.PROBING)
    assert selectable.on_pool_view(pool_view(probing, missing=("edgetpu",)), "auto") == ("auto", "cpu")
    assert selectable.on_pool_view(pool_view(probing, missing=("edgetpu",)), "edgetpu") == ("auto", "edgetpu", "cpu")
    for state in (AcceleratorState.IN_USE, AcceleratorState.UNAVAILABLE):
        view = pool_view(accelerator("gpu", state), missing=("edgetpu",))
        assert selectable.on_pool_view(view, "auto") == ("auto", "gpu", "cpu")


def test_the_agent_is_announced_again_if_its_host_has_changed() -> None:
    """Once."""
    publisher = announced_after_birth()
    grown = HostFacts(("auto", "edgetpu", "gpu", "cpu"))
    (config,) = publisher.on_host(grown)
    assert json.loads(config.payload)["components"]["strategy"]["options"] == ["Automatic", "EdgeTPU", "GPU", "CPU"]
    assert publisher.on_host(grown) == []
    assert publisher.configs([]) == [config]
    assert announced_after_birth(enabled=False).on_host(grown) == []


def test_a_doorbell_is_reached_via_its_agent() -> None:
    """By the agent's discovery identifier."""
    assert [payload_of(DOORBELL)["device"]["via_device"]] == payload_of(AGENT)["device"]["identifiers"]


@pytest.mark.parametrize(
    ("doorbell", "name"),
    [
        ("front", "Front doorbell"),
        ("front_door", "Front door doorbell"),
        ("Back-Doorbell", "Back Doorbell"),
        ("doorbell_2", "Doorbell 2"),
        ("54e019a3f2c7", "Doorbell 54e019a3f2c7"),
        ("decade", "Decade doorbell"),
        ("__", "__ doorbell"),
    ],
)
def test_a_doorbell_has_a_readable_name(doorbell: str, name: str) -> None:
    """The default name, until its owner changes it."""
    assert payload_of(ours.doorbell_device(doorbell, agent_id="a", version="1"))["device"]["name"] == name


def test_configured_names_override_defaults() -> None:
    """For both devices."""
    agent = ours.agent_device("a", version="1", host=HOST, telemetry_period_s=1, name="Cellar")
    doorbell = ours.doorbell_device("d", agent_id="a", version="1", name="Gate")
    assert (agent.device.name, doorbell.device.name) == ("Cellar", "Gate")


def test_no_two_devices_share_a_unique_id() -> None:
    """Even if the id of one is a prefix of another's."""
    devices = [
        ours.agent_device(each, version="1", host=HOST, telemetry_period_s=1)
        for each in ("a", "a_detection", "doorbell_a")
    ]
    devices += [ours.doorbell_device(each, agent_id="a", version="1") for each in ("a", "a_faces", "a-faces")]
    ids = [
        (options["platform"], options["unique_id"])
        for device in devices
        for options in components_of(device).values()
        if "unique_id" in options
    ]
    assert len(ids) == len(set(ids))


# When messages are published

NOW = 100.0


def announced_after_birth(*, enabled: bool = True) -> HomeAssistant:
    """Return the publisher to Home Assistant, with a delay of three seconds after its birth message."""
    return HomeAssistant(
        "porch-pi",
        version="1",
        host=HOST,
        telemetry_period_s=10,
        prefix="homeassistant",
        enabled=enabled,
        names=DisplayNames({}),
        delay_s=lambda: 3.0,
    )


def restored(ours: HomeAssistant, topic: str, payload: bytes) -> tuple[str, list[Publication]]:
    """Return the doorbell of a retained message, and what is published for it."""
    found = ours.read(topic, payload, retained=True)
    assert isinstance(found, Restored | Outdated)
    return (found.doorbell if isinstance(found, Restored) else ""), ours.replacement(found)


def devices(publications: list[Publication]) -> list[str]:
    """Return the discovery ids, withdrawn ones with a minus."""
    return [("" if each.payload else "-") + each.topic.split("/")[-2] for each in publications]


def test_all_devices_are_announced_at_a_connection_and_new_doorbells_at_once() -> None:
    ours = announced_after_birth()
    assert devices(ours.configs(["front"])) == ["edge_agent_porch-pi", "edge_doorbell_front"]
    assert devices(ours.doorbell("back")) == ["edge_doorbell_back"]
    assert devices([ours.removal("back")]) == ["-edge_doorbell_back"]
    assert all(each.retain and each.qos == 1 for each in ours.configs(["front"]))


def test_a_birth_is_answered_by_configurations_and_then_by_states() -> None:
    ours = announced_after_birth()
    assert ours.next_due_s() is None
    ours.on_birth(NOW)
    assert ours.next_due_s() == NOW + 3
    assert not ours.is_configs_due(NOW + 2.9)
    assert not ours.is_states_due(NOW + 10)
    assert ours.is_configs_due(NOW + 3.5), "late"
    assert not ours.is_configs_due(NOW + 3.5)
    assert ours.next_due_s() == NOW + 4.5
    assert not ours.is_states_due(NOW + 4.4)
    assert ours.is_states_due(NOW + 4.5)
    assert not ours.is_states_due(NOW + 5)
    assert ours.next_due_s() is None


def test_a_doorbell_of_an_earlier_run_is_restored() -> None:
    (config,) = announced_after_birth().doorbell("front")
    assert restored(announced_after_birth(), config.topic, config.payload) == ("front", [config])


def test_a_display_name_is_announced_and_survives_a_restart() -> None:
    doorbell = doorbell_id("Haustür links")
    ours = announced_after_birth()
    assert ours.set_name(doorbell, "Haustür links")
    assert not ours.set_name(doorbell, "Haustür links")
    assert not ours.set_name(doorbell, "")
    (config,) = ours.doorbell(doorbell)
    assert json.loads(config.payload)["device"]["name"] == "Haustür links"
    assert restored(announced_after_birth(), config.topic, config.payload) == (doorbell, [config])


def test_a_name_that_is_not_of_the_id_does_not_survive() -> None:
    ours = announced_after_birth()
    ours.set_name("front", "Old name of a source")
    (config,) = ours.doorbell("front")
    name, (again,) = restored(announced_after_birth(), config.topic, config.payload)
    assert name == "front"
    assert json.loads(again.payload)["device"]["name"] == "Front doorbell"


def test_components_of_an_older_version_are_removed_first() -> None:
    (config,) = announced_after_birth().doorbell("front")
    old = json.loads(config.payload)
    old["components"]["gone"] = {"platform": "sensor", "unique_id": "x", "state_topic": "x"}
    name, (before, after) = restored(announced_after_birth(), config.topic, json.dumps(old).encode())
    assert name == "front"
    assert json.loads(before.payload)["components"]["gone"] == {"platform": "sensor"}
    assert after == config


@pytest.mark.parametrize(
    ("agent", "program"), [("another", "edge-agent"), ("porch-pi", "zigbee2mqtt")], ids=["agent", "program"]
)
def test_other_devices_are_ignored(agent: str, program: str) -> None:
    (config,) = announced_after_birth().doorbell("front")
    payload = config.payload.replace(b"edge_agent_porch-pi", f"edge_agent_{agent}".encode())
    payload = payload.replace(b'"name":"edge-agent"', f'"name":"{program}"'.encode())
    assert announced_after_birth().read(config.topic, payload, retained=True) is None


@pytest.mark.parametrize("payload", [b"", b"{", b"[]", b"{}"])
def test_messages_that_are_not_devices_are_ignored(payload: bytes) -> None:
    topic = "homeassistant/device/edge_doorbell_front/config"
    assert announced_after_birth().read(topic, payload, retained=True) is None


def test_without_discovery_earlier_announcements_are_withdrawn() -> None:
    configs = announced_after_birth().configs(["front"])
    off = announced_after_birth(enabled=False)
    assert off.configs(["front"]) == []
    assert off.doorbell("front") == []
    off.on_birth(NOW)
    assert off.next_due_s() is None
    withdrawn = [each for config in configs for each in restored(off, config.topic, config.payload)[1]]
    assert devices(withdrawn) == ["-edge_agent_porch-pi", "-edge_doorbell_front"]
