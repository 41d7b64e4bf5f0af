"""The settings of other publishers."""

from __future__ import annotations

import json
import re
from typing import Annotated, Final, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from edge_agent.settings.section import LONGEST_NAME, Section, fits, split_list

NAMED_LEVEL: Final = "{doorbell}"
PATH_WORDS: Final = "use the names of keys, with dots between them, such as event.type"
TOPIC_WORDS: Final = "use a topic without + and #, and without / at its ends"
_TOPICS: Final = ("frame", "frame_time", "press", "press_time", "availability")

Path = Annotated[str, fits(r"[^\s.\x00-\x1f\x7f]+(\.[^\s.\x00-\x1f\x7f]+)*|", PATH_WORDS)]
PresetName = Literal[
    "ring-mqtt",
    "wyze-bridge",
    "frigate",
    "amcrest2mqtt",
    "homebridge-unifi-protect",
    "blue-iris",
    "dahua-vto",
    "hikvision",
    "esp32-cam",
]


_TRUE: Final = ("true", "on", "ON")
_FALSE: Final = ("false", "off", "OFF")


def _texts(value: object) -> object:
    """Return one value or several as texts: YAML reads an unquoted `on` as true, and 1 as a number."""
    values = value if isinstance(value, list | tuple) else [value]
    return tuple(text for each in values for text in _spellings(each))


def _spellings(value: object) -> tuple[object, ...]:
    match value:
        case bool():
            return _TRUE if value else _FALSE
        case "" | None:
            return ()
        case _:
            return (_text(value),)


def _text(value: object) -> object:
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int | float) else value


def split_sources(value: object) -> object:
    """Return a list of sources, in which the name of a preset stands for it: `ring-mqtt,frigate`, or JSON."""
    if isinstance(value, str) and value.lstrip().startswith(("[", "{")):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            message = "use the names of presets, with commas between them, or a list as JSON"
            raise ValueError(message) from None
    listed = split_list(value)
    if not isinstance(listed, list | tuple):
        return listed
    return [{"preset": each} if isinstance(each, str) else each for each in listed]


class SourceSettings(Section):
    """Another publisher of pictures or presses."""

    preset: PresetName | None = Field(None, description="Project whose topics are built in")
    base: Annotated[str, fits(r"[^#+/\x00]+(/[^#+/\x00]+)*|", TOPIC_WORDS)] = Field(
        "", description="Base topic of the preset, if it is not the project's default"
    )
    frame: str = Field("", description="Topic of the pictures; the level {doorbell} names the doorbell")
    frame_path: Path = Field("", description="Path of the picture in the JSON, such as data.image; empty: image")
    frame_time: str = Field("", description="Topic that says when the last picture was taken")
    frame_time_path: Path = Field("", description="Path of that time in the JSON; empty: the whole message")
    press: str = Field("", description="Topic of the presses")
    press_payload: Annotated[tuple[str, ...], BeforeValidator(_texts)] = Field(
        (), description="Payloads that mean a press: text, a number, or true (also on and ON); empty: any message"
    )
    press_path: Path = Field(
        "", description="Path of that payload in the JSON, such as event.type; empty: the whole message"
    )
    press_edge: bool = Field(default=False, description="Only the change to such a payload is a press")
    press_time: str = Field("", description="Topic with the time of the last press; only a new time is a press")
    press_time_path: Path = Field(
        "", description="Path of that time in the JSON of `press_time`, or of the press itself"
    )
    availability: str = Field("", description="Topic of the camera's own online or offline")
    snapshot_request: str = Field("", description="Topic where a picture is requested at a press")
    snapshot_payload: Annotated[str, BeforeValidator(_text)] = Field("true", description="Payload of that request")
    doorbell: str = Field("", max_length=128, description="Name of the doorbell, for topics without {doorbell}")
    name: str = Field(
        "",
        max_length=LONGEST_NAME,
        description="Name of `doorbell` in Home Assistant; of {doorbell}, see `doorbells.each.<id>.name`",
    )
    trigger: Literal["motion", "continuous"] = Field(
        "continuous", description="Trigger of pictures that do not belong to a press"
    )

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if message := self._fault():
            raise ValueError(message)
        return self

    def _fault(self) -> str:
        """Return what is wrong with the keys together, or ''."""
        if self.name and not self.doorbell:
            return "`name` needs `doorbell`; for {doorbell} and presets, use doorbells.each.<id>.name"
        if self.preset:
            own = [name for name in (*_TOPICS, "snapshot_request") if getattr(self, name)]
            return f"a preset has its own topics: remove {own[0]}, or the preset" if own else ""
        if self.base:
            return "base belongs to a preset: name one, or write the topics in full"
        if not (self.frame or self.press):
            return "name a preset, a frame topic or a press topic"
        if any(not _fits(getattr(self, name), self.doorbell) for name in _TOPICS if getattr(self, name)):
            return "each topic needs one level {doorbell}, or `doorbell` a name; # cannot be used"
        return ""


def _fits(pattern: str, doorbell: str) -> bool:
    """Return whether a topic names its doorbell in one way, and is a pattern."""
    levels = pattern.split("/")
    plain = all(not re.search(r"[#+{}\x00]", each) or each in {"+", NAMED_LEVEL} for each in levels)
    return plain and bool(doorbell) != (NAMED_LEVEL in levels)
