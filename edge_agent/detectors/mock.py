"""A detector that plays a script: for tests and trial runs, used only if a setting names it."""

from __future__ import annotations

import ctypes
import os
import signal
import time
from typing import TYPE_CHECKING

import msgspec

from edge_agent.errors import DetectorUnavailableError
from edge_agent.reasons import UnavailableReason
from edge_agent.wire import Box, Face

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from edge_agent.wire import DetectorChoice

FOREVER_S = 3600


class Script(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The detector's script.

    Every picture takes `latency_ms` and shows `faces` faces. A picture whose width is in `by_width` runs that act
    instead. `load` runs before the detector is ready. Both name one of `ACTS`.
    """

    latency_ms: float = 0.0
    faces: int = 1
    by_width: dict[str, str] = {}
    load: str = "nothing"


class ScriptedDetector:
    """Returns the faces of its script."""

    strategy = "mock"
    model = "script"
    uses_pixels = False
    side = 640

    def __init__(self, choice: DetectorChoice) -> None:
        try:
            self._script = msgspec.json.decode(choice.path or b"{}", type=Script)
        except msgspec.MsgspecError as error:
            detail = f"its script cannot be read: {error}"
            raise DetectorUnavailableError(UnavailableReason.SETTING_INVALID, detail) from error
        self._leaked: list[bytes] = []
        self._act(self._script.load)

    def detect(self, image: npt.NDArray[np.uint8]) -> list[Face]:
        """Return the scripted faces, side by side in the middle of `image` (height x width x 3)."""
        height, width = image.shape[:2]
        time.sleep(self._script.latency_ms / 1000)
        self._act(self._script.by_width.get(str(width), "nothing"))
        size = max(1, min(height // 3, width // (2 * self._script.faces + 1)))
        return [
            Face(Box((2 * number + 1) * size, height // 3, size, size), 0.9) for number in range(self._script.faces)
        ]

    def _act(self, name: str) -> None:
        match name:
            case "nothing":
                pass
            case "exit":
                os._exit(3)
            case "segfault":
                ctypes.string_at(0)
            case "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            case "stop":
                os.kill(os.getpid(), signal.SIGSTOP)
            case "hang":
                time.sleep(FOREVER_S)
            case "hang_holding_gil":
                ctypes.PyDLL(None).sleep(FOREVER_S)
            case "leak":
                self._leaked.append(b"\1" * (32 << 20))
            case "error":
                message = "the script says so"
                raise RuntimeError(message)
            case _:
                detail = f"its script names {name!r}, which is an unknown act"
                raise DetectorUnavailableError(UnavailableReason.SETTING_INVALID, detail)
