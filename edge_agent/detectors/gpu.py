"""YuNet-n on a GPU, through onnxruntime's CUDA or TensorRT provider."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import cv2
import onnxruntime

from edge_agent.detectors.yunet import OUTPUTS, YuNet, faces_in, session_options
from edge_agent.errors import DetectorUnavailableError
from edge_agent.reasons import UnavailableReason

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import numpy.typing as npt

    from edge_agent.wire import DetectorChoice, Face

WITH_DEVICES: Final = frozenset({"CUDAExecutionProvider", "TensorrtExecutionProvider"})


class GpuYuNet(YuNet):
    """Runs YuNet on the GPU whose number the choice names."""

    strategy = "gpu"
    batch = 8

    def detect_all(self, images: Sequence[npt.NDArray[np.uint8]]) -> list[list[Face]]:
        """Return the faces of each picture; pictures of one shape are processed together."""
        layouts = [self._fit(image) for image in images]
        found: list[list[Face]] = [[] for _ in images]
        for layout in set(layouts):
            members = [number for number, each in enumerate(layouts) if each == layout]
            pixels = [self._canvas.draw(images[number], layout).copy() for number in members]
            outputs = self.network.run(OUTPUTS, {"input": cv2.dnn.blobFromImages(pixels)})
            for row, number in enumerate(members):
                found[number] = faces_in([output[row : row + 1] for output in outputs], layout, images[number])
        return found

    def _session(self, choice: DetectorChoice) -> onnxruntime.InferenceSession:
        provider = choice.options["provider"]
        if hasattr(onnxruntime, "preload_dlls"):
            onnxruntime.preload_dlls()  # find CUDA where pip installed it
        if provider not in onnxruntime.get_available_providers():
            raise DetectorUnavailableError(UnavailableReason.PROVIDER_MISSING, provider)
        device = {"device_id": choice.device} if provider in WITH_DEVICES else {}
        session = onnxruntime.InferenceSession(choice.path, session_options(), providers=[(provider, device)])
        used = session.get_providers()[0]
        if used != provider:
            detail = f"{provider} on GPU {choice.device} and used {used} instead"
            raise DetectorUnavailableError(UnavailableReason.DEVICE_UNUSABLE, detail)
        return session
