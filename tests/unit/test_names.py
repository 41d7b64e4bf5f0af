"""Names of other publishers as doorbell ids."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.ingest.adapters import Source, read_source
from edge_agent.ingest.names import display_name, doorbell_id
from edge_agent.topics import is_identifier

DIFFERENT = (
    "Front Door", "front door", "Front-Door", "Front_Door", "Front  Door", "Front/Door", "Haustür", "Haustur",
    "玄関", "玄関 ", "門", "🚪", "a" * 64, "a" * 65, "a" * 66, " ", "-", "Ø", "O",
)  # fmt: skip


def test_different_names_have_different_ids() -> None:
    ids = [doorbell_id(name) for name in DIFFERENT]
    assert len(set(ids)) == len(DIFFERENT)
    assert all(map(is_identifier, ids))


@pytest.mark.parametrize(
    ("name", "expected", "shown"),
    [
        ("front", "front", ""),
        ("9087a1", "9087a1", ""),
        ("Haustür links", "Haustur-links-11b300b7e4", "Haustür links"),
        ("玄関", "doorbell-82888348c4", "玄関"),
        ("House/Gate", "House-Gate-f3cef585d0", "House/Gate"),
        ("a\x07b", "a-b-a85c7a55e8", "ab"),
    ],
)
def test_an_id_is_the_same_in_every_run(name: str, expected: str, shown: str) -> None:
    assert (doorbell_id(name), display_name(name)) == (expected, shown)


def test_both_spellings_of_an_umlaut_are_one_name() -> None:
    assert doorbell_id(unicodedata.normalize("NFD", "Tür")) == doorbell_id(unicodedata.normalize("NFC", "Tür"))


@given(st.text(min_size=1, max_size=200))
def test_any_name_is_an_id(name: str) -> None:
    assert is_identifier(doorbell_id(name))
    assert display_name(name).isprintable()


def test_a_name_of_several_levels_is_one_doorbell() -> None:
    source = Source("cams/{doorbell}/{doorbell}/image")
    found = read_source([source], "cams/House/Gate/image")
    assert found is not None
    assert (found.doorbell, found.display_name) == (doorbell_id("House/Gate"), "House/Gate")
    assert source.filters() == ("cams/+/+/image",)
    assert read_source([source], "cams/Gate/image") is None


def test_the_name_of_a_source_wins() -> None:
    found = read_source([Source("cam", doorbell="front", name="Haustür")], "cam")
    assert found is not None
    assert (found.doorbell, found.display_name) == ("front", "Haustür")
