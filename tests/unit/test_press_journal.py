"""The press journal: what it keeps, for how long, and what a file can do to it."""

from __future__ import annotations

import queue
import threading
from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec
import pytest

from edge_agent.domain import Packet
from edge_agent.doorbells.absence import BACKLOG_S, Absence
from edge_agent.doorbells.journal_file import JournalFile, JournalWritten
from edge_agent.doorbells.press_journal import (
    ANSWERED_KEPT_S,
    LIVE_GAP_S,
    MOST_PRESSES,
    MOST_REMEMBERED,
    PressJournal,
    StoredJournal,
    in_this_boot,
)
from testing.values import NOON, frame, press

if TYPE_CHECKING:
    from pathlib import Path

DAY_S = 86_400.0
BOOT = "this-boot"


def _journal(stored: StoredJournal | None = None, remember_s: float = DAY_S) -> PressJournal:
    return PressJournal(stored or StoredJournal(), BOOT, remember_s)


def _again(journal: PressJournal, now_s: float) -> PressJournal:
    """Return the journal after a restart of the agent."""
    encoded = msgspec.json.encode(journal.stored(now_s, NOON))
    return _journal(in_this_boot(msgspec.json.decode(encoded, type=StoredJournal), BOOT, now_s, NOON))


def test_a_press_is_kept_with_what_the_broker_has_of_it() -> None:
    journal, pressed = _journal(), press(at_s=5.0)
    journal.open(pressed)
    assert journal.mark(pressed.press_id, ring_sent=True)
    assert not journal.mark(pressed.press_id, ring_sent=True)
    assert not journal.mark("unknown", ring_sent=True)
    (stored,) = _again(journal, 6.0).presses()
    assert (stored.press(), stored.ring_sent, stored.answered) == (pressed, True, False)


def test_answered_presses_are_kept_for_the_debounce_time_only() -> None:
    journal = _journal()
    for number in range(MOST_PRESSES + 5):
        journal.open(each := press(at_s=float(number)))
        journal.mark(each.press_id, answered=True)
    journal.open(unanswered := press(at_s=0.0))
    assert len(journal.stored(200.0, NOON).presses) == MOST_PRESSES
    assert [each.press() for each in journal.stored(200.0 + ANSWERED_KEPT_S, NOON).presses] == [unanswered]


def test_a_packet_is_known_until_its_session_ends() -> None:
    journal = _journal()
    journal.remember_packet("5/front", Packet(2, 5), "press", 1.0)
    journal.forget_packets(2, 2.0)
    assert journal.press_of_packet("5/front", 2.0) == "press"
    restarted = _again(journal, 3.0)
    assert restarted.press_of_packet("5/front", 3.0) == "press"
    restarted.forget_packets(1, 4.0)
    assert restarted.press_of_packet("5/front", 4.0) == ""


def test_a_frame_is_done_when_the_broker_has_its_result() -> None:
    journal = _journal()
    journal.remember_frame("a", 1.0)
    assert (journal.is_frame_known("a", 1.0), journal.is_frame_done("a", 1.0)) == (True, False)
    assert journal.mark_frame_done("a", 2.0)
    assert not journal.mark_frame_done("a", 2.0)
    assert not journal.mark_frame_done("unknown", 2.0)
    journal.remember_frame("a", 3.0)
    restarted = _again(journal, 3.0)
    assert restarted.is_frame_done("a", DAY_S)
    assert not restarted.is_frame_done("a", DAY_S + 3.0)


def test_the_picture_of_a_press_is_known_to_its_doorbell_for_a_day() -> None:
    journal, shown = _journal(), frame("front", image=b"face")
    journal.remember_picture(shown, 0.0)
    assert not journal.is_sent_again(frame("back", image=b"face"), 20.0)
    assert not journal.is_sent_again(frame("front", image=b"fact"), 20.0)
    assert not journal.is_sent_again(frame("front", image=b""), 20.0)
    assert _again(journal, 20.0).is_sent_again(shown, 20.0)
    assert not _again(journal, 20.0).is_sent_again(shown, DAY_S)
    assert not _journal(remember_s=0).is_sent_again(shown, 20.0)


def test_a_picture_that_comes_every_few_seconds_is_live() -> None:
    journal, shown = _journal(), frame("front", image=b"face")
    journal.remember_picture(shown, 0.0)
    gap_s = LIVE_GAP_S - 1
    assert [journal.is_sent_again(shown, gap_s * number) for number in range(1, 5)] == [False] * 4
    later_s = gap_s * 4 + LIVE_GAP_S
    assert [journal.is_sent_again(shown, now) for now in (later_s, later_s + 1)] == [True, False]


def test_the_journal_is_bounded() -> None:
    journal = _journal()
    for number in range(MOST_REMEMBERED + 10):
        journal.remember_packet(f"{number}/front", Packet(1, number), "press", 1.0)
        journal.remember_frame(f"frame-{number}", 1.0)
        journal.remember_picture(frame("front", image=b"x" * (number + 1)), 1.0)
    stored = journal.stored(2.0, NOON)
    assert [len(each) for each in (stored.packets, stored.frames, stored.pictures)] == [MOST_REMEMBERED] * 3
    assert not journal.is_frame_known("frame-0", 2.0)
    assert len(msgspec.json.encode(stored)) < 200_000


