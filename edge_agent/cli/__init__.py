"""The command line: it parses arguments, prints results, and reports an error as one sentence and an exit code."""

from __future__ import annotations

import sys

from rich.console import Console
from rich.text import Text
from typer import Abort
from typer.exceptions import TyperException

from edge_agent.cli.commands import commands
from edge_agent.cli.usage import explain
from edge_agent.errors import EdgeAgentError, NoAgentError, SettingsError
from edge_agent.platform.exit_limit import EXIT_LIMIT, exit_behind

FAILED = 1
USAGE = 2
NO_AGENT = 3
INTERRUPTED = 130


def run_command_line() -> None:
    """Run the command in the arguments, and exit."""
    EXIT_LIMIT.close_on_sigterm()
    try:
        code = commands(standalone_mode=False)
    except EdgeAgentError as error:
        _print_error(str(error))
        code = _code_of(error)
    except TyperException as error:
        code = _report_usage(error)
    except (KeyboardInterrupt, Abort):
        code = INTERRUPTED
    except Exception as error:
        if (end := exit_behind(error)) is not None:
            raise end from None
        EXIT_LIMIT.begin(FAILED)
        raise
    code = code if isinstance(code, int) else 0
    EXIT_LIMIT.begin(code)
    sys.exit(code)


def _code_of(error: EdgeAgentError) -> int:
    match error:
        case SettingsError():
            return USAGE
        case NoAgentError():
            return NO_AGENT
        case _:
            return FAILED


def _report_usage(error: TyperException) -> int:
    """Print what is wrong with the arguments, or the help if there are none."""
    if type(error).__name__ == "NoArgsIsHelpError":
        print(error.format_message())  # noqa: T201 - output of a command
    else:
        _print_error(explain(error))
    return USAGE


def _print_error(message: str) -> None:
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    console.print(Text.assemble(("edge-agent:", "bold red"), " ", message))
