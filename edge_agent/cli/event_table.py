"""Events as rows for a terminal. Pure: a message in, a row out."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

import msgspec
from rich.text import Text

from edge_agent.cli.palette import ATTENTION, BAD, GOOD, QUIET

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult

ROWS_SHOWN: Final = 16
FEWEST_ROWS: Final = 4
ROOM_ABOVE: Final = 12
"""Lines of a terminal that stay free above the table."""
LONGEST_CELL: Final = 128
GAP: Final = "  "
LONGEST_MS: Final = 99_999
"""A longer time is shown as `>99999`, so that all rows have the same width."""
HEADS: Final = ("time", "doorbell", "event", "trigger", "faces", "confidence", "ms")
DOORBELL: Final = 1
"""The column that grows with terminals wider than 80 characters."""
CONFIDENCES_SHOWN: Final = 3
WIDTHS: Final = (8, 10, 15, 10, 5, 14, 6)
"""80 characters with the gaps: enough for every fixed word."""
ALIGNED_RIGHT: Final = frozenset({4, 6})
NARROWEST: Final = sum(WIDTHS) + len(GAP) * (len(WIDTHS) - 1)
WIDEST_DOORBELL: Final = 40
STYLES: Final = {"ring": ATTENTION, "face": GOOD, "no_face": QUIET, "failed": BAD}


class _Timing(msgspec.Struct):
    total: float


class _Face(msgspec.Struct):
    confidence: float


class _Event(msgspec.Struct):
    """The fields of any event that a row shows."""

    doorbell: str
    published_at: datetime
    age_ms: int | None
    event_type: str = ""
    trigger: str = ""
    outcome: str = ""
    reason: str | None = None
    detail: str | None = None
    faces: list[_Face] | int = 0
    people: int | None = None
    confidence: float | None = None
    timing_ms: _Timing | None = None


_decoder = msgspec.json.Decoder(_Event)


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table and its style."""

    cells: tuple[str, ...]
    style: str


def to_row(topic: str, payload: bytes) -> Row | None:
    """Return an event as a row, or None if the message is not an event."""
    kind = topic.rpartition("/")[2]
    try:
        event = _decoder.decode(payload)
        published_at = event.published_at.astimezone()
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, OverflowError):
        return None
    word = (event.outcome or event.event_type).removeprefix("face_")
    faces = event.faces if isinstance(event.faces, int) else len(event.faces)
    if event.people is not None:
        faces = event.people
    cells = (
        f"{published_at:%H:%M:%S}",
        event.doorbell,
        "ring" if kind == "ring" else f"{kind}: {word}",
        event.trigger or ("press" if kind in {"ring", "answer"} else ""),
        "" if kind == "ring" else str(faces),
        event.reason or _confidences(event),
        _milliseconds(event.timing_ms.total if event.timing_ms else event.age_ms),
    )
    style = STYLES.get("ring" if kind == "ring" else word, "")
    return Row(tuple(map(_plain, cells)), "bold" if kind == "answer" and word == "face" else style)


def _milliseconds(value: float | None) -> str:
    if value is None:
        return "?"
    return f">{LONGEST_MS}" if value > LONGEST_MS else f"{max(value, -LONGEST_MS):.0f}"


def _plain(text: str) -> str:
    """Return text without control characters: a terminal would act on them."""
    return "".join(each if each.isprintable() else "\ufffd" for each in text[:LONGEST_CELL])


def _confidences(event: _Event) -> str:
    if event.confidence is not None:
        return f"{event.confidence:.2f}"
    if isinstance(event.faces, int):
        return ""
    return " ".join(f"{face.confidence:.2f}" for face in event.faces[:CONFIDENCES_SHOWN])


def widths(available: int) -> tuple[int, ...]:
    """Return the widths of the columns for a terminal with this many characters per line."""
    spare = max(0, available - NARROWEST)
    doorbell = min(WIDEST_DOORBELL, WIDTHS[DOORBELL] + spare)
    return (*WIDTHS[:DOORBELL], doorbell, *WIDTHS[DOORBELL + 1 :])


PLAIN: Final = widths(120)
"""For output that is not a terminal."""


class EventTable:
    """The newest rows, in columns whose widths depend only on the terminal."""

    def __init__(self) -> None:
        self._rows: deque[Row] = deque(maxlen=ROWS_SHOWN)

    def add(self, row: Row) -> None:
        """Add a row at the end."""
        self._rows.append(row)

    def __rich_console__(self, _console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield the lines; a narrow terminal crops the last columns."""
        columns = widths(options.max_width)
        shown = max(FEWEST_ROWS, options.size.height - ROOM_ABOVE)
        for row in (Row(HEADS, "bold"), *list(self._rows)[-shown:]):
            yield Text(to_line(row, columns), row.style, no_wrap=True, overflow="crop", end="\n")


def to_line(row: Row, columns: tuple[int, ...]) -> str:
    """Return a row as plain text in columns of these widths."""
    cells = (_fit(cell, number, width) for number, (cell, width) in enumerate(zip(row.cells, columns, strict=True)))
    return GAP.join(cells).rstrip()


def _fit(cell: str, number: int, width: int) -> str:
    """Return a cell that is exactly this wide on a terminal: some characters take two columns."""
    text = Text(cell)
    text.truncate(width, overflow="ellipsis", pad=False)
    text.align("right" if number in ALIGNED_RIGHT else "left", width)
    return text.plain
