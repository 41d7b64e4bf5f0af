"""Which topics of a broker carry pictures or presses, and which preset reads them. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from edge_agent.errors import ImageError
from edge_agent.ingest.adapters import NAMED_LEVEL, Role, match
from edge_agent.ingest.image_header import read_header
from edge_agent.ingest.payload import is_json, json_value, picture_bytes, picture_of_text, read_json, strip_blanks
from edge_agent.ingest.presets import BASE, PRESETS, Preset
from edge_agent.topics import NOBODY

if TYPE_CHECKING:
    from collections.abc import Iterator

    from edge_agent.domain import ImageHeader

MOST_TOPICS: Final = 2000
LARGEST_BUTTON: Final = 4096
DEEPEST: Final = 4
MOST_VALUES: Final = 200
FEWEST_LITERALS: Final = 2
"""Literal levels that identify a publisher below another base topic."""
_OURS: Final = ("doorbell", "edge_agent", "homeassistant", "$SYS")
_BUTTONS: Final = frozenset({"bell", "button", "call-state", "ding", "doorbell", "invite", "press", "ring"})
_PRESSED: Final = ("on", "true", "1", "pressed", "press", "ring", "ringing", "single", "pulse")
_KEYS: Final = ("action", "event", "state", "Action")
_TEXT_STARTS: Final = ("/9j/", "_9j_", "iVBORw0KGgo", "data:image/")


class Kind(StrEnum):
    """What a topic carries."""

    JPEG = "JPEG"
    PNG = "PNG"
    TEXT = "picture as text"
    JSON = "picture in JSON"
    PRESS = "press"


class Content(NamedTuple):
    """What a payload is: its kind, the size of its picture, and the path of the picture or the press in its JSON."""

    kind: Kind
    width: int = 0
    height: int = 0
    path: str = ""
    value: str = ""


class Fit(NamedTuple):
    """A preset that reads a topic, below another base topic than its default one if `base` is set."""

    preset: str
    base: str = ""


@dataclass(slots=True)
class ObservedTopic:
    """A topic that carries pictures or presses."""

    topic: str
    content: Content
    fit: Fit | None
    messages: int = 0
    live: int = 0
    largest_bytes: int = 0


class Recognizer:
    """What was observed so far, by topic."""

    def __init__(self) -> None:
        self.observed: dict[str, ObservedTopic] = {}

    def take(self, topic: str, payload: bytes, *, retained: bool) -> None:
        """Record a message, if its topic carries pictures or presses."""
        observed = self.observed.get(topic)
        if observed is None:
            observed = self._add(topic, payload)
        if observed is not None:
            observed.messages += 1
            observed.live += not retained
            observed.largest_bytes = max(observed.largest_bytes, len(payload))

    def _add(self, topic: str, payload: bytes) -> ObservedTopic | None:
        levels = topic.split("/")
        if levels[0] in _OURS or NOBODY in levels or len(self.observed) >= MOST_TOPICS:
            return None
        fit, role = find_preset(topic)
        content = picture_content(payload) or (press_content(levels, payload) if role is not Role.FRAME else None)
        if role is Role.PRESS and content is None:
            content = Content(Kind.PRESS)
        if content is None or not topic.isprintable() or any(mark in topic for mark in "{}"):
            return None
        self.observed[topic] = ObservedTopic(topic, content, fit if role in {Role.FRAME, Role.PRESS} else None)
        return self.observed[topic]


def picture_content(payload: bytes) -> Content | None:
    """Return what a payload with a picture is, or None."""
    bare = strip_blanks(payload)
    try:
        if is_json(bare):
            return _in_json(read_json(bare))
        image = picture_bytes(bare)
        header = read_header(image)
    except ImageError:
        return None
    if image is not bare:
        return _of(Kind.TEXT, header)
    return _of(Kind.JPEG if header.format == "jpeg" else Kind.PNG, header)


def press_content(levels: list[str], payload: bytes) -> Content | None:
    """Return what a press is by its topic and its value, or None."""
    if len(payload) > LARGEST_BUTTON or not any(word in _BUTTONS for level in levels for word in _words(level)):
        return None
    bare = strip_blanks(payload)
    if not is_json(bare):
        text = bare.decode(errors="replace")
        return Content(Kind.PRESS, value=text) if text.lower() in _PRESSED else None
    value = read_json(bare)
    for key in _KEYS:
        found = json_value(value, key)
        text = str(found).lower() if isinstance(found, bool) else str(found)
        if found is not None and text.lower() in _PRESSED:
            return Content(Kind.PRESS, path=key, value=text)
    return None


def find_preset(topic: str) -> tuple[Fit | None, Role | None]:
    """Return the preset that reads a topic, and as what."""
    levels = topic.split("/")
    for name, preset in PRESETS.items():
        for role, pattern in _patterns(preset):
            if match(pattern.replace(BASE, preset.base), levels, name):
                return Fit(name), role
    for name, preset in PRESETS.items():
        for role, pattern in _patterns(preset):
            if base := _other_base(pattern, levels):
                return Fit(name, base), role
    return None, None


def source_entry(observed: ObservedTopic) -> dict[str, Any]:
    """Return the lines of agent.yaml that read a topic, as a mapping."""
    if observed.fit is not None:
        return {"preset": observed.fit.preset} | ({"base": observed.fit.base} if observed.fit.base else {})
    content = observed.content
    place = {"doorbell": _name(observed.topic.split("/"))}
    if content.kind is not Kind.PRESS:
        key = {} if content.path in {"", "image"} else {"frame_path": content.path}
        return {"frame": observed.topic, **key, **place}
    value = {"press_payload": content.value} if content.value else {}
    return {"press": observed.topic, **value, **({"press_path": content.path} if content.path else {}), **place}


def source_entries(observed: list[ObservedTopic]) -> list[dict[str, Any]]:
    """Return the entries for all topics, each once: presets first."""
    entries: list[dict[str, Any]] = []
    for each in sorted(observed, key=lambda each: (each.fit is None, each.topic)):
        entry = source_entry(each)
        if entry not in entries:
            entries.append(entry)
    return entries


def _patterns(preset: Preset) -> Iterator[tuple[Role, str]]:
    return ((role, pattern) for source in preset.sources for role, pattern in source.topics())


def _other_base(pattern: str, levels: list[str]) -> str:
    """Return the base below which a pattern matches, or ''; a pattern with few literal levels would match anything."""
    tail = pattern.split("/")[1:]
    literals = [level for level in tail if level not in {"+", NAMED_LEVEL}]
    start = len(levels) - len(tail)
    if len(literals) < FEWEST_LITERALS or start < 1 or not match("/".join(tail), levels[start:], "any"):
        return ""
    return "/".join(levels[:start])


def _in_json(value: Any) -> Content | None:  # noqa: ANN401 - any JSON value
    """Return the first picture in a JSON value."""
    for path, text in _texts(value):
        try:
            header = read_header(picture_of_text(text))
        except ImageError:
            continue
        return _of(Kind.JSON, header, path)
    return None


def _texts(value: Any) -> Iterator[tuple[str, str]]:  # noqa: ANN401 - any JSON value
    """Yield the texts in a JSON value that begin like a picture, with their paths; the nearest first."""
    waiting: list[tuple[str, Any]] = [("", value)]
    for _ in range(MOST_VALUES):
        if not waiting:
            return
        path, each = waiting.pop(0)
        if isinstance(each, str) and each.lstrip().startswith(_TEXT_STARTS):
            yield path, each
        if path.count(".") < DEEPEST:
            waiting += [(f"{path}.{key}".lstrip("."), below) for key, below in _below(each)]


def _below(value: Any) -> Iterator[tuple[str, Any]]:  # noqa: ANN401 - any JSON value
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return ((str(key), below) for key, below in list(pairs)[:MOST_VALUES] if "." not in str(key))


def _of(kind: Kind, header: ImageHeader, path: str = "") -> Content:
    return Content(kind, header.width, header.height, path)


def _words(level: str) -> list[str]:
    lower = level.lower()
    return [lower, *lower.replace("_", " ").replace("-", " ").split()]


def _name(levels: list[str]) -> str:
    """Return the level that probably names the doorbell: the one before the last, or the only one."""
    return levels[-2] if len(levels) > 1 else levels[0]
