"""HTML with everything escaped except our own markup. Pure."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

EMPTY: Final = frozenset({"base", "img", "input", "link", "meta"})
"""Elements without an end tag."""


class Markup(str):
    """HTML that needs no escaping."""

    __slots__ = ()


def tag(element: str, /, *content: str, **attributes: object) -> Markup:
    """Return an element. `class_` means class, `data_part` data-part; False or None omits an attribute."""
    said = "".join(_attribute(key, value) for key, value in attributes.items() if value not in {None, False})
    if element in EMPTY:
        return Markup(f"<{element}{said}>")
    return Markup(f"<{element}{said}>{join(content)}</{element}>")


def join(parts: Iterable[str]) -> Markup:
    """Return the concatenated parts; text that is not Markup is escaped."""
    return Markup("".join(part if isinstance(part, Markup) else html.escape(part) for part in parts))


def _attribute(key: str, value: object) -> str:
    name = key.rstrip("_").replace("_", "-")
    return f" {name}" if value is True else f' {name}="{html.escape(str(value))}"'
