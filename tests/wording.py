"""Decisions do not depend on sentences: a test that takes `wording` runs with them as written, and rewritten."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest

from edge_agent import reasons
from edge_agent.doctor import detector_rules, host_rules
from edge_agent.doorbells import failures
from edge_agent.telemetry import problem_codes

if TYPE_CHECKING:
    from collections.abc import MutableMapping

PLACEHOLDER: Final = "#"
TABLES: Final[tuple[MutableMapping[Any, Any], ...]] = (
    reasons.UNAVAILABLE,
    reasons.EXITS,
    reasons.CONNECTION,
    problem_codes.SENTENCES,
    problem_codes.FAILURES,
    failures.SHEDS,
    detector_rules.DEVICE_FAULTS,
    host_rules.FOLDER_FIXES,
    host_rules.PORT_FIXES,
)
"""All tables with a sentence for each member of an enum."""


def rewritten(entry: object) -> object:
    """Return an entry of a table with a placeholder for its sentence."""
    match entry:
        case reasons.Wording():
            return entry._replace(sentence=PLACEHOLDER)
        case _:
            return PLACEHOLDER


@pytest.fixture(params=["as_written", "rewritten"])
def wording(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run the test twice: with the sentences as they are, and with a placeholder in place of each."""
    if request.param == "rewritten":
        for table in TABLES:
            for reason, entry in list(table.items()):
                monkeypatch.setitem(table, reason, rewritten(entry))
