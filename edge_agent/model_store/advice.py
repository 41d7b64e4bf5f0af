"""What a person does about a detector that is unavailable."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from edge_agent.installation import Extra, how_to_add
from edge_agent.model import AUTO
from edge_agent.program_name import command
from edge_agent.reasons import UNAVAILABLE

if TYPE_CHECKING:
    from edge_agent.reasons import DetectorFault

FIRST_MODEL: Final = "yunet_n"
MODEL_FILES: Final = {AUTO: FIRST_MODEL, "yunet_opencv": "yunet_n_640", "blazeface": "blazeface_full_range"}
"""What `detection.cpu_model` says where it is not the name of the model's file."""
ONLY_MODELS: Final = {"edgetpu": "ssd_mobilenet_v2_edgetpu", "gpu": FIRST_MODEL}
"""The model file of a strategy that has one alone."""
EXTRAS: Final = {
    ("edgetpu", ""): Extra.EDGETPU,
    ("gpu", ""): Extra.GPU,
    ("cpu", "blazeface"): Extra.BLAZEFACE,
}
"""The extra that a strategy needs, or that a model of it does."""
AGAIN: Final = "install edge-agent again: docs/install.md"


def advice_for(fault: DetectorFault, strategy: str, model: str = "") -> str:
    """Return what to do about a detector of a strategy; `model` where it is known."""
    extra = EXTRAS.get((strategy, "")) or EXTRAS.get((strategy, model))
    return UNAVAILABLE[fault.reason].advice.format(
        add=how_to_add(extra) if extra else AGAIN,
        model=ONLY_MODELS.get(strategy) or MODEL_FILES.get(model, model or FIRST_MODEL),
        program=command(),
    )


def explain(fault: DetectorFault, strategy: str, model: str = "") -> str:
    """Return the reason with what to do about it."""
    return f"{fault.text}; {advice_for(fault, strategy, model)}"
