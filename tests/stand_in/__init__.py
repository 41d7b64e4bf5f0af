"""A fake EdgeTPU: a library that TensorFlow Lite loads like libedgetpu, and a model for it.

The library accepts the model's edgetpu-custom-op like libedgetpu, and "detects" one face: the box around the white
area. A file beside it selects its behaviour; `Stick.does` writes it.
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Literal

from testing.programs import program
from tests.stand_in.model import build_model

Act = Literal["work", "no_device", "hang_load", "crash_load", "error", "hang", "crash"]


class Stick:
    """An EdgeTPU that a test plugs in, breaks and unplugs."""

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
        written = self._act.with_suffix(".new")
        written.write_text(act, encoding="ascii")
        written.replace(self._act)
