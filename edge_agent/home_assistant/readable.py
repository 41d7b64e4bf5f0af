"""Codes of our messages as Home Assistant shows them, and the templates that translate them. Pure."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from edge_agent.settings.model import LOG_LEVELS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

STRATEGIES: Final = {
    "auto": "Automatic",
    "edgetpu": "EdgeTPU",
    "gpu": "GPU",
    "openvino": "OpenVINO",
    "cpu": "CPU",
    "mock": "Mock",
    "none": "No detector",
}
"""`none` is not called None: Home Assistant reads that as unknown."""
LEVELS: Final[dict[str, str]] = {level: level.capitalize() for level in LOG_LEVELS}
VISIT_EVENTS: Final = {"face_appeared": "Appeared", "face_left": "Left"}
"""The entity is called Face: the logbook has 'Face' with 'Appeared'."""


def named(codes: Iterable[str], names: Mapping[str, str]) -> dict[str, str]:
    """Return the names of some codes, in the order of `names`."""
    chosen = set(codes)
    return {code: name for code, name in names.items() if code in chosen}


def to_name(names: Mapping[str, str], code: str = "value") -> str:
    """Return the template that translates a code; an unlisted one is unknown."""
    return f"{{{{ {_mapping(names)}.get({code}) }}}}"


def to_code(names: Mapping[str, str]) -> str:
    """Return the template that translates a name back."""
    return f"{{{{ {_mapping({name: code for code, name in names.items()})}[value] }}}}"


def with_name(names: Mapping[str, str], key: str) -> str:
    """Return the template that translates the code in a JSON message's key; a message with another code is ignored."""
    named_code = f"{_mapping(names)}.get(value_json.{key})"
    return f"{{{{ dict(value_json, {key}={named_code}) | to_json if {named_code} else '' }}}}"


def _mapping(names: Mapping[str, str]) -> str:
    return json.dumps(dict(names), ensure_ascii=False)
