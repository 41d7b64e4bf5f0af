"""The commands as users run them, in separate processes."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING, Final

from testing.shared_data import PROJECT

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

COMMAND_S: Final = 60.0


def edge_agent(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end; `environment` extends that of the tests."""
    return edge_agent_in(PROJECT, *arguments, **environment)


def edge_agent_in(
    folder: Path, *arguments: str, through: Sequence[str] = (), **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run a command in a folder to its end, `through` another command that prepares its environment.

    Such an environment may have no place for the data of coverage.
    """
    inherited = {name: value for name, value in os.environ.items() if not (through and name.startswith("COVERAGE"))}
    return subprocess.run(
        [*through, sys.executable, "-m", "edge_agent", *arguments],
        env={**inherited, "COLUMNS": "120", "PYTHONPATH": str(PROJECT), **environment},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=COMMAND_S,
        check=False,
    )
