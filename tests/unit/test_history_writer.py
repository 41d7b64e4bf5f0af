"""The thread that writes the history: faults of the disk, overload, kills, and the bytes that it writes."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import psutil
import pytest

from edge_agent.history import writer
from edge_agent.history.entries import PictureKind
from edge_agent.history.reader import HistoryReader
from edge_agent.history.store import DATABASE, Limits, Store
from edge_agent.history.writer import MOST_WAITING, MOST_WAITING_BYTES, History
from testing.shared_data import PROJECT
from testing.values import press
from testing.waiting import wait_until
from tests.history_bytes import assert_few_bytes
from tests.history_writer import report
from tests.visitors_past import batch, changed, entry, seen

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FOREVER = Limits(36500, 10**12)
KILLS = int(os.environ.get("EDGE_AGENT_TEST_KILLS", "15"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "history"


@pytest.fixture
def history(folder: Path) -> Iterator[History]:
    history = History(folder, FOREVER)
    history.start()
    yield history
    history.close()


def stored(folder: Path) -> set[str]:
    return {each.entry_id for each in HistoryReader(folder).between(None, None)}


def test_a_visit_is_on_disk_within_a_second(history: History, folder: Path) -> None:
    history.on_visit(changed("face_appeared").change)
    started_s = time.monotonic()
    wait_until(lambda: "v1" in stored(folder))
    assert time.monotonic() - started_s < 2.0  # 0.5 s, and a loaded machine
    assert HistoryReader(folder).between(None, None)[0].ended_at is None


def test_pictures_can_be_read_before_they_are_written(history: History, folder: Path) -> None:
    reader = HistoryReader(folder, history.open_entries, history.open_picture)
    history.on_visit(changed("face_appeared").change)
    history._put(seen())  # noqa: SLF001 - as the agent reports a frame
    assert reader.picture("v1", PictureKind.SNAPSHOT), "as soon as the agent has reported it"
    entry_now = reader.entry("v1")
    assert entry_now is not None
    assert entry_now.has(PictureKind.FACE)
    wait_until(lambda: "v1" in stored(folder))


def test_what_is_over_can_be_read_while_the_disk_is_slow(folder: Path) -> None:
    """Here the disk takes nothing: a folder stands where the database should be."""
    (folder / DATABASE).mkdir(parents=True)
    history = History(folder, FOREVER)
    history.start()
    report(history, "v1", 1000)
    wait_until(lambda: len(history.open_picture("v1", PictureKind.SNAPSHOT)) == 1000)
    wait_until(lambda: history.fault)
    assert len(history.open_picture("v1", PictureKind.SNAPSHOT)) == 1000
    assert history.open_entries()["v1"].snapshot_bytes == 1000
    history.close()


def test_the_end_of_the_agent_writes_what_waits(folder: Path) -> None:
    history = History(folder, FOREVER)
    history.start()
    history.on_press(press())
    history.on_visit(changed("face_appeared").change)
    history._put(seen())  # noqa: SLF001 - as the agent reports a frame
    history.close()
    assert not (folder / f"{DATABASE}-wal").exists(), "the log of changes is emptied"
    found = HistoryReader(folder).between(None, None)
    assert len(found) == 2
    assert all(each.ended_at is not None for each in found)


def test_without_a_folder_nothing_is_written() -> None:
    history = History(None, FOREVER)
    history.start()
    report(history, "v1", 1000)
    history.close()
    assert (history.fault, history.dropped) == ("", 0)


def test_the_agent_never_waits_for_a_stopped_writer(folder: Path) -> None:
    """The writer does not run: its thread was never started."""
    history = History(folder, FOREVER)
    started_s = time.monotonic()
    for number in range(3 * MOST_WAITING):
        history._put(seen(0.5, 1000, visit_id=f"v{number}"))  # noqa: SLF001 - as the agent reports a frame
    assert time.monotonic() - started_s < 1.0
    assert history.dropped == 2 * MOST_WAITING
    assert history.fault.startswith("The history of visits is incomplete")


def test_waiting_pictures_are_limited_in_bytes(folder: Path) -> None:
    history = History(folder, FOREVER)
    for _ in range(10):
        history._put(seen(0.5, MOST_WAITING_BYTES // 4, 0))  # noqa: SLF001 - as the agent reports a frame
    assert history.dropped == 6


def test_a_folder_without_write_access_is_reported(folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / DATABASE).mkdir()  # root may write everywhere, but not into a folder as into a file
    history = History(folder, FOREVER)
    history.start()
    report(history, "v1", 1000)
    wait_until(lambda: history.fault)
    (folder / DATABASE).rmdir()
    history.close()
    assert stored(folder) == {"v1"}, "it was kept in memory, and written when that was possible"


def test_a_file_that_is_damaged_while_it_is_used_is_replaced(folder: Path) -> None:
    with Store(folder) as store:
        store.write(batch(*(entry(number, minutes=number) for number in range(2000))))
    content = bytearray((folder / DATABASE).read_bytes())
    content[50_000:60_000] = os.urandom(10_000)
    (folder / DATABASE).write_bytes(bytes(content))
    history = History(folder, FOREVER)
    history.start()
    report(history, "new", 1000)
    wait_until(lambda: "was damaged" in history.fault, why=lambda: history.fault)
    wait_until(lambda: "new" in stored(folder))
    assert len(stored(folder)) > 500
    (folder / f"{DATABASE}.damaged").unlink()
    report(history, "newer", 1000)
    wait_until(lambda: not history.fault, why=lambda: history.fault)
    history.close()


def test_few_bytes_are_written_per_visit(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As tests/chaos/test_history.py measures with more visits, and with every kind of entry."""
    monkeypatch.setattr(writer, "COMMIT_INTERVAL_S", 0.05)
    assert_few_bytes(folder, "visit", number=15)


