"""The live table: it fits into 80 columns, and rows do not move it."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from rich.console import Console

from edge_agent.cli.event_table import PLAIN, EventTable, to_line, to_row, widths
from edge_agent.wire import FailureReason

EVENT_TYPES = ("face", "no_face", "failed")


def event(kind: str = "faces", doorbell: str = "front", **values: Any) -> tuple[str, bytes]:
    default = {"doorbell": doorbell, "published_at": "2026-01-02T12:00:00Z", "age_ms": 12, "trigger": "continuous"}
    return f"doorbell/{doorbell}/{kind}", json.dumps(default | values).encode()


def everything() -> list[tuple[str, bytes]]:
    """Return every kind of event, with the agent's longest words."""
    faces = [{"confidence": 0.97}] * 3
    return [
        event("ring", event_type="ring"),
        event(outcome="face", trigger="motion", faces=faces, timing_ms={"total": 7.2}),
        event(outcome="no_face"),
        *(event(outcome="failed", reason=reason.value) for reason in FailureReason),
        *(event("answer", event_type=each, faces=1, confidence=0.5, trigger="") for each in EVENT_TYPES),
        *(event("visit", event_type=each, people=2, confidence=0.9) for each in
          ("face_appeared", "face_updated", "face_left")),
        event(outcome="face", age_ms=10**9, faces=[{"confidence": 0.5}] * 9),
        event(doorbell="the-door-at-the-very-end-of-the-garden", outcome="no_face", age_ms=-(10**9)),
    ]  # fmt: skip


def shown(messages: list[tuple[str, bytes]], width: int, **options: Any) -> list[str]:
    """Return the lines of a terminal that shows the messages."""
    console = Console(file=io.StringIO(), width=width, force_terminal=True, **{"height": 40, **options})
    table = EventTable()
    for topic, payload in messages:
        row = to_row(topic, payload)
        assert row is not None
        table.add(row)
    console.print(table)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


def plain(messages: list[tuple[str, bytes]], width: int) -> list[str]:
    return shown(messages, width, color_system=None)


@pytest.mark.parametrize("width", [80, 120])
def test_words_are_never_cut_and_lines_fit_the_terminal(width: int) -> None:
    for message in everything():
        head, row = plain([message], width)
        assert len(row) <= width
        assert head.split() == ["time", "doorbell", "event", "trigger", "faces", "confidence", "ms"]
        assert row[:8].count(":") == 2
        without_name = row[:10] + row[10 + widths(width)[1] :]
        assert "…" not in without_name
    words = " ".join("\n".join(plain([message], width)) for message in everything())
    for word in ("continuous", "answer: no_face", "visit: appeared", "detector_error", "motion", "quarantined"):
        assert word in words


def test_columns_never_move() -> None:
    for width in (80, 120):
        columns = widths(width)
        starts = [sum(columns[:number]) + 2 * number for number in range(len(columns))]
        heads = plain([], width)[0]
        for message in everything():
            head, row = plain([message], width)
            assert head == heads
            assert all(row[start - 2 : start] == "  " for start in starts[1:])


def test_a_wide_terminal_is_filled() -> None:
    name = "the-door-at-the-very-end-of-the-garden"
    long = event(doorbell=name, outcome="face", faces=[{"confidence": 0.97}] * 4)
    assert "the-door-…" in plain([long], 80)[1]
    assert name in plain([long], 120)[1]
    assert "0.97 0.97 0.97  " in plain([long], 120)[1]


def test_milliseconds_are_always_shown() -> None:
    for message in everything():
        assert plain([message], 80)[1].split()[-1].lstrip(">-").isdigit()


def test_a_name_in_wide_characters_moves_no_column() -> None:
    topic, payload = event(doorbell="玄関玄関玄関玄関", outcome="no_face")
    row = to_row(topic, payload)
    assert row is not None
    console = Console(width=80)
    before = to_line(row, widths(80)).partition("faces:")[0]
    assert console.render_str(before).cell_len == 8 + 2 + 10 + 2


def test_colours_are_readable_on_white_and_optional() -> None:
    coloured = "\n".join("\n".join(shown([each], 80, color_system="truecolor")) for each in everything())
    assert "\x1b[31m" in coloured
    for code in ("33", "93", "37", "97"):  # yellow and white, ECMA-48 8.3.117
        assert f"[{code}m" not in coloured
        assert f";{code}m" not in coloured


def test_no_color_is_respected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    lines = shown([event(outcome="failed", reason="timeout")], 80, color_system="truecolor")
    assert "\x1b[31m" not in "\n".join(lines)


@pytest.mark.parametrize(("height", "rows"), [(40, 16), (24, 12), (10, 4)])
def test_the_newest_rows_fit_the_terminal(height: int, rows: int) -> None:
    messages = [event(doorbell=f"door-{number}", outcome="no_face") for number in range(30)]
    _, *lines = shown(messages, 80, height=height, color_system=None)
    assert [line.split()[1] for line in lines] == [f"door-{number}" for number in range(30 - rows, 30)]


def test_lines_for_files_have_no_trailing_blanks() -> None:
    row = to_row(*event("ring", event_type="ring"))
    assert row is not None
    line = to_line(row, PLAIN)
    assert line == line.rstrip()
    assert line.split()[1:] == ["front", "ring", "continuous", "12"]
