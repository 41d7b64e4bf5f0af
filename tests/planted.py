"""A folder of planted modules and settings: every planted module that Python runs leaves a mark."""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Final

from testing.shared_data import shared

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

LIMIT_S: Final = 60.0
OURS: Final = frozenset({"edge_agent", "ha_discovery", "bench", "tests"})
AT_START: Final = frozenset({"sitecustomize", "usercustomize"})
"""Python imports these at every start."""

MARK: Final = """
import os as _os, sys as _sys
_mark = _os.open({marks!r}, _os.O_CREAT | _os.O_APPEND | _os.O_WRONLY)
_os.write(_mark, (__name__ + " in " + repr(_sys.orig_argv) + chr(10)).encode())
_os.close(_mark)
"""
REFUSE: Final = "raise ImportError('planted: ' + __name__)\n"
SETTINGS: Final = {
    ".env": "EDGE_AGENT_NONSENSE=1\nEDGE_AGENT_AGENT_ID=planted\n",
    "agent.yaml": "nonsense: true\n",
    "settings.yaml": "nonsense: true\n",
    "uv.toml": "nonsense = true\n",
    "pip.conf": "nonsense\n",
    "matplotlibrc": "backend: module://numpy\n",
    "libplanted.so.1": "no library",
}
"""Each breaks its reader."""


class PlantedFolder:
    """A current folder, and the marks of its modules."""

    def __init__(self, folder: Path, marks: Path) -> None:
        self.folder = folder
        self._marks = marks
        folder.mkdir(parents=True, exist_ok=True)

    @property
    def marks(self) -> list[str]:
        """The modules that ran, and by which command."""
        return self._marks.read_text(encoding="utf-8").splitlines() if self._marks.exists() else []

    def plant(self, names: Iterable[str]) -> None:
        """Create a module of each name in the folder, and settings for every possible reader."""
        text = MARK.format(marks=str(self._marks)) + REFUSE
        for name in names:
            (self.folder / f"{name}.py").write_text(text, encoding="utf-8")
        package = self.folder / "paho"  # a package has precedence over a module
        package.mkdir()
        (package / "__init__.py").write_text(text, encoding="utf-8")
        (self.folder / "planted.pth").write_text("import numpy\n", encoding="utf-8")
        metadata = self.folder / "planted-1.dist-info"
        metadata.mkdir()
        (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: planted\nVersion: 1\n", encoding="utf-8")
        plugin = "[amqtt.broker.plugins]\nplanted = numpy:planted\n"
        (metadata / "entry_points.txt").write_text(plugin, encoding="utf-8")
        for name, content in SETTINGS.items():
            (self.folder / name).write_text(content, encoding="utf-8")

    def plant_checkout(self, project: Path, version: str) -> None:
        """Make the folder a checkout of another version."""
        mark = MARK.format(marks=str(self._marks))
        for package in ("edge_agent", "ha_discovery"):
            shutil.copytree(project / package, self.folder / package, ignore=shutil.ignore_patterns("__pycache__"))
        for module in self.folder.glob("*/**/*.py"):
            module.write_text(module.read_text(encoding="utf-8") + mark, encoding="utf-8")
        (self.folder / "edge_agent" / "__init__.py").write_text(f"__version__ = {version!r}\n{mark}", encoding="utf-8")


def third_party_names() -> set[str]:
    """Return the names of all installed modules, and of those that Python imports at start."""
    return {name for name in importlib.metadata.packages_distributions() if name.isidentifier()} - OURS | AT_START


def standard_names() -> set[str]:
    """Return the names of the standard library."""
    return set(sys.stdlib_module_names)


def install(folder: Path, project: Path) -> Path:
    """Install the project into a new environment that uses this one's libraries; return its bin folder."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True, timeout=60)
    (libraries,) = folder.glob("lib/python3*/site-packages")
    ours = [path for path in sys.path if path.endswith("site-packages")]
    (libraries / "libraries.pth").write_text("\n".join(ours), encoding="utf-8")
    pip = [sys.executable, "-m", "pip", "--python", str(folder / "bin" / "python"), "install", "--quiet", "--no-index"]
    options = ["--no-deps", "--no-build-isolation", "--force-reinstall"]
    subprocess.run([*pip, *options, str(project)], check=True, timeout=120, capture_output=True)
    return folder / "bin"


def start(
    program: Path,
    planted: PlantedFolder,
    arguments: Sequence[str | Path],
    *,
    python: Sequence[str] = (),
    **variables: str,
) -> subprocess.Popen[str]:
    """Start a command in a planted folder, or, where `python` names options, through the interpreter."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    command = [program / "python", *python] if python else [program / "edge-agent"]
    return subprocess.Popen(
        [*command, *arguments],
        cwd=planted.folder,
        env={**environment, "COLUMNS": "200", "EDGE_AGENT_MODELS__DIR": str(shared("models")), **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def output(process: subprocess.Popen[str]) -> str:
    """Return the whole output of a command."""
    with process:
        return process.communicate(timeout=LIMIT_S)[0]


@contextlib.contextmanager
def running(process: subprocess.Popen[str]) -> Iterator[subprocess.Popen[str]]:
    """Stop an agent after the block, even after an error."""
    try:
        yield process
    finally:
        process.terminate()
        output(process)
