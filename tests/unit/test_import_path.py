"""The module search path: never the current folder, always PYTHONPATH and the running package's folder."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any, Final

import pytest

from testing.shared_data import PROJECT

if TYPE_CHECKING:
    from pathlib import Path

ASK: Final = f"""
import json, os, sys
sys.path.append({str(PROJECT)!r})
from edge_agent.platform.import_path import exclude_current_folder, python_command
sys.path.remove({str(PROJECT)!r})
exclude_current_folder(sys.argv[1])
exclude_current_folder(sys.argv[1])
print(json.dumps([sys.path, os.environ.get("PYTHONPATH"), python_command("-m", "name")[1:]]))
"""


def ask(folder: Path, *options: str, package: str | None = None, **variables: str) -> list[Any]:
    """Return sys.path, PYTHONPATH and the command for child processes, from a process started in a folder."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    libraries = next(path for path in sys.path if path.endswith("site-packages"))
    command = [sys.executable, *options, "-c", ASK, package or f"{libraries}/edge_agent"]
    done = subprocess.run(
        command, cwd=folder, env=environment | variables, capture_output=True, text=True, check=True, timeout=30
    )
    found: list[Any] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize(
    ("options", "passed_on"),
    [([], ["-P"]), (["-P"], ["-P"]), (["-I"], ["-I"]), (["-E"], ["-P", "-E"]), (["-s"], ["-P", "-s"])],
)
def test_the_current_folder_is_excluded_with_any_options(
    options: list[str], passed_on: list[str], tmp_path: Path
) -> None:
    path, pythonpath, command = ask(tmp_path, *options)
    assert not {"", ".", str(tmp_path)} & set(path)
    assert any(entry.endswith("site-packages") for entry in path)
    assert pythonpath is None
    assert command == [*passed_on, "-m", "name"]


def test_pythonpath_is_kept_even_where_it_names_the_current_folder(tmp_path: Path) -> None:
    path, pythonpath, _ = ask(tmp_path, PYTHONPATH=str(tmp_path))
    assert path[0] == pythonpath == str(tmp_path)


def test_neighbours_of_an_uninstalled_package_can_be_imported_in_all_processes(tmp_path: Path) -> None:
    path, pythonpath, _ = ask(tmp_path, package=str(tmp_path / "edge_agent"), PYTHONPATH="/elsewhere")
    assert path[:2] == [str(tmp_path), "/elsewhere"]
    assert pythonpath == f"{tmp_path}{os.pathsep}/elsewhere"
