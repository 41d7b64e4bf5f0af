"""Which messages of other publishers are presses: by value, by edge, by a time that is new."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from edge_agent.ingest.adapters import Source
from edge_agent.ingest.press_rules import MOST_DOORBELLS, PressRules, is_press, read_time

if TYPE_CHECKING:
    from collections.abc import Sequence

ON, OFF = "ON", "OFF"


@pytest.mark.parametrize(
    ("payload", "wanted", "path", "expected"),
    [
        (b"anything", (), "", True),
        (b"", (), "", True),
        (b"ON", ("ON",), "", True),
        (b"ON\r\n", ("ON",), "", True),
        (b"on", ("ON",), "", False),
        (b'"ON"', ("ON",), "", True),
        (b"ring", ("ringing", "ring"), "", True),
        (b"true", ("true",), "", True),
        (b"True", ("true",), "", True),
        (b"false", ("true",), "", False),
        (b"1", ("true",), "", False),
        (b"1", ("1",), "", True),
        (b"1.0", ("1",), "", True),
        (b"01", ("1",), "", False),
        (b'{"press": true}', ("true",), "press", True),
        (b'{"press": "true"}', ("true",), "press", True),
        (b'{"press": 1}', ("true",), "press", False),
        (b'{"press": true}', ("1",), "press", False),
        (b'{"press": 1.0}', ("1",), "press", True),
        (b'{"press": null}', ("null",), "press", False),
        (b'{"press": [true]}', ("true",), "press.0", True),
        (b'{"action": "single"}', ("single", "double"), "action", True),
        (b'{"action": "hold"}', ("single", "double"), "action", False),
        (b'{"event": {"type": "ring"}}', ("ring",), "event.type", True),
        (b"ring", ("ring",), "event.type", False),
        (b"[" * 5000, ("ring",), "event.type", False),
        (b"\xff\xfe", ("ring",), "", False),
        (b" " * 70_000 + b"ON", ("ON",), "", False),
    ],
)
def test_a_value_means_a_press(payload: bytes, wanted: tuple[str, ...], path: str, expected: bool) -> None:
    source = Source(press="cam/event", press_payload=wanted, press_path=path, doorbell="front")
    assert is_press(source, payload) is expected


@pytest.mark.parametrize(
    ("payload", "path", "expected"),
    [
        (b'{"lastDing": 1767355200}', "lastDing", 1767355200.0),
        (b'{"lastDing": "1767355200.5"}', "lastDing", 1767355200.5),
        (b'{"at": "2026-01-02T12:00:00Z"}', "at", 1767355200.0),
        (b'{"at": "2026-01-02T12:00:00"}', "at", 1767355200.0),
        (b"1767355200\n", "", 1767355200.0),
        (b'{"lastDing": null}', "lastDing", None),
        (b'{"lastDing": true}', "lastDing", None),
        (b'{"lastDing": "none"}', "lastDing", None),
        (b'{"lastDing": 1e999}', "lastDing", None),
        (b'{"lastDing": "nan"}', "lastDing", None),
        (b'{"lastDing": ' + b"9" * 5000 + b"}", "lastDing", None),
        (b"{", "lastDing", None),
        (b"1" * 70_000, "", None),
    ],
)
def test_a_time_is_a_number_or_iso_8601(payload: bytes, path: str, expected: float | None) -> None:
    assert read_time(payload, path) == expected


def _play(rules: PressRules, script: Sequence[tuple[float, str | float]], *, timed: bool = True) -> list[float]:
    """Return when values and times are presses; a value is text, a time a number."""
    found = []
    for now, said in script:
        if isinstance(said, str):
            is_on = said.rstrip("r") == ON
            pressed = rules.on_value("front", is_on=is_on, timed=timed, initial=said.endswith("r"), now=now)
        else:
            pressed = rules.on_time("front", said, repeated=False, initial=False, now=now)
        found += [now] * pressed
    return found


def test_an_edge_is_a_press_and_its_repetition_is_none() -> None:
    script = [(0, OFF), (1, ON), (2, ON), (3, ON), (4, OFF), (5, OFF), (6, ON), (7, ON)]
    assert _play(PressRules({}), script, timed=False) == [1, 6]


@pytest.mark.parametrize(("first", "expected"), [("ONr", []), ("OFFr", [1]), (OFF, [1]), (None, [1])])
def test_a_retained_value_says_how_things_were(first: str | None, expected: list[float]) -> None:
    script: list[tuple[float, str | float]] = [(1, ON), (2, ON)]
    assert _play(PressRules({}), [(0, first), *script] if first else script, timed=False) == expected


DING: Final = 1767355200.0


@pytest.mark.parametrize(
    ("known", "script", "expected"),
    [
        ({"front": DING - 9}, [(1, ON), (1.1, DING)], [1.1]),
        ({"front": DING - 9}, [(1, ON), (1.1, DING), (31, ON), (31.1, DING), (61, ON), (61.1, DING)], [1.1]),
        ({"front": DING - 9}, [(1, ON), (1.1, DING), (60, ON), (60.1, DING + 59), (200, OFF)], [1.1, 60.1]),
        ({"front": DING}, [(1, ON), (1.1, DING), (31, ON), (31.1, DING)], []),  # rung by an earlier run
        ({"front": DING - 9}, [(1, OFF), (1.1, DING)], []),  # missed while the publisher was away
        ({"front": DING - 9}, [(1, OFF), (1.1, DING), (90, ON), (90.1, DING + 89)], [90.1]),
        ({"front": DING - 9}, [(1, DING), (1.1, ON)], [1.1]),  # the time comes first
        ({"front": DING - 9}, [(1, DING), (1.1, ON), (60, DING + 59), (60.1, ON)], [1.1, 60]),
        ({}, [(1, ON), (1.1, DING)], [1]),  # it never sent a time: its value is enough, once
        ({}, [(1, ON), (1.1, DING), (60, ON), (60.1, DING + 59)], [1, 60.1]),
        ({}, [(1, OFF), (1.1, DING), (60, ON), (60.1, DING + 59)], [60.1]),
        ({}, [(1, ON), (31, ON), (200, OFF), (300, ON)], [1, 300]),  # no time at all: by edge
        ({"front": DING}, [(1, ON), (1.1, DING - 100)], []),
    ],
)
def test_a_press_has_a_new_time(
    known: dict[str, float], script: list[tuple[float, str | float]], expected: list[float]
) -> None:
    assert _play(PressRules(known), script) == expected


def test_a_time_that_is_delivered_again_finishes_the_press_of_an_earlier_run() -> None:
    rules = PressRules({"front": DING - 9})
    assert rules.on_time("front", DING, repeated=True, initial=False, now=1)
    assert not rules.on_time("front", DING, repeated=True, initial=False, now=2)
    rules = PressRules({"front": DING - 9})
    rules.on_value("front", is_on=False, timed=True, initial=False, now=1)
    assert not rules.on_time("front", DING, repeated=True, initial=False, now=2)


def test_buttons_are_bounded() -> None:
    rules = PressRules({})
    for number in range(3 * MOST_DOORBELLS):
        rules.on_value(f"{number}", is_on=True, timed=True, initial=False, now=number)
        rules.on_time(f"{number}", number, repeated=False, initial=False, now=number)
    assert len(rules.times) <= MOST_DOORBELLS
