"""The options that commands share, and their checks."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from edge_agent.cli.usage import FILE
from edge_agent.errors import SettingsError
from edge_agent.settings.loading import read_value
from edge_agent.topics import is_identifier

if TYPE_CHECKING:
    from edge_agent.settings.broker import MqttSettings

DOORBELL = "DOORBELL"

Flags = dict[str, Any]
"""Command-line flags, nested like the settings."""

Config = Annotated[
    Path | None, typer.Option("--config", "-c", metavar=FILE, help="YAML file with settings; see config/agent.yaml.")
]
AgentId = Annotated[str | None, typer.Option(metavar="NAME", help="Name of the agent. Default: the host's name.")]
_option = functools.partial(typer.Option, rich_help_panel="Broker")

Host = Annotated[str | None, _option("--host", "-h", metavar="HOST", help="Host of the broker.")]
Port = Annotated[int | None, _option("--port", "-p", metavar="PORT", help="Port of the broker.")]
Username = Annotated[str | None, _option("--username", "-u", metavar="NAME", help="User name.")]
PasswordFile = Annotated[
    Path | None, _option("--password-file", metavar=FILE, help="File with the password.", dir_okay=False)
]
Tls = Annotated[bool | None, _option("--tls", help="Connect with TLS.")]
CaFile = Annotated[
    Path | None, _option("--ca-file", metavar=FILE, help="CA of the broker's certificate. Default: the system's CAs.")
]
CertFile = Annotated[
    Path | None, _option("--cert-file", metavar=FILE, help="Client certificate, if the broker requires one.")
]
KeyFile = Annotated[Path | None, _option("--key-file", metavar=FILE, help="Key of the client certificate.")]
Insecure = Annotated[bool | None, _option("--insecure", help="DANGER: do not verify the broker's certificate.")]
Transport = Annotated[
    str | None,
    _option("--transport", metavar="KIND", help="tcp or websockets.", autocompletion=lambda: ["tcp", "websockets"]),
]
WebsocketPath = Annotated[
    str | None, _option("--websocket-path", metavar="PATH", help="Path of the broker's websocket.")
]


def broker_flags(  # noqa: PLR0913, PLR0917 - the options of a command
    host: Host = None,
    port: Port = None,
    username: Username = None,
    password_file: PasswordFile = None,
    tls: Tls = None,
    ca_file: CaFile = None,
    cert_file: CertFile = None,
    key_file: KeyFile = None,
    insecure: Insecure = None,
    transport: Transport = None,
    websocket_path: WebsocketPath = None,
) -> dict[str, Any]:
    """Return the broker options as settings."""
    return {
        "mqtt": {
            "host": host,
            "port": port,
            "username": username,
            "password": read_value(password_file, " (--password-file names it)") if password_file else None,
            "transport": transport,
            "websocket_path": websocket_path,
            "tls": {
                "enabled": tls,
                "ca_file": ca_file,
                "cert_file": cert_file,
                "key_file": key_file,
                "insecure": insecure,
            },
        }
    }


def takes_broker(command: Callable[..., None]) -> Callable[..., None]:
    """Replace a command's parameter `broker` by the options of `broker_flags`, and pass their settings to it."""
    own = inspect.signature(command, eval_str=True)
    shared = inspect.signature(broker_flags, eval_str=True).parameters

    @functools.wraps(command)
    def with_flags(**values: Any) -> None:  # noqa: ANN401 - what the options of a command are
        flags = {name: values.pop(name) for name in shared}
        command(**values, broker=broker_flags(**flags))

    parameters = [each for name, each in own.parameters.items() if name != "broker"]
    with_flags.__signature__ = own.replace(parameters=[*parameters, *shared.values()])  # type: ignore[attr-defined]
    with_flags.__annotations__ = {each.name: each.annotation for each in (*parameters, *shared.values())}
    return with_flags


def require_broker(settings: MqttSettings) -> None:
    """Raise SettingsError if no broker is configured."""
    if not settings.host:
        message = "no broker is configured: use --host, or set EDGE_AGENT_MQTT__HOST"
        raise SettingsError(message)


def require_doorbell_name(doorbell: str) -> None:
    """Raise SettingsError if no doorbell can have this name."""
    if not is_identifier(doorbell):
        message = f"{doorbell!r} is not a valid doorbell name: use 1 to 64 letters, digits, _ or -"
        raise SettingsError(message)
