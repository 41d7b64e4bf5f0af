"""The files in config/ and docs/settings.md match the code."""

from __future__ import annotations

import contextlib
import queue
import re
import runpy
import shutil
import subprocess
import threading
from typing import TYPE_CHECKING, get_args

import pytest
import yaml
from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.subscribeoptions import SubscribeOptions

from edge_agent import topics
from edge_agent.ingest.presets import PRESETS, preset_sources
from edge_agent.settings.keys import setting_keys
from edge_agent.settings.loading import load_settings
from edge_agent.settings.model import Settings
from edge_agent.settings.sources import PresetName
from testing.broker import PASSWORD, Mosquitto, set_password
from testing.shared_data import PROJECT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

WAIT_S = 10.0
USERS = ("edge-agent", "homeassistant", "viewer", "front", "stranger")
FOUND_OUT_AT_START = {
    "pool.workers",
    "models.dir",
    "models.cache_dir",
    "quarantine.dir",
    "detection.edgetpu_model",
    "mqtt.tls.ca_file",
    "mqtt.tls.cert_file",
    "mqtt.tls.key_file",
    "state.dir",
}


def test_agent_yaml_holds_every_key_with_its_default() -> None:
    written = dict(_flat(yaml.safe_load(_config("agent.yaml").read_text(encoding="utf-8"))))
    assert written == {key.name: key.default for key in setting_keys()}
    assert {name for name, value in written.items() if value is None} == FOUND_OUT_AT_START


def test_agent_yaml_gives_the_default_settings() -> None:
    assert load_settings(_config("agent.yaml"), {}, environment={}) == Settings()


def test_agent_yaml_explains_every_key() -> None:
    explained = ""
    for line in _config("agent.yaml").read_text(encoding="utf-8").splitlines():
        if line.lstrip().startswith("#"):
            explained = line
        elif not line:
            explained = ""
        else:
            assert explained, f"no comment above: {line}"


def test_the_page_of_settings_is_up_to_date() -> None:
    made = runpy.run_path(str(PROJECT / "docs" / "make_settings.py"))
    assert made["PAGE"].read_text(encoding="utf-8") == made["page"](), "run `make docs`"


def test_the_service_unit_sets_settings_that_exist() -> None:
    text = _config("edge-agent.service").read_text(encoding="utf-8")
    named = set(re.findall(r"EDGE_AGENT_\w+", text))
    assert named
    assert named <= {name for key in setting_keys() for name in (key.variable, f"{key.variable}_FILE")}


def test_the_service_unit_allows_the_workers_sandbox() -> None:
    text = _config("edge-agent.service").read_text(encoding="utf-8")
    (allowed,) = re.findall(r"(?m)^SystemCallFilter=(.*)$", text)
    assert {f"landlock_{call}" for call in ("create_ruleset", "add_rule", "restrict_self")} <= set(allowed.split())


def test_systemd_accepts_the_service_unit(tmp_path: Path) -> None:
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("systemd-analyze is not installed")
    unit = tmp_path / "edge-agent.service"
    text = _config("edge-agent.service").read_text(encoding="utf-8")
    unit.write_text(re.sub(r"(?m)^ExecStart=\S+", "ExecStart=/bin/true", text), encoding="utf-8")
    verdict = subprocess.run(
        [analyze, "verify", "--man=no", str(unit)], capture_output=True, text=True, check=False, timeout=30
    )
    assert "edge-agent.service:" not in verdict.stderr, verdict.stderr


