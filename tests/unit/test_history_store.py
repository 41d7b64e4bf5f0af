"""The history on disk: real files, real faults."""

from __future__ import annotations

import os
import sqlite3
import stat
import threading
import time
import tracemalloc
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from edge_agent.history.database import Database
from edge_agent.history.entries import PictureKind
from edge_agent.history.faults import HistoryError, HistoryFault, fault_of
from edge_agent.history.reader import HistoryReader, day_span
from edge_agent.history.repair import replace_damaged
from edge_agent.history.store import DATABASE, PICTURES, Limits, Store
from testing.values import NOON
from tests.visitors_past import batch, entry

if TYPE_CHECKING:
    from pathlib import Path

FOREVER = Limits(36500, 10**12)


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    entries = [entry(number, minutes=number, snapshot=500, face=50) for number in range(3)]
    with Store(tmp_path / "new") as store:
        store.write(batch(*entries))
    reader = HistoryReader(tmp_path / "new")
    assert reader.between(None, None) == entries[::-1]
    assert reader.entry(entries[1].entry_id) == entries[1]
    assert [len(reader.picture(entries[2].entry_id, kind)) for kind in PictureKind] == [500, 50]
    assert reader.entry("../x") is None
    assert reader.picture("../x", PictureKind.FACE) == b""


