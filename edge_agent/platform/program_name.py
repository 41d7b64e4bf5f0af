"""How this user starts our commands from here: what we tell people to type works as it stands."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from pathlib import Path
from typing import Final

NAME: Final = "edge-agent"


def command(*arguments: str) -> str:
    """Return a command of ours, as it can be typed in the current folder."""
    return " ".join((program(Path(sys.executable).parent, Path.cwd()), *map(shlex.quote, arguments)))


def program(scripts: Path, current: Path, *, path: str | None = None) -> str:
    """Return how the program in the folder `scripts` is started from the `current` one; `path` is PATH.

    By its name where PATH leads to it, else by its place, and through Python where there is no script.
    """
    script = scripts / NAME
    if not os.access(script, os.X_OK):
        return f"{shlex.quote(sys.executable)} -m edge_agent"
    found = shutil.which(NAME, path=path)
    if found is not None and Path(found).samefile(script):
        return NAME
    is_below = script.is_relative_to(current)
    return shlex.quote(str(script.relative_to(current) if is_below else script))
