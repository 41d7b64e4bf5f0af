"""Doorbell ids of other publishers' names: any name becomes an id, and different names never the same one. Pure.

The id depends on the name only: it is the same after a restart, and on every agent.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from typing import Final

from edge_agent.topics import is_identifier

LONGEST_START: Final = 48
LONGEST_DISPLAY_NAME: Final = 64
NAMELESS: Final = "doorbell"


def doorbell_id(name: str) -> str:
    """Return the doorbell id of a name: the name itself if it is one, else what is readable of it and a hash."""
    if is_identifier(name):
        return name
    normal = unicodedata.normalize("NFC", name)
    ascii_only = unicodedata.normalize("NFKD", normal).encode("ascii", errors="ignore").decode()
    start = re.sub(r"[^A-Za-z0-9_-]+", "-", ascii_only)[:LONGEST_START].strip("-") or NAMELESS
    digest = hashlib.blake2b(normal.encode(errors="backslashreplace"), digest_size=5).hexdigest()
    return f"{start}-{digest}"


def display_name(name: str) -> str:
    """Return a name as people see it, or '' if the id says the same."""
    if is_identifier(name):
        return ""
    return "".join(each for each in name if each.isprintable())[:LONGEST_DISPLAY_NAME].strip()
