"""Events as rows for a terminal. Pure: a message in, a row out."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import msgspec
from rich.table import Table
from rich.text import Text

ROWS_SHOWN: Final = 16
LONGEST_CELL: Final = 128
COLUMNS: Final = (
    ("time", "left"),
    ("doorbell", "left"),
    ("event", "left"),
    ("trigger", "left"),
    ("faces", "right"),
    ("confidence", "left"),
    ("ms", "right"),
)
STYLES: Final = {"ring": "bold yellow", "answer": "bold", "face": "green", "no_face": "dim", "failed": "red"}


class _Timing(msgspec.Struct):
    total: float


class _Face(msgspec.Struct):
    confidence: float


class _Event(msgspec.Struct):
    """What rows are made of, out of any event."""

    doorbell: str
    published_at: datetime
    age_ms: int
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
    """One line of the table, and how it is coloured."""

    cells: tuple[str, ...]
    style: str


def to_row(topic: str, payload: bytes) -> Row | None:
    """Return an event as a row, or None where the message is no event."""
    kind = topic.rpartition("/")[2]
    try:
        event = _decoder.decode(payload)
        published_at = event.published_at.astimezone()
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, OverflowError):
        return None
    word = event.outcome or event.event_type
    faces = event.faces if isinstance(event.faces, int) else len(event.faces)
    if event.people is not None:
        faces = event.people
    cells = (
        f"{published_at:%H:%M:%S.%f}"[:-3],
        event.doorbell,
        "ring" if kind == "ring" else f"{kind}: {word}",
        event.trigger or ("press" if kind in {"ring", "answer"} else ""),
        "" if kind == "ring" else str(faces),
        event.reason or _confidences(event),
        f"{event.timing_ms.total:.0f}" if event.timing_ms else str(event.age_ms),
    )
    style = STYLES["ring"] if kind == "ring" else STYLES.get(word, "")
    return Row(tuple(map(_plain, cells)), f"bold {style}" if kind == "answer" else style)


def _plain(text: str) -> str:
    """Return what a terminal shows and does not act on, however it was published."""
    return "".join(each if each.isprintable() else "\ufffd" for each in text[:LONGEST_CELL])


def _confidences(event: _Event) -> str:
    if event.confidence is not None:
        return f"{event.confidence:.2f}"
    return "" if isinstance(event.faces, int) else " ".join(f"{face.confidence:.2f}" for face in event.faces[:4])


class EventTable:
    """The newest rows."""

    def __init__(self) -> None:
        self._rows: deque[Row] = deque(maxlen=ROWS_SHOWN)

    def add(self, row: Row) -> None:
        """Put a row below the others."""
        self._rows.append(row)

    def __rich__(self) -> Table:
        table = Table(box=None, pad_edge=False, header_style="bold", expand=False)
        for name, justify in COLUMNS:
            table.add_column(name, justify=justify, min_width=9, no_wrap=True)  # type: ignore[arg-type]
        for row in self._rows:
            table.add_row(*(Text(cell) for cell in row.cells), style=row.style)
        return table


def to_line(row: Row) -> str:
    """Return a row as plain text, for an output that is no terminal."""
    widths = (13, 12, 22, 11, 6, 12, 6)
    return "".join(cell.ljust(width) for cell, width in zip(row.cells, widths, strict=True)).rstrip()