def test_only_the_agents_user_can_read_it(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        with Store(tmp_path / "new") as store:
            store.write(batch(entry(1, snapshot=500)))
            modes = {stat.S_IMODE(each.stat().st_mode) for each in (tmp_path / "new").rglob("*") if each.is_file()}
            folders = {stat.S_IMODE(each.stat().st_mode) for each in (tmp_path / "new", tmp_path / "new" / "pictures")}
    finally:
        os.umask(before)
    assert (modes, folders) == ({0o600}, {0o700})


def test_an_entry_is_replaced_by_its_id_and_equal_times_do_not_collide(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        store.write(batch(entry(1), entry(2)))
        store.write(batch(entry(1, doorbell="garden")))
    found = HistoryReader(tmp_path).between(None, None)
    assert sorted(each.doorbell for each in found) == ["front", "garden"]


def test_old_entries_are_deleted_and_their_space_is_free(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        store.write(batch(*(entry(number, minutes=number, snapshot=2000, face=200) for number in range(300))))
        before = _disk_bytes(tmp_path)
        assert store.keep(Limits(1, 10**12), NOON + timedelta(days=1, minutes=270)) == 270
        after = _disk_bytes(tmp_path)
        assert after < before * 0.25
        assert store.size_bytes() == pytest.approx(after, rel=0.05)
    assert len(list((tmp_path / "pictures").iterdir())) == 60
    assert len(HistoryReader(tmp_path).between(None, None)) == 30


def test_the_oldest_entries_go_when_there_is_too_much(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        store.write(batch(*(entry(number, minutes=number, snapshot=20_000) for number in range(100))))
        assert store.keep(Limits(365, 1_000_000), NOON) > 50
        assert _disk_bytes(tmp_path) <= 1_000_000
        assert store.keep(Limits(365, 1_000_000), NOON) == 0
    newest = HistoryReader(tmp_path).between(None, None)
    assert newest[0] == entry(99, minutes=99, snapshot=20_000)
    assert len(newest) >= 40


def test_a_long_log_of_changes_deletes_nothing(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        for number in range(300):
            store.write(batch(entry(number, minutes=number)))
        assert store.size_bytes() > 300_000
        assert store.keep(Limits(365, 250_000), NOON) == 0
    assert len(HistoryReader(tmp_path).between(None, None)) == 300


def test_a_deleted_entry_is_gone(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        store.write(batch(entry(1, snapshot=500, face=50), entry(2)))
        store.delete([entry(1).entry_id])
    assert [each.entry_id for each in HistoryReader(tmp_path).between(None, None)] == [entry(2).entry_id]
    assert list((tmp_path / "pictures").iterdir()) == []


def test_a_killed_run_leaves_complete_entries(tmp_path: Path) -> None:
    interrupted = entry(1, snapshot=500)
    unfinished = type(interrupted)(interrupted.entry_id, interrupted.kind, "front", NOON)
    with Store(tmp_path) as store:
        store.write(batch(interrupted))
        store.write(batch(unfinished))
    (tmp_path / "pictures" / "half.new").write_bytes(b"x")
    with Store(tmp_path) as store:
        store.recover()
    (found,) = HistoryReader(tmp_path).between(None, None)
    assert (found.ended_at, found.snapshot_bytes, found.face_bytes) == (NOON, 500, 0)
    assert len(list((tmp_path / "pictures").iterdir())) == 1


@pytest.mark.parametrize("damage", ["noise", "middle", "cut", "empty_wal"])
def test_a_damaged_file_is_replaced_and_what_can_be_read_is_kept(tmp_path: Path, damage: str) -> None:
    entries = [entry(number, minutes=number) for number in range(2000)]
    with Store(tmp_path) as store:
        store.write(batch(*entries))
    path = tmp_path / DATABASE
    content = bytearray(path.read_bytes())
    match damage:
        case "noise":
            content[:] = os.urandom(5000)
        case "middle":
            content[len(content) // 2 : len(content) // 2 + 20_000] = os.urandom(20_000)
        case "cut":
            del content[len(content) // 2 :]
        case _:
            content[100:200] = bytes(100)
    path.write_bytes(bytes(content))
    with pytest.raises(sqlite3.DatabaseError) as raised:
        Store(tmp_path)
    assert fault_of(raised.value, tmp_path).reason is HistoryFault.DAMAGED
    aside = replace_damaged(path)
    assert len(aside.read_bytes()) == len(content)
    with Store(tmp_path) as store:
        store.write(batch(entry(5000, minutes=-5)))
    found = HistoryReader(tmp_path).between(None, None)
    assert {each.entry_id for each in found} <= {each.entry_id for each in (*entries, entry(5000))}
    assert len(found) >= (500 if damage == "middle" else 1)


def test_a_file_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        store.write(batch(entry(1)))
    connection = sqlite3.connect(tmp_path / DATABASE)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    for refused in (lambda: Store(tmp_path), lambda: HistoryReader(tmp_path).between(None, None)):
        with pytest.raises(HistoryError) as raised:
            refused()
        assert raised.value.fault.reason is HistoryFault.TOO_NEW
    connection = sqlite3.connect(tmp_path / DATABASE)
    assert connection.execute("SELECT count(*) FROM entries").fetchone() == (1,)
    connection.close()


def test_readers_do_not_wait_for_the_writer(tmp_path: Path) -> None:
    with Store(tmp_path) as store, Database.open_to_write(tmp_path / DATABASE) as writer:
        store.write(batch(entry(1)))
        writer._connection.execute("BEGIN IMMEDIATE")  # noqa: SLF001 - a transaction that lasts
        found: list[int] = []
        thread = threading.Thread(target=lambda: found.append(len(HistoryReader(tmp_path).between(None, None))))
        thread.start()
        thread.join(1.0)
        writer._connection.execute("ROLLBACK")  # noqa: SLF001 - as above
    assert found == [1]


def test_a_day_is_one_of_the_hosts_time_zone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    try:
        day = NOON.astimezone().date().replace(month=3, day=29)  # the day of 23 hours
        first, last = day_span(day)
        assert last - first == timedelta(hours=23)
        with Store(tmp_path) as store:
            store.write(batch(entry(1), entry(2, minutes=3 * 24 * 60)))
        reader = HistoryReader(tmp_path)
        assert [each.entry_id for each in reader.on_day(NOON.date())] == [entry(1).entry_id]
        assert reader.day_after(NOON.date()) == NOON.date() + timedelta(days=3)
        assert reader.day_before(NOON.date() + timedelta(days=3)) == NOON.date()
        assert reader.day_before(NOON.date()) is None
    finally:
        monkeypatch.undo()
        time.tzset()


def test_there_is_no_history_yet(tmp_path: Path) -> None:
    reader = HistoryReader(tmp_path / "none")
    assert reader.between(None, None) == []
    assert reader.entry("x") is None
    assert reader.count() == 0


def _disk_bytes(folder: Path) -> int:
    return sum(each.stat().st_size for each in folder.rglob("*") if each.is_file() and not each.name.endswith("-shm"))


def test_many_pictures_take_little_memory(tmp_path: Path) -> None:
    """10,000 visits of two years: neither their entries nor the names of their files are held at once."""
    entries = [entry(number, minutes=number) for number in range(2000)]
    with Store(tmp_path) as store:
        store.write(batch(*entries))
    for each in entries:
        (tmp_path / PICTURES / f"{each.entry_id}-snapshot.jpg").touch()
    tracemalloc.start()
    try:
        with Store(tmp_path) as store:
            store.recover()
            store.keep(Limits(36500, 10**9), NOON)
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak_bytes < 200_000
