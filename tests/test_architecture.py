"""The import rules: the contracts of pyproject.toml, and what they cannot check."""

from __future__ import annotations

import ast
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from testing.shared_data import PROJECT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HEAVY = {"cv2", "onnxruntime", "edge_agent.worker.main", "edge_agent.detectors.base"}
PROGRAM = sorted(
    path
    for folder in ("edge_agent", "ha_discovery")
    for path in (PROJECT / folder).rglob("*.py")
    if path.parent.name != "benchmark"  # its processes only read data that it made itself
)
FORBIDDEN_CALLS = {
    "eval", "exec", "compile", "__import__", "os.system", "os.popen", "yaml.load", "yaml.unsafe_load", "yaml.full_load",
    "pipe.recv", "connection.recv", "life.recv", "?.recv",
}  # fmt: skip
"""`recv` of a multiprocessing connection unpickles; `recv_bytes` does not."""
OF_THE_PARENT = {"paho", "pydantic", "pydantic_settings", "edge_agent.settings", "edge_agent.domain"}


def test_imports_keep_the_contracts() -> None:
    """In a separate process: import-linter disables all existing loggers."""
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as lint; lint()", "--no-cache"]
    result = subprocess.run(command, cwd=PROJECT, capture_output=True, check=False, text=True)
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize("module", ["edge_agent.__main__", "edge_agent.cli", "edge_agent.app", "edge_agent.pool"])
def test_the_parent_process_loads_neither_opencv_nor_a_detector(module: str) -> None:
    assert _loaded_with(module) & HEAVY == set()


def test_a_worker_process_loads_nothing_of_the_parent() -> None:
    loaded = _loaded_with("edge_agent.worker.main")
    assert "edge_agent.wire" in loaded
    assert loaded & OF_THE_PARENT == set()


@pytest.mark.parametrize(
    "path", sorted((PROJECT / "ha_discovery").rglob("*.py")), ids=lambda path: str(path.relative_to(PROJECT))
)
def test_ha_discovery_needs_the_standard_library_only(path: Path) -> None:
    assert set(_imported(path)) <= {"ha_discovery", *sys.stdlib_module_names}


@pytest.mark.parametrize("path", PROGRAM, ids=lambda path: str(path.relative_to(PROJECT)))
def test_nothing_that_came_from_outside_is_unpickled_or_run(path: Path) -> None:
    assert set(_imported(path)).isdisjoint({"pickle", "marshal", "shelve", "dill", "cloudpickle", "joblib", "pty"})
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            assert _called(node) not in FORBIDDEN_CALLS, f"{path}:{node.lineno}"
            assert all(word.arg not in {"shell", "allow_pickle"} for word in node.keywords), f"{path}:{node.lineno}"


def _called(node: ast.Call) -> str:
    """Return the name of the called function, with that of its owner."""
    match node.func:
        case ast.Name(name):
            return name
        case ast.Attribute(ast.Name(of), name):
            return f"{of}.{name}"
        case ast.Attribute(_, name):
            return f"?.{name}"
        case _:
            return ""


def _loaded_with(module: str) -> set[str]:
    """Return the modules that a fresh interpreter has loaded after one import."""
    program = f"import sys, {module}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], cwd=PROJECT, capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def _imported(path: Path) -> Iterator[str]:
    """Return the top-level names that a file imports."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield (node.module or "").partition(".")[0]
