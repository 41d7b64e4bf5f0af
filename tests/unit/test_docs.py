"""The documents match the code."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from edge_agent import topics
from edge_agent.capture.camera import CaptureReason, Kind
from edge_agent.domain import DropReason, PressDropReason, ShedReason, SideKey, Trigger
from edge_agent.doorbells.payloads import (
    AnswerPayload,
    DetectorPayload,
    FacesPayload,
    PicturePayload,
    RingPayload,
    StatePayload,
    TimingPayload,
    VisitPayload,
)
from edge_agent.reasons import ConnectError, ExitReason, UnavailableReason
from edge_agent.telemetry.counters import MetricsPayload
from edge_agent.telemetry.error_events import COMPONENTS, ErrorPayload
from edge_agent.telemetry.health import (
    AcceleratorPayload,
    BrokerPayload,
    CameraPayload,
    HealthPayload,
    HostPayload,
    MissingPayload,
    WorkerPayload,
)
from edge_agent.telemetry.histogram import QuantilesPayload
from edge_agent.telemetry.problem_codes import ProblemCode
from edge_agent.telemetry.status import ProblemPayload
from edge_agent.telemetry.timings import STAGES, LatencyPayload
from edge_agent.wire import FailureReason, RejectionReason
from testing.shared_data import PROJECT

if TYPE_CHECKING:
    from pathlib import Path

    import msgspec

MQTT = (PROJECT / "docs" / "mqtt.md").read_text(encoding="utf-8")
WORDS = set(re.findall(r"`([a-z_0-9]+)`", MQTT))
DOCUMENTS = sorted(
    str(path.relative_to(PROJECT))
    for pattern in ("*.md", "docs/*.md", "ha_discovery/*.md", "home_assistant_app/DOCS.md")
    for path in PROJECT.glob(pattern)
)


@pytest.mark.parametrize(
    "payload",
    [
        AcceleratorPayload, AnswerPayload, BrokerPayload, CameraPayload, DetectorPayload, ErrorPayload, FacesPayload,
        HealthPayload, HostPayload, LatencyPayload, MetricsPayload, MissingPayload, ProblemPayload, QuantilesPayload,
        PicturePayload, RingPayload, StatePayload,
        TimingPayload, VisitPayload, WorkerPayload,
    ],
)  # fmt: skip
def test_every_key_is_documented(payload: type[msgspec.Struct]) -> None:
    assert set(payload.__struct_fields__) <= WORDS


def test_every_code_is_documented() -> None:
    words = {reason.value for reason in FailureReason} | {trigger.code for trigger in Trigger}
    words |= {reason.value for reason in ShedReason} | {*STAGES, *ProblemCode, *COMPONENTS.values()}
    words |= {*UnavailableReason, *ExitReason, *ConnectError, *RejectionReason, *DropReason}
    words |= {reason.value for reason in PressDropReason} | {key.value for key in SideKey}
    words |= {reason.value for reason in CaptureReason} | {kind.value for kind in Kind}
    assert words <= WORDS


@pytest.mark.parametrize(
    "topic",
    [
        topics.faces("<id>"), topics.ring("<id>"), topics.answer("<id>"), topics.snapshot("<id>"),
        topics.visit("<id>"), topics.best_face("<id>"), topics.picture("<id>"),
        topics.doorbell_state("<id>"), topics.visits_today("<id>"), topics.doorbell_availability("<id>"),
        topics.frame("<id>"), topics.press("<id>"),
        topics.shared_frame("<id>"),
        topics.agent_availability("<agent>"), topics.health("<agent>"), topics.metrics("<agent>"),
        topics.error("<agent>"),
        *(topics.agent_option_set("<agent>", option) for option in topics.AGENT_OPTIONS),
        *(topics.agent_option("<agent>", option) for option in topics.AGENT_OPTIONS),
        *(topics.doorbell_option_set("<id>", option) for option in topics.DOORBELL_OPTIONS),
        *(topics.doorbell_option("<id>", option) for option in topics.DOORBELL_OPTIONS),
        *(topics.agent_command("<agent>", command) for command in topics.AGENT_COMMANDS),
    ],
)  # fmt: skip
def test_every_topic_is_documented(topic: str) -> None:
    assert f"`{topic}`" in MQTT


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_link_leads_somewhere(document: str) -> None:
    path = PROJECT / document
    for link, anchor in re.findall(r"\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)", path.read_text(encoding="utf-8")):
        target = path.parent / link if link else path
        assert target.exists(), link
        assert not anchor or anchor in _anchors(target), f"{link}#{anchor}"


def test_the_readme_leads_to_every_page() -> None:
    links = set(re.findall(r"\]\(([^)#]+)", (PROJECT / "README.md").read_text(encoding="utf-8")))
    assert set(DOCUMENTS) - {"README.md", "home_assistant_app/DOCS.md"} <= links


def _anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"(?m)^#+ (.+)$", page.read_text(encoding="utf-8"))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", ["docs/security.md", "docs/reliability.md"])
def test_every_test_that_is_named_exists(document: str) -> None:
    named = set(re.findall(r"`(test_\w+)`", (PROJECT / document).read_text(encoding="utf-8")))
    tests = "".join(path.read_text(encoding="utf-8") for path in (PROJECT / "tests").rglob("test_*.py"))
    assert named
    assert {name for name in named if f"def {name}(" not in tests} == set()
