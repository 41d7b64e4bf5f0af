"""The sources of a setting, and the errors of unusable ones."""

from __future__ import annotations

import contextlib
import traceback
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from edge_agent.cli.flags import broker_flags
from edge_agent.errors import SettingsError
from edge_agent.settings import loading
from edge_agent.settings.keys import setting_keys
from edge_agent.settings.loading import load_settings
from edge_agent.settings.model import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping

SECRET = "hunter2-Zx9"

ALL_SOURCES = ("flag", "environment", "file variable", "secrets folder", "yaml")


@pytest.fixture(autouse=True)
def _no_secrets_of_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "SECRETS_FOLDER", tmp_path / "nothing here")


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    """Return an empty secrets folder."""
    folder = tmp_path / "secrets"
    folder.mkdir()
    return folder


def yaml_file(folder: Path, text: str) -> Path:
    """Write a settings file."""
    path = folder / "agent.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def refusal(config: Path | None = None, environment: Mapping[str, str] = MappingProxyType({})) -> str:
    """Return the error message of refused settings; its traceback must be equally discreet."""
    with pytest.raises(SettingsError) as caught:
        load_settings(config, {}, environment=environment)
    shown = "".join(traceback.format_exception(caught.value))
    assert SECRET not in shown
    return str(caught.value)


@pytest.mark.parametrize("strongest", range(len(ALL_SOURCES) + 1))
def test_each_source_overrides_those_below_it(strongest: int, tmp_path: Path, secrets: Path) -> None:
    sources = set(ALL_SOURCES[strongest:])
    flags = {"mqtt": {"host": "flag" if "flag" in sources else None}}
    environment = {"EDGE_AGENT_SECRETS_DIR": str(secrets)}
    if "environment" in sources:
        environment["EDGE_AGENT_MQTT__HOST"] = "environment"
    if "file variable" in sources:
        (tmp_path / "host").write_text("file-variable\n", encoding="utf-8")
        environment["EDGE_AGENT_MQTT__HOST_FILE"] = str(tmp_path / "host")
    if "secrets folder" in sources:
        (secrets / "edge_agent_mqtt__host").write_text("secrets-folder\n", encoding="utf-8")
    config = yaml_file(tmp_path, "mqtt: {host: yaml}" if "yaml" in sources else "")

    expected = (*ALL_SOURCES, "")[strongest].replace(" ", "-")
    assert load_settings(config, flags, environment=environment).mqtt.host == expected


def test_sources_are_merged_within_a_section(tmp_path: Path) -> None:
    config = yaml_file(tmp_path, "mqtt: {host: porch, port: 1884, username: me}")
    environment = {"EDGE_AGENT_MQTT__PORT": "1885", "EDGE_AGENT_AGENT_ID": "attic"}
    settings = load_settings(config, {"mqtt": {"username": "you"}}, environment=environment)
    assert (settings.mqtt.host, settings.mqtt.port, settings.mqtt.username) == ("porch", 1885, "you")
    assert settings.agent_id == "attic"


def test_without_sources_the_defaults_apply(tmp_path: Path) -> None:
    assert load_settings(None, {}, environment={"PATH": "/bin", "EDGE_AGENT_TEST_SHARED": "/"}) == Settings()
    nothing = yaml_file(tmp_path, "agent_id:\nmqtt:\npool: {workers: }\n")
    assert load_settings(nothing, {"log": {"level": None}}, environment={"EDGE_AGENT_MQTT__PORT": ""}) == Settings()


def test_the_environment_names_the_settings_file(tmp_path: Path) -> None:
    config = yaml_file(tmp_path, "log: {level: debug}")
    assert load_settings(None, {}, environment={"EDGE_AGENT_CONFIG": str(config)}).log.level == "debug"
    with pytest.raises(SettingsError):
        load_settings(tmp_path / "given and missing", {}, environment={"EDGE_AGENT_CONFIG": str(config)})


def test_the_real_environment_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGE_AGENT_MQTT__HOST", "porch")
    assert load_settings(None, {}).mqtt.host == "porch"
    assert Settings().mqtt.host == "", "constructing settings reads nothing"


@pytest.mark.parametrize(
    ("variable", "text", "section", "name", "value"),
    [
        ("EDGE_AGENT_DETECTION__STRATEGIES", "edgetpu, cpu", "detection", "strategies", ("edgetpu", "cpu")),
        ("EDGE_AGENT_IMAGES__ACCEPT_RETAINED", "true", "images", "accept_retained", True),
        ("EDGE_AGENT_MODELS__DIR", "/models", "models", "dir", Path("/models")),
        ("EDGE_AGENT_MQTT__PROTOCOL", "5", "mqtt", "protocol", "5"),
        ("EDGE_AGENT_POOL__WORKERS", "3", "pool", "workers", 3),
        ("EDGE_AGENT_QUEUE__PRESS_EXPIRY_S", "1.5", "queue", "press_expiry_s", 1.5),
    ],
)
def test_a_variable_is_parsed_by_its_type(variable: str, text: str, section: str, name: str, value: object) -> None:
    settings = load_settings(None, {}, environment={variable: text})
    assert getattr(getattr(settings, section), name) == value


