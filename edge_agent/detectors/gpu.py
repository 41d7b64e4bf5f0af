"""YuNet-n on a GPU, through onnxruntime's CUDA or TensorRT provider."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import onnxruntime

from edge_agent.detectors.yunet import YuNet, session_options
from edge_agent.errors import DetectorUnavailableError

if TYPE_CHECKING:
    from edge_agent.wire import DetectorChoice

WITH_DEVICES: Final = frozenset({"CUDAExecutionProvider", "TensorrtExecutionProvider"})


class GpuYuNet(YuNet):
    """Finds what YuNet finds, on the GPU whose number the choice names."""

    strategy = "gpu"

    def _session(self, choice: DetectorChoice) -> onnxruntime.InferenceSession:
        provider = choice.options["provider"]
        if hasattr(onnxruntime, "preload_dlls"):
            onnxruntime.preload_dlls()  # finds CUDA where pip brought it
        if provider not in onnxruntime.get_available_providers():
            message = f"the installed onnxruntime has no {provider}: `pip install 'edge-agent[gpu]'` brings one"
            raise DetectorUnavailableError(message)
        device = {"device_id": choice.device} if provider in WITH_DEVICES else {}
        session = onnxruntime.InferenceSession(choice.path, session_options(), providers=[(provider, device)])
        used = session.get_providers()[0]
        if used != provider:
            message = f"onnxruntime could not use {provider} on GPU {choice.device} and took {used} instead"
            raise DetectorUnavailableError(message)
        return session
