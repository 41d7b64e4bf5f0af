"""Ask the package index whether every pinned requirement has a wheel for each Python and processor that we support.

Usage: python requirements/check_wheels.py [NAME ...], with names of requirements/NAME.txt. Nothing is installed.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from packaging.markers import default_environment
from packaging.requirements import Requirement

if TYPE_CHECKING:
    from collections.abc import Iterator

PYTHONS: Final = ("3.11", "3.12", "3.13")
PROCESSORS: Final = ("aarch64", "x86_64")
GLIBCS: Final = tuple(f"2_{minor}" for minor in range(36, 4, -1))
"""Debian 12 has 2.36: it takes wheels for this and for what is older."""


def pinned(path: Path, python: str, processor: str) -> list[str]:
    """Return the pins of a requirements file that hold for a Python and a processor."""
    environment: dict[str, str] = {
        **{name: str(value) for name, value in default_environment().items()},
        "python_version": python,
        "python_full_version": f"{python}.0",
        "platform_machine": processor,
        "platform_system": "Linux",
        "sys_platform": "linux",
    }
    requirements = [Requirement(line) for line in _lines(path)]
    return [
        f"{each.name}{each.specifier}"
        for each in requirements
        if each.marker is None or each.marker.evaluate(environment)
    ]


def _lines(path: Path) -> Iterator[str]:
    text = path.read_text(encoding="utf-8").replace("\\\n", " ")
    lines = (line.split(" --hash")[0].strip() for line in text.splitlines())
    return (line for line in lines if line and not line.startswith(("#", "--")))


def complaint(requirements: list[str], python: str, processor: str) -> str:
    """Return what the index lacks, or ''; pip asks it for these requirements alone."""
    platforms = [part for glibc in GLIBCS for part in ("--platform", f"manylinux_{glibc}_{processor}")]
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(  # noqa: S603 - our own arguments, and the user's own pip
            [
                sys.executable, "-m", "pip", "install", "--dry-run", "--quiet", "--no-input", "--no-deps",
                "--disable-pip-version-check", "--ignore-requires-python", "--ignore-installed", "--target", folder,
                "--only-binary", ":all:", "--implementation", "cp", "--python-version", python,
                *platforms, *requirements,
            ],
            capture_output=True,
            text=True,
            check=False,
        )  # fmt: skip
    errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
    return "; ".join(errors) or done.stderr if done.returncode else ""


def main(names: list[str]) -> int:
    """Print one line for each file, Python and processor; return the exit code."""
    failed = False
    for name in names or ["run", "edgetpu", "blazeface", "rtsp", "gpu", "openvino", "mediapipe"]:
        for python in PYTHONS:
            for processor in PROCESSORS:
                path = Path(__file__).with_name(f"{name}.txt")
                wanted = pinned(path, python, processor)
                missing = complaint(wanted, python, processor)
                failed |= bool(missing)
                said = missing or f"all {len(wanted)} are there"
                print(f"{name} {python} {processor}: {said}", flush=True)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
