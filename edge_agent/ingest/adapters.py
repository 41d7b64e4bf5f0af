"""Other publishers' topics as doorbells: which they are, and what a message on one of them means. Pure.

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
    """Where a publisher's pictures and presses come from.

    `doorbell` names the doorbell of patterns without a named level. A press is any message on `press`, or where
    `press_payload` is given, one with that payload; with `press_path` (`event.type`), one whose JSON has it there.
    """

    frame: str
    press: str = ""
    press_payload: str = ""
    press_path: str = ""
    doorbell: str = ""
    trigger: Trigger = Trigger.CONTINUOUS

    def filters(self) -> tuple[str, ...]:
        """Return what is to be subscribed."""
        return tuple(pattern.replace(NAMED_LEVEL, "+") for pattern in (self.frame, self.press) if pattern)


@dataclass(frozen=True, slots=True)
class SourceFrame:
    """A picture of a doorbell; `trigger` holds unless the bell was pressed."""

    doorbell: str
    trigger: Trigger


@dataclass(frozen=True, slots=True)
class SourcePress:
    """A bell was pressed."""

    doorbell: str


@dataclass(frozen=True, slots=True)
class SourceOther:
    """A message of a source that says nothing of use: the bell was let go, say."""


PRESETS: Final = {
    "ring-mqtt": Source(
        "ring/+/camera/{doorbell}/snapshot/image", press="ring/+/camera/{doorbell}/ding/state", press_payload="ON"
    ),
    "wyze-bridge": Source("wyzebridge/{doorbell}/image"),
    "frigate": Source("frigate/{doorbell}/person/snapshot", trigger=Trigger.MOTION),
}
"""By the name of the project, as its documentation gives the topics."""


def read_source(
    sources: Iterable[Source], topic: str, payload: bytes
) -> SourceFrame | SourcePress | SourceOther | None:
    """Return what a message means, or None where it is of no source."""
    for source in sources:
        doorbell = match(source.frame, topic, source.doorbell)
        if doorbell:
            return SourceFrame(doorbell, source.trigger)
        doorbell = match(source.press, topic, source.doorbell)
        if doorbell:
            return SourcePress(doorbell) if is_press(source, payload) else SourceOther()
    return None


def match(pattern: str, topic: str, doorbell: str) -> str:
    """Return the doorbell of a topic by a pattern, or '' where it does not match.

    It is the named level, made to fit, or `doorbell` where the pattern has none.
    """
    wanted, given = pattern.split("/"), topic.split("/")
    if not pattern or len(wanted) != len(given):
        return ""
    if any(level not in {"+", NAMED_LEVEL, there} for level, there in zip(wanted, given, strict=True)):
        return ""
    named = [there for level, there in zip(wanted, given, strict=True) if level == NAMED_LEVEL]
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
    return str(_at(value, source.press_path)) == source.press_payload


def _at(value: Any, path: str) -> Any:  # noqa: ANN401 - JSON of others
    """Return what JSON holds at a path like `event.type`, or None."""
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value
