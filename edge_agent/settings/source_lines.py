"""Adds sources to the text of agent.yaml, and leaves everything else in it as it is. Pure."""

from __future__ import annotations

import re
from typing import Any, Final

import yaml

from edge_agent.errors import SettingsError

_HEAD: Final = re.compile(r"^sources:[ \t]*(?P<value>[^#\n]*?)[ \t]*(?P<comment>#[^\n]*)?$", re.MULTILINE)
_ITEM: Final = re.compile(r"\n(?:[ \t]*(?:#[^\n]*)?\n)*(?P<indent>[ ]*)- ")


def source_lines(entries: list[dict[str, Any]], indent: str = "  ") -> str:
    """Return entries of `sources` as lines of YAML."""
    if not entries:
        return ""
    text = yaml.safe_dump(entries, sort_keys=False, allow_unicode=True, default_flow_style=False, width=1000)
    return "".join(f"{indent}{line}\n" for line in text.splitlines())


def with_sources(text: str, entries: list[dict[str, Any]]) -> str:
    """Return the text of agent.yaml with more sources; raise SettingsError if they cannot be added by a program."""
    heads = list(_HEAD.finditer(text))
    if not heads:
        start = f"{text.rstrip()}\n\n" if text.strip() else ""
        return f"{start}sources:\n{source_lines(entries)}"
    head = heads[-1]
    before, after = text[: head.start()], text[head.end() :]
    comment = f"  {head['comment']}" if head["comment"] else ""
    if head["value"] not in {"", "[]", "null", "~"}:
        message = "`sources` is written in one line: write one source per line, or add the lines yourself"
        raise SettingsError(message)
    item = _ITEM.match(after)
    indent = item["indent"] if item and not head["value"] else "  "
    return f"{before}sources:{comment}\n{source_lines(entries, indent)}{after.removeprefix(chr(10))}"
