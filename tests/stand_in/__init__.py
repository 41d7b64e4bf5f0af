"""A stand-in for a Coral stick: a library that TensorFlow Lite loads as it loads libedgetpu, and a model for it.

The library takes the model's edgetpu-custom-op as libedgetpu does, and "sees" one face: the box around what is white.
A file beside it says what it does next; `Stick.does` writes it.
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Literal

from tests.programs import program
from tests.stand_in.model import build_model

Act = Literal["work", "no_device", "hang_load", "crash_load", "error", "hang", "crash"]


class Stick:
    """A stick that a test plugs in, breaks and pulls out."""

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
        """Have the stick do something from now on."""
        written = self._act.with_suffix(".new")
        written.write_text(act, encoding="ascii")
        written.replace(self._act)