@pytest.mark.slow
def test_a_kill_at_any_moment_loses_nothing_that_was_written(tmp_path: Path) -> None:
    chance = random.Random(7)  # noqa: S311 - moments, not secrets
    for _ in range(KILLS):
        written = _killed_after(chance.uniform(0.0, 0.08), "store", tmp_path)
        with Store(tmp_path) as store:
            store.recover()
        found = HistoryReader(tmp_path).between(None, None)
        assert set(written[-15:]) <= {each.entry_id for each in found}
        assert all(each.ended_at for each in found)
        for each in found:
            sizes = [len(HistoryReader(tmp_path).picture(each.entry_id, kind)) for kind in PictureKind]
            assert sizes == [each.snapshot_bytes, each.face_bytes]
        assert [each.snapshot_bytes for each in found if each.entry_id in written[-15:]] == [3000] * len(written[-15:])


@pytest.mark.slow
def test_a_kill_of_the_agent_loses_no_visit_before_the_last_second(tmp_path: Path) -> None:
    chance = random.Random(8)  # noqa: S311 - moments, not secrets
    for number in range(max(3, KILLS // 5)):
        folder = tmp_path / str(number)
        lines = [line.split() for line in _killed_after(1.2 + chance.uniform(0.0, 0.5), "agent", folder)]
        last_s = float(lines[-1][0])
        due = {visit_id for at_s, visit_id in lines if float(at_s) < last_s - 1.0}
        with Store(folder) as store:
            store.recover()
        assert due <= stored(folder)


@pytest.mark.slow
def test_a_copy_of_any_moment_opens_with_all_that_was_written(tmp_path: Path) -> None:
    """What a power cut leaves, if the disk keeps what it confirmed: the files of a process that stands still."""
    chance = random.Random(9)  # noqa: S311 - moments, not secrets
    command = [sys.executable, "-m", "tests.history_writer", "store", str(tmp_path / "live")]
    with subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, bufsize=0) as process:
        assert process.stdout is not None
        written = [process.stdout.readline().decode().strip()]
        os.set_blocking(process.stdout.fileno(), False)
        for number in range(KILLS):
            time.sleep(chance.uniform(0.0, 0.05))  # the moment of the copy is what is tested
            process.send_signal(signal.SIGSTOP)
            wait_until(lambda: psutil.Process(process.pid).status() == psutil.STATUS_STOPPED)
            written += (process.stdout.read(1 << 20) or b"").decode().split()
            copy = tmp_path / str(number)
            shutil.copytree(tmp_path / "live", copy)
            process.send_signal(signal.SIGCONT)
            with Store(copy) as store:
                store.recover()
            assert set(written[-10:]) <= stored(copy)
            shutil.rmtree(copy)
        process.kill()


def _killed_after(delay_s: float, what: str, folder: Path) -> list[str]:
    """Return the complete lines that a writer printed until it was killed, so long after its first line."""
    command = [sys.executable, "-m", "tests.history_writer", what, str(folder)]
    with subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        assert first
        time.sleep(delay_s)  # the moment of the kill is what is tested
        process.send_signal(signal.SIGKILL)
        lines = (first + process.stdout.read()).splitlines(keepends=True)
    return [line.strip() for line in lines if line.endswith("\n")]
