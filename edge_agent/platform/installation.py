"""How this installation was made, and how to add an extra of pyproject.toml to it: from pinned files."""

from __future__ import annotations

import platform
import sys
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

PACKAGE: Final = Path(__file__).resolve().parent.parent
MARK: Final = "made_by"
"""The file in the package in which a Dockerfile names what it builds."""


class Extra(StrEnum):
    """An extra: its name in pyproject.toml and of its file in requirements/."""

    BLAZEFACE = "blazeface"
    DEMO = "demo"
    EDGETPU = "edgetpu"
    GPU = "gpu"
    MEDIAPIPE = "mediapipe"
    OPENVINO = "openvino"
    RTSP = "rtsp"


ONLY_X86: Final = {
    Extra.GPU: "no package of onnxruntime with CUDA exists",
    Extra.OPENVINO: "OpenVINO has no GPU or NPU",
}
"""Extras for x86_64 alone, and why."""


class Maker(StrEnum):
    """What made an installation; the Dockerfiles write `image` and `app`."""

    MAKE = "make"
    PIP = "pip"
    IMAGE = "image"
    APP = "app"


@dataclass(frozen=True, slots=True)
class Installation:
    """Its maker, its Python, the folder of its requirement files, and the checkout (for `make`; '': here)."""

    maker: Maker
    python: Path
    requirements: Path
    checkout: str = ""
    machine: str = "x86_64"


def add_instruction(extra: Extra) -> str:
    """Return the instruction for adding an extra to this installation."""
    return advice(extra, read_installation())


def advice(extra: Extra, made: Installation) -> str:
    """Return the instruction for adding an extra to an installation."""
    if refusal := _refusal(extra, made):
        return refusal
    match made.maker:
        case Maker.MAKE:
            folder = f" -C {made.checkout}" if made.checkout else ""
            return f"run `make{folder} run EXTRAS={extra}`"
        case Maker.IMAGE:
            return f"build the image with `make image EXTRAS={extra}`"
        case Maker.APP:
            return f"build the app with `make app EXTRAS={extra}`"
        case Maker.PIP:
            return f"run `{_pip_command(extra, made)}`"


def _refusal(extra: Extra, made: Installation) -> str:
    """Return why an installation cannot have an extra, and what to do instead, or ''."""
    if extra in ONLY_X86 and made.machine != "x86_64":
        return f"use another machine: {ONLY_X86[extra]} for {made.machine}"
    if extra is Extra.MEDIAPIPE and made.maker in {Maker.IMAGE, Maker.APP}:
        return "use blazeface: the images do not support mediapipe, which has the same network"
    if extra in {Extra.GPU, Extra.DEMO} and made.maker is Maker.APP:
        return f"run the agent outside Home Assistant: the app does not support {extra}"
    return ""


def _pip_command(extra: Extra, made: Installation) -> str:
    pip = f"{made.python} -m pip"
    # both packages contain the same files
    first = f"{pip} uninstall --yes onnxruntime && " if extra is Extra.GPU else ""
    alone = "--no-deps " if extra is Extra.MEDIAPIPE else ""  # it wants another build of OpenCV
    return f"{first}{pip} install {alone}--require-hashes --requirement {made.requirements / f'{extra}.txt'}"


def read_installation(
    package: Path = PACKAGE, prefix: Path = Path(sys.prefix), here: Path | None = None
) -> Installation:
    """Return how the package in a folder, run by the Python of `prefix` in the folder `here`, was installed."""
    python, machine, root = prefix / "bin" / "python", platform.machine(), package.parent
    mark = package / MARK
    if mark.is_file():
        maker = Maker(mark.read_text(encoding="ascii").strip())
        return Installation(maker, python, package / "requirements", machine=machine)
    if not (root / "requirements" / "install").is_file():
        return Installation(Maker.PIP, python, package / "requirements", machine=machine)
    maker = Maker.MAKE if prefix.resolve() == (root / ".venv").resolve() else Maker.PIP
    checkout = "" if (here or Path.cwd()) == root else str(root)
    return Installation(maker, python, root / "requirements", checkout, machine)
