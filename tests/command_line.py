"""The commands as users run them: processes of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING, Final

from tests.shared_data import PROJECT

if TYPE_CHECKING:
    from pathlib import Path

COMMAND_S: Final = 60.0


def edge_agent(*arguments: str, folder: Path = PROJECT, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end; `environment` is added to that of the tests."""
    return subprocess.run(
        [sys.executable, "-m", "edge_agent", *arguments],
        env={**os.environ, "COLUMNS": "120", "PYTHONPATH": str(PROJECT), **environment},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=COMMAND_S,
        check=False,
    )
