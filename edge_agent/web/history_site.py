"""The routes of the history: days, visits, their pictures, and the actions on them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Final

from edge_agent.domain import Setting
from edge_agent.history.entries import EntryKind, PictureKind
from edge_agent.history.export import LargeExportError, day_archive
from edge_agent.history.faults import HistoryError
from edge_agent.topics import is_identifier
from edge_agent.web.page import document
from edge_agent.web.request import Response, text
from edge_agent.web.visits import Day, Detail, detail, not_found, parse_day, timeline

if TYPE_CHECKING:
    from collections.abc import Callable

    from edge_agent.history.entries import Entry
    from edge_agent.history.reader import HistoryReader
    from edge_agent.web.board import View
    from edge_agent.web.controls import Controls
    from edge_agent.web.request import Request

FINAL_CACHE: Final = "private, max-age=604800, immutable"
"""A picture of an entry that is over never changes; a week, because it may be deleted."""
OPEN_CACHE: Final = "private, no-cache"
MOST_EXPORTED_BYTES: Final = 64_000_000
"""A ZIP file is made in memory."""
HTML: Final = "text/html; charset=utf-8"


def _nothing(_setting: Setting) -> None:
    pass


@dataclass(frozen=True, slots=True)
class Actions:
    """What the page can set: options of doorbells. `set_option` hands one to the agent's thread."""

    set_option: Callable[[Setting], None] = _nothing

    def act(self, parts: list[str], doorbells: set[str]) -> Response | None:
        """Carry out an action on one of the known doorbells; None if there is no such action."""
        match parts:
            case ["doorbells", doorbell, ("detection" | "mute") as option, ("on" | "off") as wanted] if (
                doorbell in doorbells
            ):
                self.set_option(Setting(option, doorbell, wanted.upper()))
                return Response(204, b"")
            case _:
                return None


class HistorySite:
    """The pages of the history. `days` is how long entries are kept."""

    def __init__(
        self,
        reader: HistoryReader,
        delete: Callable[[str], None],
        days: float,
        now_at: Callable[[], datetime] = datetime.now,
    ) -> None:
        self._reader = reader
        self._delete = delete
        self._days = days
        self._now_at = now_at

    def today(self) -> Day:
        """Return the entries of today."""
        return self._day(self._now_at().date())

    def read(self, parts: list[str], request: Request, view: View, base: str, controls: Controls) -> Response | None:
        """Return a page or a picture of the history; None if there is no such path."""
        match parts:
            case ["days", day_text, *rest] if (day := parse_day(day_text)) and len(rest) < 2:  # noqa: PLR2004 - a doorbell or none
                doorbell = "".join(rest)
                if rest and not is_identifier(doorbell):
                    return None
                parts_of_day = [timeline(self._day(day, doorbell), controls)]
                body = document(view, base, parts_of_day, controls, title=day_text)
                return Response(200, body.encode(), HTML)
            case ["visits", entry_id]:
                return self._visit(entry_id, view, base, controls)
            case ["visits", entry_id, ("snapshot.jpg" | "face.jpg") as name]:
                return self._picture(entry_id, PictureKind(name.removesuffix(".jpg")), request.if_none_match)
            case _:
                return None

    def act(self, parts: list[str]) -> Response | None:
        """Delete an entry, or export a day; None if there is no such action."""
        match parts:
            case ["visits", entry_id, "delete"]:
                return self._delete_entry(entry_id)
            case ["days", day_text, "export"] if day := parse_day(day_text):
                return self._export(day)
            case _:
                return None

    def _day(self, day: date, doorbell: str = "") -> Day:
        today = self._now_at().date()
        try:
            entries = self._reader.on_day(day)
            before, after = self._reader.day_before(day), self._reader.day_after(day)
        except HistoryError as error:
            return Day(day, fault=error.fault.text, is_today=day == today)
        return Day(day, entries, before, after, doorbell, is_today=day == today)

    def _visit(self, entry_id: str, view: View, base: str, controls: Controls) -> Response:
        try:
            shown = self._detail(entry_id)
        except HistoryError as error:
            return text(503, error.fault.text)
        if shown is None:
            return Response(404, document(view, base, not_found(self._days), controls).encode(), HTML)
        title = f"{shown.entry.kind.capitalize()} at {shown.entry.doorbell}"
        return Response(200, document(view, base, detail(shown, controls), controls, title=title).encode(), HTML)

    def _detail(self, entry_id: str) -> Detail | None:
        entry = self._reader.entry(entry_id)
        if entry is None:
            return None
        if entry.kind is EntryKind.PRESS:
            return Detail(entry, visit=self._reader.entry(entry.visit_id) if entry.visit_id else None)
        return Detail(entry, self._reader.presses_of(entry))

    def _picture(self, entry_id: str, kind: PictureKind, if_none_match: str) -> Response:
        jpeg = self._reader.picture(entry_id, kind)
        if not jpeg:
            return text(404, "There is no such picture.")
        tag = f'"{hashlib.blake2b(jpeg, digest_size=12).hexdigest()}"'
        headers = {"ETag": tag, "Cache-Control": FINAL_CACHE if self._is_final(entry_id) else OPEN_CACHE}
        if tag in (each.strip().removeprefix("W/") for each in if_none_match.split(",")):
            return Response(304, b"", "image/jpeg", headers)
        return Response(200, jpeg, "image/jpeg", headers)

    def _is_final(self, entry_id: str) -> bool:
        try:
            entry = self._reader.entry(entry_id)
        except HistoryError:
            return False
        return entry is not None and entry.ended_at is not None

    def _delete_entry(self, entry_id: str) -> Response:
        try:
            entry = self._reader.entry(entry_id)
        except HistoryError as error:
            return text(503, error.fault.text)
        if entry is None:
            return text(404, "There is no such visit.")
        for each in (entry, *self._belonging(entry)):
            self._delete(each.entry_id)
        return Response(204, b"")

    def _belonging(self, entry: Entry) -> list[Entry]:
        """Return the presses of a visit: they show the same person, and are deleted with it."""
        return self._reader.presses_of(entry) if entry.kind is EntryKind.VISIT else []

    def _export(self, day: date) -> Response:
        try:
            archive = day_archive(self._reader, day, MOST_EXPORTED_BYTES)
        except (HistoryError, LargeExportError) as error:
            return text(503, str(error))
        name = {"Content-Disposition": f'attachment; filename="visits-{day}.zip"'}
        return Response(200, archive, "application/zip", name)