def test_every_key_can_be_set_by_its_variable() -> None:
    texts = {key.variable: _as_text(key.default) for key in setting_keys()}
    assert load_settings(None, {}, environment=texts) == Settings()


def _as_text(default: object) -> str:
    if default is None:
        return ""
    return ",".join(default) if isinstance(default, list) else str(default)


def test_an_unquoted_protocol_number_is_understood(tmp_path: Path) -> None:
    assert load_settings(yaml_file(tmp_path, "mqtt: {protocol: 5}"), {}, environment={}).mqtt.protocol == "5"


@pytest.mark.parametrize(
    ("text", "unknown", "nearest"),
    [
        ("mqtt: {hots: x}", "mqtt.hots", "mqtt.host"),
        ("mqt: {host: x}", "mqt", "mqtt"),
        ("pool: {wokers: 2}", "pool.wokers", "pool.workers"),
        ("agentid: x", "agentid", "agent_id"),
        ("agentid:", "agentid", "agent_id"),
        ("mqtt: {hots: }", "mqtt.hots", "mqtt.host"),
    ],
)
def test_an_unknown_key_is_refused_with_the_nearest(tmp_path: Path, text: str, unknown: str, nearest: str) -> None:
    config = yaml_file(tmp_path, text)
    assert refusal(config) == f"{unknown}, from {config}, is not a setting; the nearest one is {nearest}."


@pytest.mark.parametrize(
    ("unknown", "nearest"),
    [
        ("EDGE_AGENT_MQTT__HOTS", "EDGE_AGENT_MQTT__HOST"),
        ("EDGE_AGENT_MQTT_PORT", "EDGE_AGENT_MQTT__PORT"),
        ("EDGE_AGENT_MQTT__PASSWORD_FIEL", "EDGE_AGENT_MQTT__PASSWORD_FILE"),
        ("EDGE_AGENT_SECRET_DIR", "EDGE_AGENT_SECRETS_DIR"),
        ("edge_agent_agentid", "EDGE_AGENT_AGENT_ID"),
    ],
)
def test_an_unknown_variable_is_refused_with_the_nearest(unknown: str, nearest: str) -> None:
    message = refusal(environment={unknown: SECRET})
    assert message == f"The environment variable {unknown.upper()} is not a setting; the nearest one is {nearest}."


def test_an_unknown_secret_is_refused_with_the_nearest(secrets: Path) -> None:
    (secrets / "another programs secret").write_text("x", encoding="utf-8")
    (secrets / "edge_agent_mqtt__pasword").write_text(SECRET, encoding="utf-8")
    message = refusal(environment={"EDGE_AGENT_SECRETS_DIR": str(secrets)})
    assert message.endswith("is not a setting; the nearest one is EDGE_AGENT_MQTT__PASSWORD.")


@pytest.mark.parametrize("name", ["edge_agent_mqtt__password", "EDGE_AGENT_MQTT__PASSWORD"])
def test_a_secret_is_read_without_the_lines_end(secrets: Path, name: str) -> None:
    (secrets / name).write_text(f" {SECRET} \r\n", encoding="utf-8")
    settings = load_settings(None, {}, environment={"EDGE_AGENT_SECRETS_DIR": str(secrets)})
    assert settings.mqtt.password.get_secret_value() == f" {SECRET} "


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n", b"\n\n"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"], ids=["plain", "with byte order mark"])
def test_trailing_line_ends_are_not_part_of_a_password(secrets: Path, mark: bytes, end: bytes) -> None:
    file = secrets / "edge_agent_mqtt__password"
    file.write_bytes(mark + SECRET.encode() + end)
    ways: tuple[tuple[dict[str, str], dict[str, Any]], ...] = (
        ({"EDGE_AGENT_SECRETS_DIR": str(secrets)}, {}),
        ({"EDGE_AGENT_MQTT__PASSWORD_FILE": str(file)}, {}),
        ({}, broker_flags(password_file=file)),
    )
    for environment, flags in ways:
        password = load_settings(None, flags, environment=environment).mqtt.password
        assert password.get_secret_value() == SECRET


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_settings_file_may_begin_with_a_byte_order_mark(tmp_path: Path, end: str) -> None:
    config = tmp_path / "agent.yaml"
    config.write_bytes(f"\ufeffmqtt:{end}  host: broker{end}".encode())
    assert load_settings(config, {}, environment={}).mqtt.host == "broker"


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (SECRET.encode("utf-16"), "is not text in UTF-8, but in UTF-16: save it as UTF-8."),
        (b"\xfe\xff" + SECRET.encode("utf-16-be"), "is not text in UTF-8, but in UTF-16: save it as UTF-8."),
        (SECRET.encode("utf-16-le"), "is not text in UTF-8: it holds zero bytes."),
        ("pässword".encode("latin-1"), "is not text in UTF-8: save it as UTF-8."),
        (b"", "is empty."),
        (b"\xef\xbb\xbf\r\n", "is empty."),
    ],
)
def test_a_password_file_that_holds_no_password_is_refused_in_a_sentence(
    tmp_path: Path, content: bytes, fault: str
) -> None:
    file = tmp_path / "password"
    file.write_bytes(content)
    message = refusal(environment={"EDGE_AGENT_MQTT__PASSWORD_FILE": str(file)})
    assert message == f"The file {file} (EDGE_AGENT_MQTT__PASSWORD_FILE names it) {fault}"
    with pytest.raises(SettingsError) as caught:
        broker_flags(password_file=file)
    assert str(caught.value) == f"The file {file} (--password-file names it) {fault}"


