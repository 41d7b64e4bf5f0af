"""Which detectors there are. To add one: write its file and add its line here."""

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
    ("cpu", "yunet_n"): "edge_agent.detectors.yunet:YuNet",
    ("cpu", "yunet_opencv"): "edge_agent.detectors.yunet_opencv:OpenCvYuNet",
    ("cpu", "blazeface"): "edge_agent.detectors.blazeface:BlazeFace",
    ("cpu", "centerface"): "edge_agent.detectors.centerface:CenterFace",
    ("mock", "script"): "edge_agent.detectors.mock:ScriptedDetector",
}
"""(strategy, model) -> where its class is; imported when it is asked for, since each brings a library of its own."""


def load(choice: DetectorChoice) -> Detector:
    """Load a detector; raise DetectorUnavailableError, with the reason, where it cannot run."""
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
    except Exception as error:  # what a model file or a driver makes a library raise is anybody's guess
        detail = f"{type(error).__name__}: {error}"
        raise DetectorUnavailableError(UnavailableReason.LOAD_FAILED, detail) from error
    return detector