def test_the_service_unit_is_hardened_as_documented(tmp_path: Path) -> None:
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("systemd-analyze is not installed")
    unit = tmp_path / "edge-agent.service"
    shutil.copy(_config("edge-agent.service"), unit)
    verdict = subprocess.run(
        [analyze, "security", "--offline=true", "--threshold=20", "--no-pager", str(unit)],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert verdict.returncode == 0, verdict.stdout + verdict.stderr


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    """Return a mosquitto with our configuration, changed only in its paths."""
    folder = tmp_path_factory.mktemp("mosquitto")
    shutil.copy(_config("acl.example"), folder / "acl")
    for user in USERS:
        set_password(folder / "passwd", user)
    text = _config("mosquitto.conf").read_text(encoding="utf-8")
    text = text.replace("/etc/mosquitto/", f"{folder}/").replace("/var/lib/mosquitto/", f"{folder}/")
    with Mosquitto(*(line for line in text.splitlines() if line != "listener 1883")) as running:
        yield running


@pytest.mark.broker
def test_mosquitto_accepts_our_configuration_without_warnings(broker: Mosquitto) -> None:
    complaints = re.findall(r"(?im)^.*(?:error|warning|recommended).*$", broker.log)
    assert [line for line in complaints if not line.endswith("should not be run as root/administrator.")] == []


@pytest.mark.broker
@pytest.mark.parametrize("name_and_password", [(None, None), ("edge-agent", "wrong"), ("nobody", PASSWORD)])
def test_mosquitto_rejects_clients_without_a_password(
    broker: Mosquitto, name_and_password: tuple[str | None, str | None]
) -> None:
    assert _publish(broker, *name_and_password, topics.frame("front")) is None


OF_A_DOORBELL = (
    topics.faces,
    topics.ring,
    topics.answer,
    topics.visit,
    topics.doorbell_state,
    topics.snapshot,
    topics.best_face,
    topics.doorbell_availability,
)
OF_THE_AGENT = (topics.agent_availability, topics.health, topics.metrics, topics.error)
WRITTEN_BY_THE_AGENT = (
    *(topic("front") for topic in OF_A_DOORBELL),
    *(topic("attic") for topic in OF_THE_AGENT),
    *(topics.doorbell_option("front", option) for option in topics.DOORBELL_OPTIONS),
    *(topics.agent_option("attic", option) for option in topics.AGENT_OPTIONS),
    *(topics.entity_event("front", event) for event in topics.ENTITY_EVENTS),
    topics.last_snapshot("front"),
    "homeassistant/device/edge_agent/config",
)


@pytest.mark.broker
@pytest.mark.parametrize("topic", WRITTEN_BY_THE_AGENT)
def test_the_access_list_allows_everything_the_agent_publishes(broker: Mosquitto, topic: str) -> None:
    assert _publish(broker, "edge-agent", PASSWORD, topic)


@pytest.mark.broker
@pytest.mark.parametrize(
    ("user", "topic", "allowed"),
    [
        ("front", topics.frame("front"), True),
        ("front", topics.press("front"), True),
        ("front", topics.frame("back"), False),
        ("front", topics.answer("front"), False),
        ("front", topics.agent_command("attic", "restart_pool"), False),
        ("stranger", topics.press("front"), False),
        ("homeassistant", topics.doorbell_option_set("front", "detection"), True),
        ("homeassistant", topics.agent_option_set("attic", "strategy"), True),
        ("homeassistant", topics.agent_command("attic", "restart_pool"), True),
        ("homeassistant", topics.home_assistant_status(), True),
        ("homeassistant", topics.answer("front"), False),
        ("edge-agent", topics.frame("front"), False),
        ("edge-agent", topics.press("front"), False),
        ("edge-agent", topics.doorbell_option_set("front", "detection"), False),
        ("edge-agent", topics.agent_option_set("attic", "strategy"), False),
        ("edge-agent", topics.agent_command("attic", "remove"), False),
        ("edge-agent", topics.home_assistant_status(), False),
        ("edge-agent", "homeassistant/light/hall/config", False),
        ("viewer", topics.press("front"), False),
        ("viewer", topics.answer("front"), False),
        ("viewer", topics.agent_command("attic", "health"), False),
    ],
)
def test_other_users_may_publish_only_to_their_own_topics(
    broker: Mosquitto, user: str, topic: str, *, allowed: bool
) -> None:
    assert _publish(broker, user, PASSWORD, topic) is allowed


@pytest.mark.broker
@pytest.mark.parametrize(
    ("user", "topic"),
    [
        ("front", topics.frame("front")),
        ("front", topics.press("front")),
        ("front", topics.shared_frame("front")),
        ("homeassistant", topics.agent_command("attic", "restart_pool")),
    ],
)
def test_the_access_list_allows_every_subscription_of_the_agent(broker: Mosquitto, user: str, topic: str) -> None:
    with _client(broker, "edge-agent", PASSWORD) as agent:
        received: queue.SimpleQueue[str] = queue.SimpleQueue()
        subscribed = threading.Event()
        agent.on_message = lambda _client, _data, message: received.put(message.topic)
        agent.on_subscribe = lambda *_: subscribed.set()
        filters = [*topics.subscriptions("attic"), *topics.doorbell_subscriptions(), topics.shared_subscription("all")]
        agent.subscribe([(name, SubscribeOptions(qos=1)) for name in filters])
        assert subscribed.wait(WAIT_S)
        assert _publish(broker, user, PASSWORD, topic)
        assert received.get(timeout=WAIT_S) == topic


def test_the_access_list_has_the_topics_of_every_preset() -> None:
    own = _config("acl.example").read_text(encoding="utf-8").partition("user homeassistant")[0]
    sources = [source for name in PRESETS for source in preset_sources(name)]
    lines = {f"topic read {each}" for source in sources for each in source.filters()}
    lines |= {
        f"topic write {each.snapshot_request.replace('{doorbell}', '+')}" for each in sources if each.snapshot_request
    }
    assert lines <= set(own.splitlines())


def test_the_settings_know_every_preset() -> None:
    assert set(get_args(PresetName)) == set(PRESETS)


def _config(name: str) -> Path:
    return PROJECT / "config" / name


def _flat(values: dict[str, object], above: str = "") -> Iterator[tuple[str, object]]:
    for name, value in values.items():
        if isinstance(value, dict) and value:
            yield from _flat(value, f"{above}{name}.")
        else:
            yield above + name, value


@contextlib.contextmanager
def _client(broker: Mosquitto, user: str | None, password: str | None) -> Iterator[paho.Client]:
    """Return a client of MQTT 5, where the broker gives reasons."""
    client = paho.Client(CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5)
    if user:
        client.username_pw_set(user, password)
    try:
        client.connect(broker.host, broker.port)
        client.loop_start()
        yield client
    finally:
        client.disconnect()
        client.loop_stop()


def _publish(broker: Mosquitto, user: str | None, password: str | None, topic: str) -> bool | None:
    """Return whether a user may publish to a topic, or None if the broker rejects the connection."""
    verdicts: queue.SimpleQueue[bool | None] = queue.SimpleQueue()
    with _client(broker, user, password) as client:
        client.on_publish = lambda _client, _data, _id, reason, _properties: verdicts.put(not reason.is_failure)
        client.on_disconnect = lambda *_: verdicts.put(None)
        client.publish(topic, b"test", qos=1)
        return verdicts.get(timeout=WAIT_S)
