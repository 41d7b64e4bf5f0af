"""Checks that several values share. Each raises DiscoveryError with `where` in front, or returns nothing."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Final, NoReturn

from ha_discovery.errors import DiscoveryError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

IDENTIFIER: Final = re.compile(r"[a-zA-Z0-9_-]+")
MAX_TOPIC_BYTES: Final = 65_535
"""MQTT 5.0, section 4.7.3."""

_NOT_IN_TOPICS: Final = re.compile(r"[+#\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_ICON: Final = re.compile(r"[a-z0-9-]+:[a-z0-9-]+")


def refuse(where: str, why: str) -> NoReturn:
    """Raise DiscoveryError."""
    message = f"{where}: {why}"
    raise DiscoveryError(message)


def check_identifier(where: str, text: str) -> None:
    """Refuse what cannot stand in a discovery topic."""
    if not IDENTIFIER.fullmatch(text):
        refuse(where, f"{text!r} must be one or more of a-z, A-Z, 0-9, _ and -")


def check_topic(where: str, topic: str | None) -> None:
    """Refuse a missing topic, and one with wildcards or characters that MQTT forbids."""
    if not topic:
        refuse(where, "a topic is required")
    if _NOT_IN_TOPICS.search(topic):
        refuse(where, f"{topic!r} must be a topic without wildcards and control characters")
    if len(topic.encode()) > MAX_TOPIC_BYTES:
        refuse(where, f"a topic has at most {MAX_TOPIC_BYTES} bytes")


def check_topic_filter(where: str, topic_filter: str) -> None:
    """Refuse what cannot be subscribed to: wildcards are fine as whole levels, `#` as the last one."""
    levels = topic_filter.split("/")
    if "#" in levels[:-1]:
        refuse(where, f"{topic_filter!r} has levels after #")
    check_topic(where, "/".join("_" if level in {"+", "#"} else level for level in levels))


def check_optional_topic(where: str, topic: str | None) -> None:
    """Like `check_topic`, but None is fine."""
    if topic is not None:
        check_topic(where, topic)


def check_text(where: str, text: str) -> None:
    """Refuse an empty text."""
    if not text.strip():
        refuse(where, "must not be empty")


def check_icon(where: str, icon: str | None) -> None:
    """Refuse an icon without its set's prefix."""
    if icon is not None and not _ICON.fullmatch(icon):
        refuse(where, f"{icon!r} must look like 'mdi:doorbell'")


def check_one_of(where: str, value: object, allowed: Collection[object]) -> None:
    """Refuse a value that is not among those `allowed`; None is left to the caller's type."""
    if value is not None and value not in allowed:
        refuse(where, f"{value!r} is none of {', '.join(sorted(map(str, allowed)))}")


def check_choices(where: str, choices: Iterable[str]) -> None:
    """Refuse an empty list of choices, and one with the same choice twice."""
    listed = tuple(choices)
    if not listed:
        refuse(where, "must not be empty")
    check_unique(where, listed)


def check_unique(where: str, values: Iterable[object]) -> None:
    """Refuse a value that occurs twice."""
    for value, count in Counter(values).items():
        if count > 1:
            refuse(where, f"{value!r} is there twice")


def check_positive(where: str, number: float | None) -> None:
    """Refuse zero and negative numbers; None is fine."""
    if number is not None and not number > 0:
        refuse(where, f"{number} must be above 0")


def check_qos(where: str, qos: int) -> None:
    """Refuse everything but 0, 1 and 2."""
    check_one_of(f"{where}: qos", qos, (0, 1, 2))


def check_on_off(where: str, on: str, off: str) -> None:
    """Refuse the same payload for on and off."""
    if on == off:
        refuse(where, f"{on!r} cannot mean both on and off")