def test_after_a_reboot_ages_are_unknown_and_the_wall_clock_says_how_long_it_is_ago() -> None:
    journal = _journal()
    journal.open(press(at_s=990.0))
    journal.remember_frame("a", 500.0)
    journal.away_since_s = 995.0
    stored = journal.stored(1000.0, NOON)
    assert in_this_boot(stored, BOOT, 1001.0, NOON) == stored
    for boot_id, now_s in (("other", 20.0), ("", 20.0), (BOOT, 20.0)):
        rebooted = in_this_boot(stored, boot_id, now_s, NOON + timedelta(seconds=60))
        assert (rebooted.presses[0].pressed_s, rebooted.presses[0].age_known) == (-50.0, False)
        assert (rebooted.frames["a"][0], rebooted.away_since_s) == (-540.0, -45.0)
    behind = in_this_boot(stored, "other", 20.0, NOON - timedelta(days=100))
    assert behind.presses[0].pressed_s == 10.0


@pytest.mark.parametrize(
    ("away_since_s", "connection", "arrived_s", "has_waited", "longest_s"),
    [(None, 1, 0.5, True, None), (-9.0, 1, 0.5, True, 9.5), (-9.0, 1, 0.5 + BACKLOG_S, False, 11.5)],
)
def test_a_message_right_after_the_connection_may_have_waited(
    away_since_s: float | None, connection: int, arrived_s: float, has_waited: bool, longest_s: float | None
) -> None:
    absence = Absence(away_since_s)
    assert absence.may_have_waited(1, 0.0)
    absence.on_link_up(connection, 0.4, session_present=True)
    assert absence.may_have_waited(connection, arrived_s) is has_waited
    assert absence.longest_wait_s(arrived_s) == longest_s


def test_nothing_waits_in_a_new_session() -> None:
    absence = Absence(None)
    absence.on_link_up(1, 0.0, session_present=False)
    assert not absence.may_have_waited(1, 0.1)
    assert absence.on_link_down(5.0)
    assert not absence.on_link_down(7.0)
    absence.on_link_up(3, 8.0, session_present=True)
    assert not absence.may_have_waited(1, 4.0)
    assert (absence.may_have_waited(3, 8.1), absence.longest_wait_s(8.0)) == (True, 3.0)


def _file(path: Path) -> tuple[JournalFile, queue.SimpleQueue[JournalWritten]]:
    written: queue.SimpleQueue[JournalWritten] = queue.SimpleQueue()
    return JournalFile(path, written.put), written


def test_the_newest_journal_is_written(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "hall.presses.json"
    file, written = _file(path)
    assert file.load() == StoredJournal()
    newest = StoredJournal(saved_s=49.0)
    last = [file.save(StoredJournal(saved_s=float(number))) for number in range(50)][-1]
    while (told := written.get(timeout=10)).number < last:
        assert not told.failed
    file.close()
    assert _file(path)[0].load() == newest
    assert list(path.parent.iterdir()) == [path]
    assert path.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b'{"version": 2}', b'{"presses": [{}]}', b'{"unknown": 1}', b"\xff\x00" * 1000]
)
def test_a_damaged_journal_is_moved_aside(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "hall.presses.json"
    path.write_bytes(content)
    (tmp_path / f".{path.name}-half").write_bytes(b"left by a killed run")
    assert _file(path)[0].load() == StoredJournal()
    assert {each.name: each.read_bytes() for each in tmp_path.iterdir()} == {"hall.presses.damaged": content}


def test_a_journal_that_cannot_be_written_says_so_and_is_written_later(tmp_path: Path) -> None:
    path = tmp_path / "file" / "hall.presses.json"
    path.parent.touch()
    file, written = _file(path)
    number = file.save(StoredJournal(saved_s=1.0))
    assert written.get(timeout=10) == JournalWritten(number, failed=True)
    assert "cannot be written" in file.fault
    path.parent.unlink()
    file.retry_save()
    assert written.get(timeout=10) == JournalWritten(number)
    file.close()
    assert (file.fault, _file(path)[0].load().saved_s) == ("", 1.0)


def test_without_a_thread_the_journal_is_written_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, written = _file(tmp_path / "hall.presses.json")
    with monkeypatch.context() as without_threads:
        without_threads.setattr(threading.Thread, "start", _refuse)
        number = file.save(StoredJournal(saved_s=1.0))
        assert written.get_nowait() == JournalWritten(number)
    number = file.save(StoredJournal(saved_s=2.0))
    assert written.get(timeout=10) == JournalWritten(number)
    file.close()
    assert _file(file.path)[0].load().saved_s == 2.0


def _refuse(_thread: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")  # noqa: EM101, TRY003 - as CPython does
