"""How the command line is shown in help, and what is wrong with it, in words of our own."""

from __future__ import annotations

import difflib
import sys
from typing import TYPE_CHECKING, Any, Final

from typer.core import TyperCommand, TyperGroup

from edge_agent.cli.palette import QUIET, WARNING
from edge_agent.platform.program_name import command

if TYPE_CHECKING:
    from collections.abc import Sequence

    from typer.exceptions import TyperException

FILE: Final = "FILE"
FOLDER: Final = "FOLDER"

_WANTED: Final = {FILE: "give a file that this user may read", FOLDER: "give a folder that this user may read"}
"""What a value must be, by its name in the help; all others that can be wrong are numbers."""


class _Plain:
    """Shows a flag without a value, and a number without its limits: the sentence of a mistake names them."""

    def get_params(self, ctx: Any) -> list[Any]:  # noqa: ANN401 - typer's own copy of click has no public types
        """Return the parameters; flags and arguments show no type of Python beside their names."""
        params: list[Any] = super().get_params(ctx)  # type: ignore[misc]
        for each in params:
            if each.param_type_name == "argument":
                each.display_type_rich = _nothing
            elif each.is_flag and not each.secondary_opts:
                each.metavar = ""
        return params

    def format_help(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401 - as above
        """Show the help in our styles."""
        _style_help()
        super().format_help(ctx, formatter)  # type: ignore[misc]


def _nothing(ctx: Any) -> None:  # noqa: ANN401 - typer's own copy of click has no public types
    """Return what to show for the type of an argument, whose name says it all."""


class Command(_Plain, TyperCommand):
    """A command of ours."""


class Group(_Plain, TyperGroup):
    """A command with commands below it."""


def _style_help() -> None:
    """Give the help styles that are readable on black and on white."""
    from typer import rich_utils  # noqa: PLC0415 - only help needs it, and it takes its time

    rich_utils.STYLE_OPTION = rich_utils.STYLE_SWITCH = "bold"
    rich_utils.STYLE_TYPES = QUIET
    rich_utils.STYLE_USAGE = WARNING
    rich_utils.STYLE_COMMANDS_TABLE_FIRST_COLUMN = "bold"
    rich_utils.RANGE_STRING = ""


def explain(error: TyperException, words: Sequence[str] | None = None) -> str:
    """Return what is wrong with the command line, and how to find out what is right.

    typer's exceptions are told apart by their names: it keeps their classes to itself.
    """
    words = sys.argv[1:] if words is None else words
    context: Any = getattr(error, "ctx", None)
    path = _command_path(context) if context else [each for each in words[:1] if not each.startswith("-")]
    return f"{_fault(error, context, words)}; see `{command(*path, '--help')}`"


def _command_path(context: Any) -> list[str]:  # noqa: ANN401 - as above
    """Return the names of the commands that lead to where the mistake is."""
    above = _command_path(context.parent) if context.parent else []
    return [*above, context.info_name] if context.parent else above


def _fault(error: Any, context: Any, words: Sequence[str]) -> str:  # noqa: ANN401 - as above
    match type(error).__name__:
        case "NoSuchOption":
            nearest = f"; the nearest one is {error.possibilities[0]}" if error.possibilities else ""
            return f"there is no option {error.option_name}{nearest}"
        case "BadOptionUsage":
            has_value = any(each.startswith(f"{error.option_name}=") for each in words)
            return f"{error.option_name} {'takes no' if has_value else 'needs a'} value"
        case "MissingParameter":
            return f"{error.param.metavar or error.param.name.upper()} is missing"
        case "BadParameter":
            return _wrong_value(error.param)
        case _ if hasattr(context.command, "commands"):
            return _wrong_command(list(context.command.commands), words[len(_command_path(context)) :])
        case _:
            return "there are more arguments than this command takes"


def _wrong_value(param: Any) -> str:  # noqa: ANN401 - as above
    name = param.opts[0] if param.opts[0].startswith("-") else param.metavar
    return f"{name} cannot be used: {_WANTED.get(param.metavar) or _number(param)}"


def _number(param: Any) -> str:  # noqa: ANN401 - as above
    kind = "a whole number" if param.type_descriptor.annotation is int else "a number"
    return f"give {kind}" if param.min is None else f"give {kind} of at least {param.min:g}"


def _wrong_command(known: list[str], words: Sequence[str]) -> str:
    """Return that a command is missing, or unknown."""
    given = next((each for each in words if not each.startswith("-")), "")
    if not given:
        return "a command is missing"
    nearest = difflib.get_close_matches(given, known, n=1)
    hint = f"the nearest one is {nearest[0]}" if nearest else f"there are {', '.join(known)}"
    return f"there is no command {given}; {hint}"
