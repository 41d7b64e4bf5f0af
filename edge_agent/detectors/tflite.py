"""TensorFlow Lite, from any package that has it: LiteRT, or the older tflite-runtime that matches some libedgetpu."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from edge_agent.errors import DetectorUnavailableError
from edge_agent.reasons import UnavailableReason

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType

    import numpy as np
    import numpy.typing as npt

RUNTIMES: Final = ("ai_edge_litert.interpreter", "tflite_runtime.interpreter")
PACKAGES: Final = ("ai-edge-litert", "tflite-runtime")


def runtime() -> ModuleType:
    """Return the interpreter's module; raise DetectorUnavailableError if there is none."""
    broken: list[str] = []
    for name in RUNTIMES:
        try:
            return import_module(name)
        except ModuleNotFoundError:
            continue
        except ImportError as error:
            broken.append(str(error))
    if broken:
        raise DetectorUnavailableError(UnavailableReason.IMPORT_FAILED, "; ".join(broken))
    raise DetectorUnavailableError(UnavailableReason.PACKAGE_MISSING, " or ".join(PACKAGES))


class Network:
    """A model with one input picture, on one thread or on a delegate."""

    def __init__(self, path: str, delegates: Sequence[Any] = ()) -> None:
        self._interpreter = runtime().Interpreter(path, experimental_delegates=list(delegates) or None, num_threads=1)
        self._interpreter.allocate_tensors()
        (details,) = self._interpreter.get_input_details()
        self._input = details["index"]
        self._outputs = [each["index"] for each in self._interpreter.get_output_details()]
        self.input_type = details["dtype"]
        _, self.input_height, self.input_width, _ = details["shape"].tolist()

    def run(self, pixels: npt.NDArray[Any]) -> list[npt.NDArray[np.float32]]:
        """Return the outputs for a picture (height x width x 3) of the input's type and size."""
        self._interpreter.set_tensor(self._input, pixels[None])
        self._interpreter.invoke()
        return [self._interpreter.get_tensor(index) for index in self._outputs]
