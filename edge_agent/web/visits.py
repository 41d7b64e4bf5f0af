"""The history on the page: days as timelines, and one page for each visit or press. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Final

from edge_agent.history.entries import Entry, EntryKind, PictureKind
from edge_agent.web.controls import button
from edge_agent.web.markup import Markup, tag
from edge_agent.wire import RejectionReason

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edge_agent.web.controls import Controls

MOST_SHOWN: Final = 200
"""Entries of a day on one page, the newest ones."""
MINUTE_S: Final = 60

REJECTED: Final = {
    RejectionReason.BELOW_MIN_CONFIDENCE: "below the minimum confidence",
    RejectionReason.TOO_SMALL: "too small",
    RejectionReason.OUTSIDE_ZONES: "outside the zones",
    RejectionReason.MASKED: "in a mask",
}
ANSWERS: Final = {"face": "a face", "no_face": "no face", "failed": "no answer"}


@dataclass(frozen=True, slots=True)
class Item:
    """A visit with its presses, or a press without a visit."""

    entry: Entry
    presses: tuple[Entry, ...] = ()


@dataclass(frozen=True, slots=True)
class Day:
    """A day of the history; `fault` says why it cannot be read. `doorbell` is the only one shown, or ''."""

    day: date
    entries: Sequence[Entry] = ()
    before: date | None = None
    after: date | None = None
    doorbell: str = ""
    fault: str = ""
    is_today: bool = True


@dataclass(frozen=True, slots=True)
class Detail:
    """An entry with the entries that belong to it."""

    entry: Entry
    presses: Sequence[Entry] = ()
    visit: Entry | None = None


def items_of(entries: Sequence[Entry]) -> list[Item]:
    """Return the visits with their presses, and the presses without a visit, the newest first."""
    visits = {each.entry_id for each in entries if each.kind is EntryKind.VISIT}
    presses: dict[str, list[Entry]] = {}
    for each in reversed(entries):
        if each.kind is EntryKind.PRESS and each.visit_id in visits:
            presses.setdefault(each.visit_id or "", []).append(each)
    return [
        Item(each, tuple(presses.get(each.entry_id, ())))
        for each in entries
        if each.kind is EntryKind.VISIT or each.visit_id not in visits
    ]


def timeline(day: Day, controls: Controls, *, is_live: bool = True) -> Markup:
    """Return the entries of a day as a section; page.js renews it."""
    shown = [each for each in items_of(day.entries) if day.doorbell in {"", each.entry.doorbell}]
    title = tag("h2", "Today" if day.is_today else _day_words(day.day), tag("small", _total(shown)), id="visits")
    parts = [title, _doorbells(day), _list(day, shown, is_live=is_live), _days(day)]
    if controls.are_shown and day.entries and not day.fault:
        parts.append(_export(day))
    return tag("section", *parts, class_="visits", data_part="visits", aria_labelledby="visits")


def detail(shown: Detail, controls: Controls) -> list[Markup]:
    """Return the page of a visit or a press."""
    entry = shown.entry
    began_at = entry.started_at.astimezone()
    words = "Visit" if entry.kind is EntryKind.VISIT else "Press"
    back = tag("a", f"All of {_day_words(began_at.date())}", href=f"days/{began_at:%Y-%m-%d}")
    title = tag("h2", f"{words} at {entry.doorbell}", tag("small", f"{began_at:%A, %-d %B %Y, %H:%M:%S}"), id="visit")
    parts = [tag("p", back, class_="back"), title, _pictures(shown), _facts(shown)]
    if controls.are_shown:
        parts.append(_deletion(entry))
    return [tag("section", *parts, class_="visit", data_part="visit", aria_labelledby="visit")]


def not_found(days: float) -> list[Markup]:
    """Return what a page says of an entry that is gone."""
    said = f"This visit is not in the history. It was deleted, or it is older than {days:g} days."
    return [tag("section", tag("p", said, class_="empty"), tag("p", tag("a", "Today", href="./")), data_part="visit")]


def _total(items: Sequence[Item]) -> str:
    visits = sum(each.entry.kind is EntryKind.VISIT for each in items)
    presses = sum(len(each.presses) + (each.entry.kind is EntryKind.PRESS) for each in items)
    said = [_count(visits, "visit"), _count(presses, "press", "es")]
    return " · ".join(filter(None, said))


def _count(number: int, word: str, plural: str = "s") -> str:
    return f"{number} {word}{plural if number > 1 else ''}" if number else ""


def _doorbells(day: Day) -> Markup:
    """Return links to the entries of one doorbell, if there are several."""
    numbers = Counter(each.entry.doorbell for each in items_of(day.entries))
    if len(numbers) < 2 and not day.doorbell:  # noqa: PLR2004 - several
        return Markup()
    path = f"days/{day.day}"
    links = [("All", path, "")] + [
        (f"{name} {number}", f"{path}/{name}", name) for name, number in sorted(numbers.items())
    ]
    said = (
        tag("li", tag("a", words, href=href, aria_current="page" if name == day.doorbell else None))
        for words, href, name in links
    )
    return tag("ul", *said, class_="chips", aria_label="Doorbells")


def _list(day: Day, items: Sequence[Item], *, is_live: bool) -> Markup:
    if day.fault:
        return tag("p", day.fault, class_="empty problem", role="alert")
    if not items:
        when = "today" if day.is_today else "on this day"
        return tag("p", f"Nobody was at the door {when}.", class_="empty")
    more = len(items) - MOST_SHOWN
    listed = tag("ol", *(_item(each, is_live=is_live) for each in items[:MOST_SHOWN]), class_="timeline")
    note = f"{more} earlier entries are not shown; `edge-agent history list` shows all."
    return tag("div", listed, tag("p", note, class_="dim") if more > 0 else "")


def _item(item: Item, *, is_live: bool) -> Markup:
    entry = item.entry
    began_at = entry.started_at.astimezone()
    now = tag("span", "now", class_="dot online") if entry.ended_at is None and is_live else ""
    words = tag(
        "span",
        tag("time", f"{began_at:%H:%M}", datetime=began_at.isoformat(timespec="seconds")),
        tag("b", entry.doorbell),
        now,
        tag("span", _summary(item), class_="dim"),
        class_="words",
    )
    link = tag("a", _thumbnail(entry), words, href=f"visits/{entry.entry_id}")
    return tag("li", link, class_=entry.kind.value)


def _thumbnail(entry: Entry) -> Markup:
    for kind in (PictureKind.FACE, PictureKind.SNAPSHOT):
        if entry.has(kind):
            source = f"visits/{entry.entry_id}/{kind}.jpg"
            return tag("span", tag("img", src=source, alt="", loading="lazy", width=64, height=64), class_="thumb")
    return tag("span", class_="thumb none")


def _summary(item: Item) -> str:
    entry = item.entry
    if entry.kind is EntryKind.PRESS:
        return _rang(entry)
    said = [f"{entry.people} people" if entry.people > 1 else "1 person"]
    if entry.duration_s >= 1:
        said.append(_duration(entry.duration_s))
    said += map(_rang, item.presses)
    return " · ".join(said)


def _rang(press: Entry) -> str:
    return "rang" if press.answer == "face" else f"rang: {_answer(press)}"


def _answer(press: Entry) -> str:
    if press.answer is None:
        return "waiting" if press.ended_at is None else "no answer"
    why = f" ({press.reason.replace('_', ' ')})" if press.reason else ""
    return ANSWERS.get(press.answer, press.answer) + why


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), MINUTE_S)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _days(day: Day) -> Markup:
    """Return links to the days with entries before and after."""
    suffix = f"/{day.doorbell}" if day.doorbell else ""
    links = [
        tag("a", f"{arrow} {_day_words(there)}", href=f"days/{there}{suffix}", rel=rel)
        for there, arrow, rel in ((day.before, "←", "prev"), (day.after, "→", "next"))
        if there is not None
    ]
    if not day.is_today:
        links.append(tag("a", "Today", href="./"))
    return tag("nav", *links, class_="days", aria_label="Days") if links else Markup()


def _day_words(day: date) -> str:
    return f"{day:%a, %-d %b %Y}"


def _pictures(shown: Detail) -> Markup:
    """Return the snapshot and the best face; a press without a face of its own shows that of its visit."""
    entry = shown.entry
    figures = [_figure(entry, kind) for kind in PictureKind if entry.has(kind)]
    if shown.visit is not None and not entry.has(PictureKind.FACE) and shown.visit.has(PictureKind.FACE):
        figures.append(_figure(shown.visit, PictureKind.FACE))
    if not figures:
        return tag("p", "No picture was stored.", class_="empty")
    return tag("div", *figures, class_="figures-of-visit")


def _figure(entry: Entry, kind: PictureKind) -> Markup:
    source = f"visits/{entry.entry_id}/{kind}.jpg"
    words = "Snapshot" if kind is PictureKind.SNAPSHOT else "Best face"
    image = tag("img", src=source, alt=f"{words} at {entry.doorbell}")
    return tag("figure", tag("a", image, href=source), tag("figcaption", words), class_=kind.value)


def _facts(shown: Detail) -> Markup:
    entry = shown.entry
    ended = f"{entry.ended_at.astimezone():%H:%M:%S} ({_duration(entry.duration_s)})" if entry.ended_at else "not yet"
    facts: list[tuple[str, str]] = [("Began", f"{entry.started_at.astimezone():%H:%M:%S}")]
    if entry.kind is EntryKind.VISIT:
        facts += [("Last face", ended), ("People", f"{entry.people}"), ("Frames with a face", f"{entry.frames}")]
    else:
        facts += [("Answer", _answer(entry)), ("Processed frames", f"{entry.frames}")]
    facts.append(("Trigger", entry.trigger or "unknown"))
    if entry.confidence is not None:
        facts.append(("Confidence", f"{entry.confidence:.0%}"))
    facts += [("Rejected faces", f"{number} {_why(code)}") for code, number in sorted(entry.rejected.items())]
    rows = [tag("div", tag("dt", name), tag("dd", value)) for name, value in facts]
    rows += [tag("div", tag("dt", "Pressed"), tag("dd", _link(each))) for each in shown.presses]
    if shown.visit is not None:
        rows.append(tag("div", tag("dt", "Visit"), tag("dd", _link(shown.visit))))
    return tag("dl", *rows, class_="facts card")


def _why(code: str) -> str:
    return REJECTED.get(RejectionReason(code), code) if code in {*RejectionReason} else code


def _link(entry: Entry) -> Markup:
    said = f"{entry.started_at.astimezone():%H:%M:%S}"
    said += f", {_answer(entry)}" if entry.kind is EntryKind.PRESS else ""
    return tag("a", said, href=f"visits/{entry.entry_id}")


def _deletion(entry: Entry) -> Markup:
    word = entry.kind.value
    path, day = f"visits/{entry.entry_id}/delete", f"days/{entry.started_at.astimezone():%Y-%m-%d}"
    return button(f"Delete this {word}", path, f"Delete this {word} and its pictures?", then=day)


def _export(day: Day) -> Markup:
    path = f"days/{day.day}/export"
    return button("Export this day", path, f"Download everything of {_day_words(day.day)} as a ZIP file?", then="save")


def parse_day(text: str) -> date | None:
    """Return a day of a path, or None."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if len(text) == 10 and date.min + timedelta(days=2) < day < date.max - timedelta(days=2) else None  # noqa: PLR2004 - YYYY-MM-DD
