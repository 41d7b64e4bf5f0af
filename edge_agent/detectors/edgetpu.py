"""SSD MobileNet v2 on a Coral EdgeTPU, through libedgetpu's TensorFlow Lite delegate.

The model ends in TFLite_Detection_PostProcess, which runs on the CPU: boxes 1 x N x 4 (top, left, bottom, right
in 0..1 of the input), classes, scores and the count, all float32. Never tested on a real EdgeTPU: see docs/models.md.
"""

from __future__ import annotations

import contextlib
import ctypes
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import cv2
import numpy as np

from edge_agent.detectors.base import LOWEST_CONFIDENCE
from edge_agent.detectors.boxes import to_faces
from edge_agent.detectors.letterbox import Canvas, fit
from edge_agent.detectors.tflite import Network, runtimes
from edge_agent.errors import DetectorUnavailableError
from edge_agent.reasons import UnavailableReason

if TYPE_CHECKING:
    from types import ModuleType

    import numpy.typing as npt

    from edge_agent.wire import DetectorChoice, Face

ANY: Final = "any"
GOOGLES: Final = "tflite_runtime.interpreter"
RUNTIMES: Final = (GOOGLES, "ai_edge_litert.interpreter")
"""A user who has tflite-runtime chose it for the device: it matches known libraries, and pycoral uses it."""


class EdgeTpu:
    """Finds faces in about 5 ms (published) on the EdgeTPU. The process that creates it holds the device."""

    strategy = "edgetpu"
    model = "ssd_mobilenet_v2"
    uses_pixels = False

    def __init__(self, choice: DetectorChoice) -> None:
        self._network = Network(choice.path, load_interpreter(choice))
        if self._network.input_type is not np.uint8:
            detail = f"{choice.path} is not quantised: its input is {self._network.input_type.__name__}, not uint8"
            raise DetectorUnavailableError(UnavailableReason.MODEL_UNUSABLE, detail)
        self._canvas = Canvas()
        self.side = max(self._network.input_width, self._network.input_height)

    def detect(self, image: npt.NDArray[np.uint8]) -> list[Face]:
        """Return the faces, best first, in pixels of `image` (height x width x 3, uint8, BGR)."""
        height, width = image.shape[:2]
        layout = fit(width, height, side=self.side, multiple=self.side)
        pixels = cv2.cvtColor(self._canvas.draw(image, layout), cv2.COLOR_BGR2RGB)
        boxes, _, scores, count = self._network.run(pixels)
        rows = [row for row in range(int(count[0])) if scores[0, row] >= LOWEST_CONFIDENCE]
        top, left, bottom, right = (boxes[0, rows] * self.side).T
        rectangles = np.stack((left, top, right - left, bottom - top), axis=1)
        no_points = np.zeros((len(rows), 0, 2), np.float32)
        return to_faces(rectangles, no_points, scores[0, rows], image=image, layout=layout, names=())


def load_interpreter(choice: DetectorChoice) -> Any:  # noqa: ANN401 - the interpreter's type is the runtime's own
    """Return the interpreter of the first runtime that works; raise DetectorUnavailableError with the reason."""
    for runtime in runtimes(RUNTIMES):
        with contextlib.suppress(SystemError):  # tflite-runtime 2.14 with numpy 2
            return _interpreter(runtime, choice)
    raise DetectorUnavailableError(UnavailableReason.IMPORT_FAILED, "tflite-runtime does not fit the installed numpy")


def _interpreter(runtime: ModuleType, choice: DetectorChoice) -> Any:  # noqa: ANN401 - likewise
    delegate = load_delegate(runtime, choice.options.get("library", "libedgetpu.so.1"), choice.device)
    if runtime.__name__ == GOOGLES and (pycoral := find_pycoral()):
        return pycoral.make_interpreter(choice.path, delegate=delegate)
    return runtime.Interpreter(choice.path, experimental_delegates=[delegate], num_threads=1)


def find_pycoral() -> ModuleType | None:
    """Return Google's pycoral, if it is installed; the package index has another one of this name, which never runs."""
    found = find_spec("pycoral")
    folders = (found and found.submodule_search_locations) or ()
    is_googles = any((Path(folder) / "utils" / "edgetpu.py").is_file() for folder in folders)
    with contextlib.suppress(ImportError):  # it is of another Python: the runtime alone does the same
        return import_module("pycoral.utils.edgetpu") if is_googles else None
    return None


def load_delegate(runtime: ModuleType, library: str, device: str) -> Any:  # noqa: ANN401 - the delegate's likewise
    """Return libedgetpu's delegate for a device; raise DetectorUnavailableError with the reason."""
    options = {} if device in {"", ANY} else {"device": device}
    try:
        ctypes.CDLL(library)  # load_delegate prints a traceback if it fails
        return runtime.load_delegate(library, options)
    except OSError as error:
        detail = f"{library} cannot be loaded: {error}"
        raise DetectorUnavailableError(UnavailableReason.LIBRARY_MISSING, detail) from error
    except ValueError as error:
        which = "EdgeTPU" if device in {"", ANY} else f"EdgeTPU {device}"
        raise DetectorUnavailableError(UnavailableReason.DEVICE_MISSING, which) from error
