"""YuNet-n on an Intel GPU or NPU, through OpenVINO; its CPU device runs the same code.

OpenVINO's device names are those of its documentation: CPU, GPU, GPU.1, NPU. Never tested on a real GPU or NPU: see
docs/models.md.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

from edge_agent.detectors.letterbox import fit
from edge_agent.detectors.yunet import STRIDES, YuNet
from edge_agent.errors import DetectorUnavailableError
from edge_agent.reasons import UnavailableReason

# OpenVINO reports to its vendor that it is imported, unless this package is missing. This agent sends data only to the
# broker.
sys.modules["openvino_telemetry"] = None  # type: ignore[assignment] # its import then fails

import openvino  # noqa: E402 - after the above
from openvino import properties  # noqa: E402
from openvino.properties import hint  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    import numpy.typing as npt

    from edge_agent.detectors.letterbox import Letterbox
    from edge_agent.wire import DetectorChoice

    FloatArray = npt.NDArray[np.float32]

AUTO: Final = "AUTO"
"""The first GPU or NPU. OpenVINO's own AUTO would choose the CPU too, which onnxruntime serves with less memory."""
CPU: Final = "CPU"
KINDS: Final = ("GPU", "NPU")
"""Best first."""
TRACE: Final = ("Exception from ", "Check '")
"""Lines of an error's text that name places in OpenVINO's source."""


class OpenVinoYuNet(YuNet):
    """Runs YuNet on the device that the choice names."""

    strategy = "openvino"

    def _fit(self, image: npt.NDArray[np.uint8]) -> Letterbox:
        height, width = image.shape[:2]
        return fit(width, height, side=self.side, multiple=self.side if self.network.is_square else STRIDES[-1])

    def _session(self, choice: DetectorChoice) -> Session:
        core = openvino.Core()
        return Session(core, choice.path, find_device(choice.device, core.available_devices), side=self.side)


class Session:
    """The compiled network, with the method of an onnxruntime session that YuNet calls.

    Only the CPU takes pictures of any shape: a GPU compiles each shape anew, for seconds, and an NPU supports one.
    """

    def __init__(self, core: openvino.Core, path: str, device: str, *, side: int) -> None:
        self.is_square = device != CPU
        options: dict[str, Any] = {hint.performance_mode: hint.PerformanceMode.LATENCY}
        if not self.is_square:  # one core, chosen by the kernel: the others are for other workers
            options |= {properties.inference_num_threads: 1, hint.enable_cpu_pinning: False}
        try:
            model = core.read_model(path)
            if self.is_square:
                model.reshape([1, 3, side, side])
            self._request = core.compile_model(model, device, options).create_infer_request()
        except RuntimeError as error:
            detail = f"{device}: {sentence_of(error)}"
            raise DetectorUnavailableError(UnavailableReason.DEVICE_UNUSABLE, detail) from error

    def run(self, names: Sequence[str], inputs: Mapping[str, FloatArray]) -> list[FloatArray]:
        """Return the outputs of these names; the next call reuses their memory."""
        self._request.infer(inputs, share_inputs=True, share_outputs=True)
        return [self._request.get_tensor(name).data for name in names]


def find_device(wanted: str, available: Sequence[str]) -> str:
    """Return the device to use of those that OpenVINO finds; raise DetectorUnavailableError if it is not there."""
    if wanted == AUTO:
        found = [name for kind in KINDS for name in available if name.startswith(kind)]
    else:
        found = [wanted for name in available if name.partition(".")[0] == wanted or name == wanted]
    if not found:
        raise DetectorUnavailableError(
            UnavailableReason.DEVICE_MISSING, "Intel GPU or NPU" if wanted == AUTO else f"device {wanted}"
        )
    return found[0]


def sentence_of(error: RuntimeError) -> str:
    """Return an error's text in one line, without places in OpenVINO's source."""
    lines = [line.strip() for line in str(error).splitlines()]
    return " ".join(line for line in lines if line and not line.startswith(TRACE)) or type(error).__name__
