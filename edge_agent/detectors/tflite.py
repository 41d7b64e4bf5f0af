"""TensorFlow Lite, from any package that has it: LiteRT, or the older tflite-runtime that matches some libedgetpu."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from edge_agent.errors import DetectorUnavailableError
from edge_agent.reasons import UnavailableReason

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import ModuleType

    import numpy as np
    import numpy.typing as npt

RUNTIMES: Final = ("ai_edge_litert.interpreter", "tflite_runtime.interpreter")
PACKAGES: Final = ("ai-edge-litert", "tflite-runtime")


def runtime() -> ModuleType:
    """Return the interpreter's module; raise DetectorUnavailableError if there is none."""
    return next(runtimes(RUNTIMES))


def runtimes(names: Sequence[str]) -> Iterator[ModuleType]:
    """Yield the modules of these names that can be imported; raise DetectorUnavailableError if there is none."""
    broken: list[str] = []
    found = False
    for name in names:
        try:
            module = import_module(name)
        except ModuleNotFoundError:
            continue
        except ImportError as error:
            broken.append(str(error))
            continue
        found = True
        yield module
    if broken and not found:
        raise DetectorUnavailableError(UnavailableReason.IMPORT_FAILED, "; ".join(broken))
    if not found:
        raise DetectorUnavailableError(UnavailableReason.PACKAGE_MISSING, " or ".join(PACKAGES))


class Network:
    """A model with one input picture, on one thread, or in the interpreter of a device."""

    def __init__(self, path: str, interpreter: Any = None) -> None:  # noqa: ANN401 - each runtime has its own type
        self._interpreter = interpreter or runtime().Interpreter(path, num_threads=1)
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
