"""HTML in which everything is escaped that is not markup of ours. Pure."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

EMPTY: Final = frozenset({"base", "img", "link", "meta"})
"""Elements that have no end."""


class Markup(str):
    """HTML that is safe as it is."""

    __slots__ = ()


def tag(element: str, /, *content: str, **attributes: object) -> Markup:
    """Return an element. `class_` means class, `data_part` data-part; False or None leaves an attribute out."""
    said = "".join(_attribute(key, value) for key, value in attributes.items() if value not in {None, False})
    if element in EMPTY:
        return Markup(f"<{element}{said}>")
    return Markup(f"<{element}{said}>{join(content)}</{element}>")


def join(parts: Iterable[str]) -> Markup:
    """Return parts one after the other; those that are no markup are escaped."""
    return Markup("".join(part if isinstance(part, Markup) else html.escape(part) for part in parts))


def _attribute(key: str, value: object) -> str:
    name = key.rstrip("_").replace("_", "-")
    return f" {name}" if value is True else f' {name}="{html.escape(str(value))}"'
