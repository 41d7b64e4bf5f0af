"""Which detectors the workers are to try, each with its verified model file."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final, NamedTuple

from edge_agent.errors import DetectorUnavailableError, EdgeAgentError, ModelUnavailableError
from edge_agent.wire import DetectorChoice

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from edge_agent.model_store.store import ModelStore

log = logging.getLogger(__name__)

AUTO: Final = "auto"
FIRST_MODEL: Final = "yunet_n"
SECOND_MODEL: Final = "centerface"
"""As accurate and ten times slower, but it arrives where the package index is all that can be reached."""


class CpuModel(NamedTuple):
    """The model of the cpu strategy; `note` says why it is not the first choice, if it is not."""

    name: str
    path: Path
    note: str = ""


def choose_cpu_model(setting: str, store: ModelStore) -> CpuModel:
    """Return the model that `setting` names, or for `auto` the best one to be had; raise ModelUnavailableError."""
    if setting != AUTO:
        return CpuModel(setting, store.resolve(setting))
    try:
        return CpuModel(FIRST_MODEL, store.resolve(FIRST_MODEL))
    except ModelUnavailableError as error:
        first = str(error)
    try:
        path = store.resolve(SECOND_MODEL)
    except ModelUnavailableError as error:
        message = f"{first}. Its substitute is missing too: {error}"
        raise ModelUnavailableError(message) from error
    note = f"{SECOND_MODEL} is used, as accurate as {FIRST_MODEL} but about ten times slower: {first}"
    log.warning("%s", note)
    return CpuModel(SECOND_MODEL, path, note)


def detector_choices(
    strategies: Sequence[str], cpu_model: str, store: ModelStore, *, script: str = ""
) -> tuple[DetectorChoice, ...]:
    """Return the detectors of `strategies` that can be had, in that order; raise EdgeAgentError if there is none.

    `script` is what the strategy mock plays. Every strategy that is left out is logged with its reason.
    """
    finders: dict[str, Callable[[], DetectorChoice]] = {
        "cpu": lambda: _cpu(cpu_model, store),
        "mock": lambda: DetectorChoice("mock", "script", script),
    }
    choices: list[DetectorChoice] = []
    reasons: list[str] = []
    for strategy in strategies:
        try:
            choices.append(finders.get(strategy, _none)())
        except EdgeAgentError as error:
            reasons.append(f"the strategy {strategy} cannot be used: {error}")
    if not choices:
        raise DetectorUnavailableError("; ".join(reasons))
    for reason in reasons:
        log.warning("%s", reason)
    return tuple(choices)


def _cpu(setting: str, store: ModelStore) -> DetectorChoice:
    model = choose_cpu_model(setting, store)
    return DetectorChoice("cpu", model.name, str(model.path))


def _none() -> DetectorChoice:
    message = "this version has no detector for it"
    raise DetectorUnavailableError(message)
