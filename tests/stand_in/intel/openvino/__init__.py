"""A fake OpenVINO with one Intel GPU: as much of the package as the agent uses, in the place of the real one.

The GPU never finds a face. A file beside this package selects its behaviour; `IntelGpu.does` writes it.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

FOREVER_S: Final = 3600
VALUES: Final = {"cls": 1, "obj": 1, "bbox": 4, "kps": 10}
"""Values per cell of each kind of output."""


class Tensor:
    """An output: zeros, so no cell has a face."""

    def __init__(self, name: str, side: int) -> None:
        kind, stride = name.split("_")
        self.data = np.zeros((1, (side // int(stride)) ** 2, VALUES[kind]), np.float32)


class InferRequest:
    """Acts as it is told each time that it is used."""

    def __init__(self, side: int) -> None:
        self._side = side

    def infer(self, inputs: Mapping[str, Any], **_: bool) -> None:
        _act()
        assert inputs["input"].shape == (1, 3, self._side, self._side)

    def get_tensor(self, name: str) -> Tensor:
        return Tensor(name, self._side)


class CompiledModel:
    """A model of one shape."""

    def __init__(self, side: int) -> None:
        self._side = side

    def create_infer_request(self) -> InferRequest:
        return InferRequest(self._side)


class Model:
    """A model of any shape, until it gets one."""

    side = 0

    def reshape(self, shape: list[int]) -> None:
        self.side = shape[-1]


class Core:
    """Finds the GPU, if it is there."""

    def __init__(self) -> None:
        match _told():
            case "hang_load":
                time.sleep(FOREVER_S)
            case "crash_load":
                os.abort()
        self.available_devices = ["CPU"] if _told() == "no_device" else ["CPU", "GPU"]

    def read_model(self, path: str) -> Model:
        assert Path(path).stat().st_size
        return Model()

    def compile_model(self, model: Model, device: str, _: Mapping[str, Any]) -> CompiledModel:
        assert device == "GPU"
        return CompiledModel(model.side)


def _told() -> str:
    return (Path(__file__).parents[1] / "act").read_text(encoding="ascii")


def _act() -> None:
    match _told():
        case "no_device" | "error":
            message = "Exception from src/inference/src/cpp/infer_request.cpp:224:\nthe stand-in was told to fail\n\n"
            raise RuntimeError(message)
        case "hang":
            time.sleep(FOREVER_S)
        case "crash":
            os.abort()
