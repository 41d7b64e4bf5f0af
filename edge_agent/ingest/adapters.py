"""Adapters: other publishers' topics as doorbells. Pure; presets.py has the known publishers.

In a pattern like `ring/+/camera/{doorbell}/snapshot/image`, the level `{doorbell}` names the doorbell. A name of
several levels (`house/gate`) has several of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING, Final

from edge_agent.domain import Trigger
from edge_agent.ingest.names import display_name, doorbell_id
from edge_agent.topics import NOBODY

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

NAMED_LEVEL: Final = "{doorbell}"


class Role(Enum):
    """What the messages on a topic of a source are."""

    FRAME = auto()
    FRAME_TIME = auto()
    PRESS = auto()
    PRESS_TIME = auto()
    AVAILABILITY = auto()


@dataclass(frozen=True, slots=True)
class Source:
    """The topics of a publisher, and how it says what.

    `doorbell` names the doorbell of patterns without a named level, and `name` is its display name. A picture is the
    payload, or the text at `frame_path` in its JSON; `frame_time` is the topic that says when the last one was taken.

    A press is any message on `press`; with `press_payload`, one with one of these values, at `press_path` in the JSON.
    With `press_edge`, only the change to such a value is a press. With a time (at `press_time_path` in the JSON on
    `press_time`, or in the press itself), only one with a new time is. At a press, the agent publishes
    `snapshot_payload` to `snapshot_request`.
    """

    frame: str = ""
    press: str = ""
    press_payload: tuple[str, ...] = ()
    press_path: str = ""
    doorbell: str = ""
    trigger: Trigger = Trigger.CONTINUOUS
    name: str = ""
    frame_path: str = ""
    frame_time: str = ""
    frame_time_path: str = ""
    press_edge: bool = False
    press_time: str = ""
    press_time_path: str = ""
    availability: str = ""
    snapshot_request: str = ""
    snapshot_payload: str = "true"

    def topics(self) -> Iterator[tuple[Role, str]]:
        """Yield the patterns to subscribe to."""
        patterns = {
            Role.FRAME: self.frame,
            Role.FRAME_TIME: self.frame_time,
            Role.PRESS: self.press,
            Role.PRESS_TIME: self.press_time,
            Role.AVAILABILITY: self.availability,
        }
        return ((role, pattern) for role, pattern in patterns.items() if pattern)

    def filters(self) -> tuple[str, ...]:
        """Return the topic filters to subscribe to."""
        return tuple(pattern.replace(NAMED_LEVEL, "+") for _, pattern in self.topics())

    @property
    def is_timed(self) -> bool:
        """Whether a press has a time."""
        return bool(self.press_time or self.press_time_path)


@dataclass(frozen=True, slots=True)
class SourceMessage:
    """A message of a source: its doorbell, and where the doorbell's picture is requested ('' if it cannot be)."""

    source: Source
    role: Role
    doorbell: str
    display_name: str = ""
    snapshot_request: str = ""

    @property
    def needs_earlier(self) -> bool:
        """Whether it means something only together with earlier messages."""
        if self.role is Role.PRESS:
            return self.source.press_edge or self.source.is_timed
        return self.role is not Role.FRAME


def read_source(sources: Iterable[Source], topic: str) -> SourceMessage | None:
    """Return what a topic is, or None if it belongs to no source."""
    levels = topic.split("/")
    for source in sources:
        for role, pattern in source.topics():
            name = match(pattern, levels, source.doorbell)
            if name:
                shown = source.name or display_name(name)
                request = _fill(source.snapshot_request, pattern, levels) if role is Role.PRESS else ""
                return SourceMessage(source, role, doorbell_id(name), shown, request)
    return None


def match(pattern: str, levels: list[str], doorbell: str) -> str:
    """Return the doorbell's name in a topic by a pattern, or '' if it does not match.

    It is the named levels, or `doorbell` if the pattern has none.
    """
    wanted = pattern.split("/")
    if len(wanted) != len(levels) or NOBODY in levels:
        return ""
    if any(level not in {"+", NAMED_LEVEL, name} for level, name in zip(wanted, levels, strict=True)):
        return ""
    named = [name for level, name in zip(wanted, levels, strict=True) if level == NAMED_LEVEL]
    return "/".join(named) if named else doorbell


def _fill(request: str, pattern: str, levels: list[str]) -> str:
    """Return a request's topic: its named level as in the message, and each `+` as at the same place of the message."""
    named = iter([name for level, name in zip(pattern.split("/"), levels, strict=True) if level == NAMED_LEVEL])
    return "/".join(
        next(named, "") if level == NAMED_LEVEL else levels[place] if level == "+" and place < len(levels) else level
        for place, level in enumerate(request.split("/"))
    )
