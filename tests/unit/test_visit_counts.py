"""The visits of today."""

from __future__ import annotations

from datetime import timedelta

from edge_agent.doorbells.visit_counts import VisitCounts
from testing.values import NOON

TODAY = NOON.date()
TOMORROW = TODAY + timedelta(days=1)


def published(counts: VisitCounts, *doorbells: str, day: object = TODAY) -> dict[str, int]:
    found = counts.changed(doorbells, day)  # type: ignore[arg-type]
    assert all(each.retain and each.qos == 1 for each in found)
    return {each.topic: int(each.payload) for each in found}


def test_each_doorbell_begins_with_zero_and_counts_its_visits() -> None:
    counts = VisitCounts(TODAY, {})
    assert published(counts, "front") == {"doorbell/front/visits_today": 0}
    counts.on_visit("front", TODAY)
    counts.on_visit("front", TODAY)
    assert published(counts, "front", "garden") == {"doorbell/front/visits_today": 2, "doorbell/garden/visits_today": 0}
    assert published(counts, "front", "garden") == {}


def test_a_restart_goes_on_with_the_visits_of_the_history() -> None:
    counts = VisitCounts(TODAY, {"front": 4})
    counts.on_visit("front", TODAY)
    assert published(counts, "front") == {"doorbell/front/visits_today": 5}


def test_at_midnight_the_count_begins_again() -> None:
    counts = VisitCounts(TODAY, {"front": 4})
    published(counts, "front")
    assert published(counts, "front", day=TOMORROW) == {"doorbell/front/visits_today": 0}
    counts.on_visit("front", TOMORROW)
    assert published(counts, "front", day=TOMORROW) == {"doorbell/front/visits_today": 1}


def test_a_new_connection_publishes_all_again_and_a_removed_doorbell_begins_anew() -> None:
    counts = VisitCounts(TODAY, {"front": 4})
    published(counts, "front", "garden")
    counts.on_connected()
    assert len(published(counts, "front", "garden")) == 2
    assert published(counts, "garden") == {}
    assert published(counts, "front", "garden") == {"doorbell/front/visits_today": 4}