def test_the_usual_secrets_folder_is_read_when_it_is_there(secrets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (secrets / "edge_agent_mqtt__password").write_text(SECRET, encoding="utf-8")
    monkeypatch.setattr(loading, "SECRETS_FOLDER", secrets)
    assert load_settings(None, {}, environment={}).mqtt.password.get_secret_value() == SECRET


def test_every_problem_has_its_sentence(tmp_path: Path) -> None:
    config = yaml_file(tmp_path, "agent_id: front door\nmqtt: {port: 99999}\n")
    assert refusal(config, {"EDGE_AGENT_POOL__WORKERS": "many"}).splitlines() == [
        f"agent_id, from {config}, cannot be used: use 1 to 64 letters, digits, _ or -.",
        f"mqtt.port, from {config}, cannot be used: use a number of at most 65535.",
        "pool.workers, from the environment, cannot be used: use a whole number.",
    ]


@pytest.mark.parametrize("number", [".nan", ".inf", "-1"])
def test_a_duration_must_be_finite(tmp_path: Path, number: str) -> None:
    assert "pool.job_timeout_s" in refusal(yaml_file(tmp_path, f"pool: {{job_timeout_s: {number}}}"))


@pytest.mark.parametrize(
    "text",
    [
        f"mqtt: {{password: [{SECRET}]}}",
        f"mqtt: {SECRET}",
        f"mqtt: {{port: {SECRET}}}",
        f"mqtt: {{host: x, password:{SECRET}}}",
        f"mqtt:\n  password: *{SECRET}\n",
        f"mqtt:\n  password: !{SECRET} x\n",
        f"mqtt:\n  password: '{SECRET}\n",
        f"mqtt:\n  password: {SECRET}\n  {SECRET}\n  port: 1\n   : x",
        f"{SECRET}",
        f"- {SECRET}",
        f'password:{SECRET}: "x"',
        f"log: {{level: {SECRET}}}",
        f"detection: {{strategies: [{SECRET}]}}",
    ],
)
def test_possible_passwords_are_never_shown(tmp_path: Path, text: str) -> None:
    assert refusal(yaml_file(tmp_path, text))


def test_a_password_is_hidden_in_settings_that_are_printed() -> None:
    settings = load_settings(None, {}, environment={"EDGE_AGENT_MQTT__PASSWORD": SECRET})
    for shown in (repr(settings), str(settings), repr(settings.mqtt), str(settings.model_dump()), repr(vars(settings))):
        assert SECRET not in shown
    assert SECRET not in settings.model_dump_json()


@given(st.text(max_size=60))
def test_any_text_for_a_variable_is_accepted_or_refused_with_a_sentence(text: str) -> None:
    with contextlib.suppress(SettingsError):
        settings = load_settings(None, {}, environment={"EDGE_AGENT_POOL__JOB_TIMEOUT_S": text})
        assert settings.pool.job_timeout_s > 0


def test_unreadable_files_are_named(tmp_path: Path) -> None:
    missing = tmp_path / "missing"
    binary = tmp_path / "binary"
    binary.write_bytes(b"\xff\xfe\x00")
    assert refusal(missing) == f"The file {missing} cannot be read: No such file or directory."
    assert refusal(tmp_path) == f"The file {tmp_path} cannot be read: Is a directory."
    assert refusal(binary) == f"The file {binary} is not text in UTF-8, but in UTF-16: save it as UTF-8."
    assert refusal(environment={"EDGE_AGENT_MQTT__PASSWORD_FILE": str(missing)}) == (
        f"The file {missing} (EDGE_AGENT_MQTT__PASSWORD_FILE names it) cannot be read: No such file or directory."
    )
    assert refusal(environment={"EDGE_AGENT_SECRETS_DIR": str(missing)}) == (
        f"The secrets folder {missing} cannot be read: No such file or directory."
    )


def test_invalid_yaml_is_refused_with_its_position(tmp_path: Path) -> None:
    config = yaml_file(tmp_path, "mqtt:\n  host: @porch\n")
    assert refusal(config) == (
        f"The settings file {config} is not valid YAML at line 2, column 9; put text with special characters in quotes."
    )


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        load_settings(None, {}, environment={}).mqtt.host = "elsewhere"  # type: ignore[misc]


def test_the_agents_name_fits_into_a_topic(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: "front door.local")
    assert load_settings(None, {}, environment={}).agent_id == "front-door-local"
