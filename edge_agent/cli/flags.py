"""The options that commands share."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from edge_agent.cli.usage import FILE
from edge_agent.settings.loading import read_value

BROKER = "Broker"
DOORBELL = "DOORBELL"

Flags = dict[str, Any]
"""Flags of the command line, nested as settings."""

Config = Annotated[
    Path | None, typer.Option("--config", "-c", metavar=FILE, help="YAML file of settings, see config/agent.yaml.")
]
AgentId = Annotated[str | None, typer.Option(metavar="NAME", help="Name of the agent; else this host's.")]
Host = Annotated[
    str | None, typer.Option("--host", "-h", metavar="HOST", help="The broker's host.", rich_help_panel=BROKER)
]
Port = Annotated[
    int | None, typer.Option("--port", "-p", metavar="PORT", help="The broker's port.", rich_help_panel=BROKER)
]
Username = Annotated[
    str | None, typer.Option("--username", "-u", metavar="NAME", help="User name.", rich_help_panel=BROKER)
]
PasswordFile = Annotated[
    Path | None,
    typer.Option(
        "--password-file", metavar=FILE, help="File that holds the password.", rich_help_panel=BROKER, dir_okay=False
    ),
]


Tls = Annotated[bool | None, typer.Option("--tls", help="Speak TLS with the broker.", rich_help_panel=BROKER)]
CaFile = Annotated[
    Path | None,
    typer.Option(
        "--ca-file", metavar=FILE, help="CA of the broker's certificate; else the system's.", rich_help_panel=BROKER
    ),
]
CertFile = Annotated[
    Path | None,
    typer.Option("--cert-file", metavar=FILE, help="Our certificate, if the broker asks.", rich_help_panel=BROKER),
]
KeyFile = Annotated[Path | None, typer.Option("--key-file", metavar=FILE, help="Its key.", rich_help_panel=BROKER)]
Insecure = Annotated[
    bool | None,
    typer.Option("--insecure", help="DANGER: do not check the broker's certificate.", rich_help_panel=BROKER),
]
Transport = Annotated[
    str | None,
    typer.Option(
        "--transport",
        metavar="KIND",
        help="tcp or websockets.",
        autocompletion=lambda: ["tcp", "websockets"],
        rich_help_panel=BROKER,
    ),
]
WebsocketPath = Annotated[
    str | None,
    typer.Option("--websocket-path", metavar="PATH", help="Path of the broker's websocket.", rich_help_panel=BROKER),
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
    """Return the broker's flags as settings."""
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
    """Give a command the options of `broker_flags` in place of its parameter `broker`, which gets their settings."""
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
