"""The command line: arguments to settings, results to a terminal, errors to one sentence and an exit code."""

from __future__ import annotations

import sys

from rich.console import Console
from rich.text import Text
from typer import Abort
from typer.exceptions import TyperException

from edge_agent.cli.commands import commands
from edge_agent.cli.usage import explain
from edge_agent.errors import EdgeAgentError, NoAgentError, SettingsError

FAILED = 1
MISUSED = 2
UNHEARD = 3
INTERRUPTED = 130


def run_command_line() -> None:
    """Run the command that the arguments name, and exit."""
    try:
        code = commands(standalone_mode=False)
    except EdgeAgentError as error:
        _complain(str(error))
        code = _code_of(error)
    except TyperException as error:
        code = _misused(error)
    except (KeyboardInterrupt, Abort):
        code = INTERRUPTED
    sys.exit(code if isinstance(code, int) else 0)


def _code_of(error: EdgeAgentError) -> int:
    match error:
        case SettingsError():
            return MISUSED
        case NoAgentError():
            return UNHEARD
        case _:
            return FAILED


def _misused(error: TyperException) -> int:
    """Say what is wrong with the arguments; without any, show the help."""
    if type(error).__name__ == "NoArgsIsHelpError":
        print(error.format_message())  # noqa: T201 - output of a command
    else:
        _complain(explain(error))
    return MISUSED


def _complain(message: str) -> None:
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    console.print(Text.assemble(("edge-agent:", "bold red"), " ", message))
