"""Start the agent as an app of Home Assistant: the app's options and the Supervisor's broker become settings."""

from __future__ import annotations

import json
import os
import stat
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

DATA: Final = Path("/data")
OWN_SETTINGS: Final = Path("/config/agent.yaml")
"""In the app's own folder of configurations: for all that has no option."""
DEVICES: Final = ("bus/usb/*/*", "dri/renderD*", "accel/accel*")
"""Files of accelerators, below /dev: a Coral stick, an Intel GPU or NPU."""
USER: Final = 10001
HOME_ASSISTANT: Final = "http://supervisor/core"
SUPERVISOR: Final = "http://supervisor/services/mqtt"
INGRESS: Final = "172.30.32.2"
"""The only one that may ask for the page: it has checked who the user is."""
PORT: Final = "8099"
LIMIT_S: Final = 10.0

VARIABLES: Final = {
    "agent_id": "AGENT_ID",
    "min_confidence": "DETECTION__MIN_CONFIDENCE",
    "privacy": "DOORBELLS__PRIVACY",
    "press_only": "DOORBELLS__PRESS_ONLY",
    "history": "HISTORY__ENABLED",
    "log_level": "LOG__LEVEL",
    "workers": "POOL__WORKERS",
    "doorbells": "DOORBELLS__INCLUDE",
    "sources": "SOURCES",
    "mqtt_host": "MQTT__HOST",
    "mqtt_port": "MQTT__PORT",
    "mqtt_username": "MQTT__USERNAME",
    "mqtt_password": "MQTT__PASSWORD",
}
"""The setting of each option."""
OF_SERVICE: Final = ("host", "port", "username", "password")


def settings_of(options: Mapping[str, Any], service: Mapping[str, Any]) -> dict[str, str]:
    """Return the environment of the agent; a broker of one's own wins over that of the Supervisor."""
    given = {**_broker(options, service), **{name: value for name, value in options.items() if "mqtt_" not in name}}
    variables = {VARIABLES[name]: _text(value) for name, value in given.items() if value not in (None, "", [])}
    if service.get("ssl") and not options.get("mqtt_host"):
        variables["MQTT__TLS__ENABLED"] = "true"
    variables |= {
        "HTTP__ENABLED": "true",
        "HTTP__HOST": "0.0.0.0",  # noqa: S104 - of the container; who may ask is the next line
        "HTTP__ALLOWED": INGRESS,
        "HTTP__INGRESS": INGRESS,
        "HTTP__PORT": PORT,
        "HTTP__SOURCES": "true",
        "MODELS__CACHE_DIR": str(DATA / "models"),
        "STATE__DIR": str(DATA / "state"),
    }
    return {f"EDGE_AGENT_{name}": value for name, value in variables.items()}


def access_of(token: str) -> dict[str, str]:
    """Return the settings of Home Assistant's API, which the Supervisor's own token opens."""
    if not token:
        return {}
    return {"EDGE_AGENT_HOME_ASSISTANT__URL": HOME_ASSISTANT, "EDGE_AGENT_HOME_ASSISTANT__TOKEN": token}


def _broker(options: Mapping[str, Any], service: Mapping[str, Any]) -> dict[str, Any]:
    if options.get("mqtt_host"):
        return {name: value for name, value in options.items() if "mqtt_" in name}
    return {f"mqtt_{name}": service.get(name) for name in OF_SERVICE}


def _text(value: object) -> str:
    match value:
        case bool():
            return str(value).lower()
        case list():
            return ",".join(map(str, value))
        case _:
            return str(value)


def ask_supervisor() -> dict[str, Any]:
    """Return the broker that the Supervisor knows, or nothing."""
    request = urllib.request.Request(
        SUPERVISOR, headers={"Authorization": f"Bearer {os.environ.get('SUPERVISOR_TOKEN', '')}"}
    )
    try:
        with urllib.request.urlopen(request, timeout=LIMIT_S) as answer:  # noqa: S310 - a fixed address inside Home Assistant
            return dict(json.load(answer)["data"])
    except (OSError, ValueError, KeyError) as error:
        print(f"the Supervisor does not provide a broker: {error}", file=sys.stderr)  # noqa: T201 - the app's log
        return {}


def groups_of_devices(folder: Path) -> list[int]:
    """Return the groups that may use the accelerators in a folder like /dev."""
    return sorted({node.stat().st_gid for node in _nodes(folder) if node.stat().st_mode & stat.S_IWGRP})


def _nodes(folder: Path) -> Iterator[Path]:
    return (node for pattern in DEVICES for node in folder.glob(pattern) if node.is_char_device())


def become_nobody() -> None:
    """Give up root's rights, but for the accelerators, once the folders are there."""
    for name in ("models", "state"):
        folder = DATA / name
        folder.mkdir(exist_ok=True)
        for path in (folder, *folder.iterdir()):
            os.chown(path, USER, USER)
    os.setgroups(groups_of_devices(Path("/dev")))
    os.setgid(USER)
    os.setuid(USER)


def main() -> None:
    """Become the agent."""
    options = json.loads((DATA / "options.json").read_text(encoding="utf-8"))
    environment = settings_of(options, {} if options.get("mqtt_host") else ask_supervisor())
    if "EDGE_AGENT_MQTT__HOST" not in environment:
        sys.exit("no broker is configured: install the Mosquitto broker app, or set mqtt_host in this app's options")
    environment |= access_of(os.environ.get("SUPERVISOR_TOKEN", ""))
    if OWN_SETTINGS.exists():
        environment["EDGE_AGENT_CONFIG"] = str(OWN_SETTINGS)
    become_nobody()
    kept = {name: value for name, value in os.environ.items() if name != "SUPERVISOR_TOKEN"}
    os.execvpe("edge-agent", ["edge-agent", "run"], kept | environment)  # noqa: S606, S607 - found in our own image


if __name__ == "__main__":
    main()
