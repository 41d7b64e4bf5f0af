"""Adapters: other publishers' topics as doorbells, and the meaning of their messages. Pure.

In a pattern like `ring/+/camera/{doorbell}/snapshot/image`, the level `{doorbell}` names the doorbell.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import msgspec

from edge_agent.domain import Trigger
from edge_agent.topics import fit_identifier

if TYPE_CHECKING:
    from collections.abc import Iterable

NAMED_LEVEL: Final = "{doorbell}"


@dataclass(frozen=True, slots=True)
class Source:
    """The topics of a publisher's pictures and presses.

    `doorbell` names the doorbell of patterns without a named level. A press is any message on `press`; with
    `press_payload`, one with that payload; with `press_path` (`event.type`), one with that payload at this JSON path.
    """

    frame: str
    press: str = ""
    press_payload: str = ""
    press_path: str = ""
    doorbell: str = ""
    trigger: Trigger = Trigger.CONTINUOUS

    def filters(self) -> tuple[str, ...]:
        """Return the topic filters to subscribe to."""
        return tuple(pattern.replace(NAMED_LEVEL, "+") for pattern in (self.frame, self.press) if pattern)


@dataclass(frozen=True, slots=True)
class SourceFrame:
    """A picture of a doorbell; `trigger` applies unless the doorbell was pressed."""

    doorbell: str
    trigger: Trigger


@dataclass(frozen=True, slots=True)
class SourcePress:
    """A doorbell was pressed."""

    doorbell: str


@dataclass(frozen=True, slots=True)
class SourceOther:
    """A message of a source without a frame or a press, such as the release of the button."""


PRESETS: Final = {
    "ring-mqtt": Source(
        "ring/+/camera/{doorbell}/snapshot/image", press="ring/+/camera/{doorbell}/ding/state", press_payload="ON"
    ),
    "wyze-bridge": Source("wyzebridge/{doorbell}/image"),
    "frigate": Source("frigate/{doorbell}/person/snapshot", trigger=Trigger.MOTION),
}
"""By project name; topics as in its documentation."""


def read_source(
    sources: Iterable[Source], topic: str, payload: bytes
) -> SourceFrame | SourcePress | SourceOther | None:
    """Return the meaning of a message, or None if its topic belongs to no source."""
    for source in sources:
        doorbell = match(source.frame, topic, source.doorbell)
        if doorbell:
            return SourceFrame(doorbell, source.trigger)
        doorbell = match(source.press, topic, source.doorbell)
        if doorbell:
            return SourcePress(doorbell) if is_press(source, payload) else SourceOther()
    return None


def match(pattern: str, topic: str, doorbell: str) -> str:
    """Return the doorbell of a topic by a pattern, or '' if it does not match.

    It is the named level as an identifier, or `doorbell` if the pattern has none.
    """
    pattern_levels, topic_levels = pattern.split("/"), topic.split("/")
    if not pattern or len(pattern_levels) != len(topic_levels):
        return ""
    if any(level not in {"+", NAMED_LEVEL, name} for level, name in zip(pattern_levels, topic_levels, strict=True)):
        return ""
    named = [name for level, name in zip(pattern_levels, topic_levels, strict=True) if level == NAMED_LEVEL]
    return fit_identifier(named[0]) if named else doorbell


def is_press(source: Source, payload: bytes) -> bool:
    """Return whether a message on a press topic is a press."""
    if not source.press_payload:
        return True
    if not source.press_path:
        return payload.decode(errors="replace").strip() == source.press_payload
    try:
        value = msgspec.json.decode(payload)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False
    return str(_json_value(value, source.press_path)) == source.press_payload


def _json_value(value: Any, path: str) -> Any:  # noqa: ANN401 - any JSON value
    """Return the value at a JSON path like `event.type`, or None."""
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value
