"""The advice for an unavailable detector."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from edge_agent.domain import AUTO
from edge_agent.platform.installation import Extra, add_instruction
from edge_agent.platform.program_name import command
from edge_agent.reasons import UNAVAILABLE, UnavailableReason

if TYPE_CHECKING:
    from edge_agent.reasons import DetectorFault

FIRST_MODEL: Final = "yunet_n"
MODEL_FILES: Final = {
    AUTO: FIRST_MODEL,
    "yunet_opencv": "yunet_n_640",
    "blazeface": "blazeface_full_range",
    "mediapipe": "blazeface_full_range",
}
"""Values of `detection.cpu_model` that are not the name of a model file."""
ONLY_MODELS: Final = {"edgetpu": "ssd_mobilenet_v2_edgetpu", "gpu": FIRST_MODEL, "openvino": FIRST_MODEL}
"""The model file of each strategy."""
EXTRAS: Final = {
    ("edgetpu", ""): Extra.EDGETPU,
    ("gpu", ""): Extra.GPU,
    ("openvino", ""): Extra.OPENVINO,
    ("cpu", "blazeface"): Extra.BLAZEFACE,
    ("cpu", "mediapipe"): Extra.MEDIAPIPE,
}
"""The extra that a strategy, or a model of it, needs."""
_DRIVER: Final = "install Intel's driver: docs/models.md#openvino"
ADVICE: Final = {
    ("openvino", UnavailableReason.DEVICE_MISSING): (
        f"{_DRIVER}; add the user to the group render, in a container pass /dev/dri"
    ),
    ("openvino", UnavailableReason.DEVICE_UNUSABLE): _DRIVER,
    ("openvino", UnavailableReason.IMPORT_FAILED): "{add}",
    ("openvino", UnavailableReason.TIMED_OUT): "raise pool.probe_timeout_s: a GPU compiles the model at each start",
    ("openvino", UnavailableReason.CRASHED): "update or remove Intel's driver: docs/models.md#openvino",
}
"""The advice for a strategy, where that of the reason is for others."""
AGAIN: Final = "install edge-agent again: docs/install.md"


def advice_for(fault: DetectorFault, strategy: str, model: str = "") -> str:
    """Return the advice for a detector of a strategy; `model` if it is known."""
    extra = EXTRAS.get((strategy, "")) or EXTRAS.get((strategy, model))
    advice = ADVICE.get((strategy, fault.reason), UNAVAILABLE[fault.reason].advice)
    return advice.format(
        add=add_instruction(extra) if extra else AGAIN,
        model=ONLY_MODELS.get(strategy) or MODEL_FILES.get(model, model or FIRST_MODEL),
        program=command(),
    )


def explain(fault: DetectorFault, strategy: str, model: str = "") -> str:
    """Return the sentence of the reason with its advice."""
    return f"{fault.text}; {advice_for(fault, strategy, model)}"
