"""`edge-agent hash-password`: the hash of a password for the settings."""

from __future__ import annotations

import sys

import typer

from edge_agent.errors import SettingsError
from edge_agent.web.access import hashed


def print_hash() -> None:
    """Ask twice on a terminal, else read one line; raise SettingsError if there is no password."""
    if sys.stdin.isatty():
        password = str(typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True))
    else:
        password = sys.stdin.readline().rstrip("\r\n")
    if not password:
        message = "the password is empty: type it, or pipe it into this command"
        raise SettingsError(message)
    print(hashed(password))  # noqa: T201 - output of a command
