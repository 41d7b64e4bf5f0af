"""The command line: arguments to settings, results to a terminal, errors to one sentence and an exit code."""

from __future__ import annotations

import sys

from rich.console import Console

from edge_agent.cli.commands import commands
from edge_agent.errors import EdgeAgentError, SettingsError

MISUSED = 2
FAILED = 1


def run_command_line() -> None:
    """Run the command that the arguments name, and exit."""
    try:
        commands()
    except EdgeAgentError as error:
        Console(stderr=True, highlight=False, soft_wrap=True).print(f"[bold red]edge-agent:[/] {error}", markup=True)
        sys.exit(MISUSED if isinstance(error, SettingsError) else FAILED)
    except KeyboardInterrupt:
        sys.exit(130)
