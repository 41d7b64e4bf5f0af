"""Fake accelerators that a test plugs in, breaks and unplugs. A file selects the behaviour of each; `does` writes it.

The EdgeTPU is a library that TensorFlow Lite loads like libedgetpu, and a model for it. It accepts the model's
edgetpu-custom-op like libedgetpu, and "detects" one face: the box around the white area. The Intel GPU is a package
that takes the place of OpenVINO in new processes.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Literal, Protocol

from edge_agent.wire import DetectorChoice
from testing.programs import program
from testing.shared_data import shared
from tests.stand_in.model import build_model

Act = Literal["work", "no_device", "hang_load", "crash_load", "error", "hang", "crash"]


class Accelerator(Protocol):
    """A fake accelerator."""

    def does(self, act: Act) -> None:
        """Set its behaviour from now on."""
        ...

    def choice(self) -> DetectorChoice:
        """Return the detector that uses it."""
        ...


class Stick:
    """An EdgeTPU."""

    def __init__(self, folder: Path) -> None:
        self.library = folder / "libedgetpu_stand_in.so"
        self.model = folder / "stand_in_edgetpu.tflite"
        self._act = folder / "act"
        self.does("work")
        self.model.write_bytes(build_model())
        compiler = program("gcc")
        source = Path(__file__).with_name("edgetpu.c")
        define = f'-DACT_FILE="{self._act}"'
        subprocess.run([compiler, "-shared", "-fPIC", "-O1", define, "-o", self.library, source, "-lm"], check=True)

    def does(self, act: Act) -> None:
        """Set the device's behaviour from now on."""
        _write(self._act, act)

    def choice(self) -> DetectorChoice:
        """Return the detector that uses it."""
        return DetectorChoice("edgetpu", "ssd_mobilenet_v2", str(self.model), "any", {"library": str(self.library)})


class IntelGpu:
    """An Intel GPU; `package` is the folder to put first on sys.path."""

    def __init__(self, folder: Path) -> None:
        self.package = folder / "packages"
        shutil.copytree(Path(__file__).with_name("intel"), self.package)
        self.does("work")

    def does(self, act: Act) -> None:
        """Set the device's behaviour from now on."""
        _write(self.package / "act", act)

    def choice(self) -> DetectorChoice:
        """Return the detector that uses it."""
        return DetectorChoice("openvino", "yunet_n", str(shared("models", "yunet_n_dynamic.onnx")), "AUTO")


def _write(path: Path, act: Act) -> None:
    written = path.with_suffix(".new")
    written.write_text(act, encoding="ascii")
    written.replace(path)
