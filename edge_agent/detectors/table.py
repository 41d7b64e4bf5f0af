"""The table of detectors. To add one: write its file and add a line here."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

from edge_agent.errors import DetectorUnavailableError
from edge_agent.reasons import UnavailableReason

if TYPE_CHECKING:
    from edge_agent.detectors.base import Detector
    from edge_agent.wire import DetectorChoice

DETECTORS: Final = {
    ("edgetpu", "ssd_mobilenet_v2"): "edge_agent.detectors.edgetpu:EdgeTpu",
    ("gpu", "yunet_n"): "edge_agent.detectors.gpu:GpuYuNet",
    ("openvino", "yunet_n"): "edge_agent.detectors.openvino:OpenVinoYuNet",
    ("cpu", "yunet_n"): "edge_agent.detectors.yunet:YuNet",
    ("cpu", "yunet_opencv"): "edge_agent.detectors.yunet_opencv:OpenCvYuNet",
    ("cpu", "blazeface"): "edge_agent.detectors.blazeface:BlazeFace",
    ("cpu", "mediapipe"): "edge_agent.detectors.mediapipe:MediaPipe",
    ("cpu", "centerface"): "edge_agent.detectors.centerface:CenterFace",
    ("mock", "script"): "edge_agent.detectors.mock:ScriptedDetector",
}
"""(strategy, model) -> its class; imported on demand, since each needs its own library."""


def load(choice: DetectorChoice) -> Detector:
    """Load a detector; raise DetectorUnavailableError, with the reason, if it cannot run."""
    place = DETECTORS.get((choice.strategy, choice.model))
    if place is None:
        detail = f"{choice.model!r} for the strategy {choice.strategy}"
        raise DetectorUnavailableError(UnavailableReason.MODEL_UNKNOWN, detail)
    module, _, name = place.partition(":")
    try:
        detector: Detector = getattr(import_module(module), name)(choice)
    except DetectorUnavailableError:
        raise
    except ModuleNotFoundError as error:
        raise DetectorUnavailableError(UnavailableReason.PACKAGE_MISSING, error.name or str(error)) from error
    except ImportError as error:
        raise DetectorUnavailableError(UnavailableReason.IMPORT_FAILED, str(error)) from error
    except Exception as error:  # a model file or driver can make a library raise anything
        detail = f"{type(error).__name__}: {error}"
        raise DetectorUnavailableError(UnavailableReason.LOAD_FAILED, detail) from error
    return detector
