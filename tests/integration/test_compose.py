"""The setup of compose.yaml: the same files and script, with a real mosquitto and a real agent."""

from __future__ import annotations

import re
import ssl
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from edge_agent.settings.keys import setting_keys
from edge_agent.settings.loading import CONFIG_FILE
from testing.agent_process import AgentProcess
from testing.broker import Mosquitto, free_port
from testing.pictures import jpeg
from testing.programs import PLACES, program
from testing.recorder import Recorder
from testing.shared_data import PROJECT
from tests.certificates import Authority

if TYPE_CHECKING:
    from pathlib import Path

PASSWORDS = {
    "AGENT_PASSWORD": "the agent's",
    "HOMEASSISTANT_PASSWORD": "its own",
    "DOORBELLS": "front:door-1-secret back:door-2-secret",
}
COMPOSE = yaml.safe_load((PROJECT / "compose.yaml").read_text(encoding="utf-8"))
COMPOSE_TLS = yaml.safe_load((PROJECT / "compose.tls.yaml").read_text(encoding="utf-8"))


def _prepare(folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    program("mosquitto_passwd", "mosquitto")  # the script runs it
    places = {
        "CONFIG": str(PROJECT / "config"),
        "SETTINGS": str(folder / "settings"),
        "ACCESS": str(folder),
        "DATA": str(folder),
        "PATH": PLACES,
    }
    return subprocess.run(
        ["/bin/sh", PROJECT / "deploy" / "compose" / "prepare"],
        env={**places, **PASSWORDS, **variables},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def _broker(folder: Path, tls_port: int = 0) -> Mosquitto:
    """Return a mosquitto with the prepared files, changed only in ports and paths."""
    text = (folder / "mosquitto.conf").read_text(encoding="utf-8")
    text = text.replace("/etc/mosquitto/", f"{folder}/").replace("/var/lib/mosquitto/", f"{folder}/")
    text = text.replace("\nlistener 1883\n", "\n").replace("\nlistener 8883\n", f"\nlistener {tls_port} 127.0.0.1\n")
    return Mosquitto(*text.splitlines())


def _is_answered(port: int, agent_port: int, tls: ssl.SSLContext | None = None, **settings: str) -> None:
    own = {"MQTT__USERNAME": "edge-agent", "MQTT__PASSWORD": PASSWORDS["AGENT_PASSWORD"], **settings}
    with (
        Recorder(port, login=("homeassistant", "its own")) as home,
        Recorder(agent_port, topic_filter="nothing", login=("front", "door-1-secret"), tls=tls) as doorbell,
        AgentProcess.with_script(agent_port, None, **own) as agent,
    ):
        agent.wait_until_ready(home)
        doorbell.publish("doorbell/front/press", "")
        doorbell.publish("doorbell/back/press", "")
        doorbell.publish("doorbell/front/frame", jpeg())
        assert home.wait_for("doorbell/front/answer")["event_type"] == "face"
        assert home.messages("doorbell/back/ring") == []
        assert agent.stop() == 0
        assert "refused a subscription" not in agent.log


@pytest.mark.broker
def test_the_broker_and_the_agent_work_as_they_are_set_up(tmp_path: Path) -> None:
    assert _prepare(tmp_path).returncode == 0
    with _broker(tmp_path) as broker:
        _is_answered(broker.port, broker.port)


@pytest.mark.broker
def test_with_tls_too(tmp_path: Path) -> None:
    assert _prepare(tmp_path, TLS="1").returncode == 0
    authority = Authority(tmp_path / "certs")
    server = authority.issue("127.0.0.1")
    server.cert.rename(tmp_path / "certs" / "server.crt")
    server.key.rename(tmp_path / "certs" / "server.key")
    context, port = ssl.create_default_context(cafile=authority.ca), free_port()
    with _broker(tmp_path, port) as broker:
        _is_answered(broker.port, port, context, MQTT__TLS__ENABLED="true", MQTT__TLS__CA_FILE=str(authority.ca))


@pytest.mark.broker
@pytest.mark.parametrize(
    ("variables", "complaint"),
    [
        ({"DOORBELLS": "front"}, "use name:password"),
        ({"DOORBELLS": "front: back:b"}, "front has no password"),
        ({"DOORBELLS": "edge-agent:x"}, "more than one"),
        ({"AGENT_PASSWORD": ""}, "edge-agent has no password"),
    ],
)
def test_a_mistake_in_env_gives_one_sentence(tmp_path: Path, variables: dict[str, str], complaint: str) -> None:
    done = _prepare(tmp_path, **variables)
    assert done.returncode == 1
    assert complaint in done.stderr
    assert not (tmp_path / "passwd").exists()


@pytest.mark.broker
def test_the_users_own_lines_are_added_to_the_access_list(tmp_path: Path) -> None:
    (tmp_path / "settings").mkdir()
    (tmp_path / "settings" / "acl").write_text("user ring\ntopic write ring/#\n", encoding="utf-8")
    assert _prepare(tmp_path, DOORBELLS="ring:its-secret").returncode == 0
    with (
        _broker(tmp_path) as broker,
        Recorder(broker.port, login=("edge-agent", PASSWORDS["AGENT_PASSWORD"])) as agent,
        Recorder(broker.port, topic_filter="nothing", login=("ring", "its-secret")) as ring,
    ):
        ring.publish("ring/1/camera/2/status", "online")
        agent.wait_for_count("ring/1/camera/2/status", 1)


def test_the_settings_file_is_in_a_place_that_an_update_leaves_alone() -> None:
    mounts = COMPOSE["services"]["agent"]["volumes"]
    assert f"${{SETTINGS_DIR:-./settings}}:{CONFIG_FILE.parent}:ro" in mounts
    ignored = (PROJECT / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert "/settings/" in ignored
    assert str(CONFIG_FILE) in (PROJECT / "config" / "edge-agent.service").read_text(encoding="utf-8")


def test_secrets_are_readable_by_one_user_only(tmp_path: Path) -> None:
    assert _prepare(tmp_path).returncode == 0
    assert {(tmp_path / name).stat().st_mode & 0o777 for name in ("passwd", "acl")} == {0o600}
    assert "secret" not in (tmp_path / "passwd").read_text(encoding="utf-8")


def test_the_agents_settings_exist() -> None:
    variables = {key.variable for key in setting_keys()}
    agent = COMPOSE["services"]["agent"]
    assert {name for name in agent["environment"] if name.startswith("EDGE_AGENT_")} <= variables
    assert {name.upper() for name in agent["secrets"]} <= variables


def test_every_variable_is_explained_in_the_example() -> None:
    text = "".join((PROJECT / name).read_text(encoding="utf-8") for name in ("compose.yaml", "compose.tls.yaml"))
    example = (PROJECT / ".env.example").read_text(encoding="utf-8")
    used = set(re.findall(r"\$\{(\w+)", text))
    explained = set(re.findall(r"(?m)^#?([A-Z_0-9]+)=", example))
    assert used - {"EDGE_AGENT_IMAGE", "LOG_LEVEL"} == explained - {"LOG_LEVEL"}


def test_services_run_with_the_rights_they_need() -> None:
    services: dict[str, Any] = COMPOSE["services"]
    for name in ("agent", "broker"):
        assert services[name]["read_only"] is True
        assert "no-new-privileges:true" in services[name]["security_opt"]
        assert services[name]["restart"] == "unless-stopped"
    assert services["agent"]["cap_drop"] == ["ALL"]
    assert "privileged" not in str(COMPOSE) + str(COMPOSE_TLS)
