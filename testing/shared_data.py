"""Test data that is too large for the project, or belongs to others."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final, NoReturn

import pytest

FOLDER_VARIABLE: Final = "EDGE_AGENT_TEST_SHARED"
PROJECT: Final = Path(__file__).resolve().parents[1]


def shared(*parts: str) -> Path:
    """Return a path in the shared test data; if it is missing, skip the test, or fail under CI."""
    folder = Path(os.environ.get(FOLDER_VARIABLE, PROJECT.parent / "shared"))
    path = folder.joinpath(*parts)
    if not path.exists():
        what = path if folder.exists() else folder
        missing(f"the test data {what} is missing; {FOLDER_VARIABLE} names its folder")
    return path


def missing(what: str) -> NoReturn:
    """Skip the test because something is missing; fail it under CI, where everything must exist."""
    if os.environ.get("CI") == "true":
        pytest.fail(what)
    pytest.skip(what)
