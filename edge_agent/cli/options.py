"""The options that commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from edge_agent.errors import SettingsError

BROKER = "Broker"

Config = Annotated[Path | None, typer.Option("--config", "-c", help="YAML file of settings, see config/agent.yaml.")]
Host = Annotated[str | None, typer.Option("--host", "-h", help="The broker's host.", rich_help_panel=BROKER)]
Port = Annotated[int | None, typer.Option("--port", "-p", help="The broker's port.", rich_help_panel=BROKER)]
Username = Annotated[str | None, typer.Option("--username", "-u", help="User name.", rich_help_panel=BROKER)]
PasswordFile = Annotated[
    Path | None,
    typer.Option("--password-file", help="File that holds the password.", rich_help_panel=BROKER, dir_okay=False),
]


def broker_flags(
    host: str | None, port: int | None, username: str | None, password_file: Path | None
) -> dict[str, Any]:
    """Return the broker's flags as settings."""
    password = _read_password(password_file) if password_file else None
    return {"mqtt": {"host": host, "port": port, "username": username, "password": password}}


def _read_password(path: Path) -> str:
    """Return what the file holds, less the end of its line; raise SettingsError where it cannot be read."""
    try:
        return path.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        message = f"--password-file: {path} cannot be read: {reason}"
        raise SettingsError(message) from error
