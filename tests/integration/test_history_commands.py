"""`edge-agent history` as users run it, also while an agent writes."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import zipfile
from typing import TYPE_CHECKING

import pytest

from edge_agent.history.entries import PictureKind
from edge_agent.history.reader import HistoryReader
from edge_agent.history.store import DATABASE, Store, folder_of
from edge_agent.web.access import matches
from testing.shared_data import PROJECT
from tests.command_line import edge_agent
from tests.visitors_past import batch, entry

if TYPE_CHECKING:
    from pathlib import Path

DAY_MINUTES = 24 * 60


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """Return a state folder with a history of three days."""
    entries = [entry(number, minutes=-number * DAY_MINUTES, snapshot=500, face=50) for number in range(3)]
    with Store(folder_of(tmp_path, "attic")) as store:
        store.write(batch(*entries, entry(9, minutes=5, doorbell="garden")))
    return tmp_path


def history(state: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return edge_agent("history", *arguments, EDGE_AGENT_STATE__DIR=str(state), EDGE_AGENT_AGENT_ID="attic", TZ="UTC")


def test_entries_are_listed(state: Path) -> None:
    listed = history(state, "list").stdout.splitlines()
    assert len(listed) == 5
    assert listed[0].split()[:4] == ["time", "doorbell", "kind", "id"]
    assert "garden" in listed[1]
    assert "snapshot face" in listed[2]
    lines = history(state, "list", "--json", "--day", "2026-01-02", "--doorbell", "front").stdout.splitlines()
    assert [json.loads(line)["entry_id"] for line in lines] == [entry(0).entry_id]
    assert history(state, "list", "--day", "2020-01-01").stdout == "no entries\n"
    assert len(history(state, "list", "--limit", "2", "--json").stdout.splitlines()) == 2


def test_an_entry_is_shown_with_its_pictures(state: Path) -> None:
    shown = history(state, "show", entry(1).entry_id).stdout
    assert "front" in shown
    assert f"{entry(1).entry_id}-snapshot.jpg" in "".join(shown.split())
    assert json.loads(history(state, "show", entry(1).entry_id, "--json").stdout)["people"] == 1
    missing = history(state, "show", "none")
    assert (missing.returncode, missing.stderr) == (
        1, "edge-agent: there is no entry none; edge-agent history list shows them\n",
    )  # fmt: skip


def test_an_export_is_the_history_again(state: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.zip"
    assert history(state, "export", str(copy)).stdout.startswith(f"{copy}: 4 entries")
    with zipfile.ZipFile(copy) as archive:
        archive.extractall(tmp_path / "restored")
    before, after = HistoryReader(folder_of(state, "attic")), HistoryReader(tmp_path / "restored")
    assert after.between(None, None) == before.between(None, None)
    assert after.picture(entry(1).entry_id, PictureKind.FACE) == before.picture(entry(1).entry_id, PictureKind.FACE)
    assert history(state, "export", str(copy)).returncode == 1, "it replaces no file"


def test_an_export_is_whole_while_the_history_is_written(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, "attic")
    command = [sys.executable, "-m", "tests.history_writer", "agent", str(folder)]
    with subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        for _ in range(60):
            writer.stdout.readline()
        exported = [history(tmp_path, "export", str(tmp_path / f"{number}.zip")) for number in range(2)]
        writer.kill()
    assert [each.returncode for each in exported] == [0, 0], exported
    with zipfile.ZipFile(tmp_path / "1.zip") as archive:
        archive.extract(DATABASE, tmp_path)
        entries = [json.loads(line) for line in archive.read("visits.jsonl").splitlines()]
        assert archive.testzip() is None
        pictures = {name for name in archive.namelist() if name.startswith("pictures/")}
    connection = sqlite3.connect(tmp_path / DATABASE)
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert connection.execute("SELECT count(*) FROM entries").fetchone() == (len(entries),)
    connection.close()
    assert {f"pictures/{each['entry_id']}-face.jpg" for each in entries if each["face_bytes"]} <= pictures


def test_entries_are_deleted(state: Path) -> None:
    folder = folder_of(state, "attic")
    assert history(state, "purge").returncode == 2
    assert history(state, "purge", "--before", "2026-01-02").stdout == "deleted 2 entries\n"
    assert {each.entry_id for each in HistoryReader(folder).between(None, None)} == {
        entry(0).entry_id, entry(9).entry_id,
    }  # fmt: skip
    assert len(list((folder / "pictures").iterdir())) == 2
    assert history(state, "purge", "--all").stdout == "deleted 2 entries\n"
    assert list((folder / "pictures").iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("list", "--day", "soon"), 2, "'soon' is not a day: use YYYY-MM-DD"),
        (("purge", "--before", "x"), 2, "'x' is not a day"),
        (("export", "/proc/x.zip"), 1, "/proc/x.zip cannot be written"),
        (("list", "--agent-id", "other"), 1, "there is no history in"),
    ],
)
def test_faults_are_one_sentence(state: Path, arguments: tuple[str, ...], code: int, said: str) -> None:
    result = history(state, *arguments)
    assert (result.returncode, result.stdout) == (code, "")
    assert result.stderr.startswith(f"edge-agent: {said}")
    assert len(result.stderr.splitlines()) == 1


def test_a_damaged_history_is_one_sentence(state: Path) -> None:
    (folder_of(state, "attic") / DATABASE).write_bytes(b"noise" * 1000)
    for arguments in (("list",), ("show", "a"), ("purge", "--all"), ("export", str(state / "x.zip"))):
        result = history(state, *arguments)
        assert result.returncode == 1
        assert "its file is damaged" in result.stderr
        assert "Traceback" not in result.stderr


def test_a_password_is_hashed() -> None:
    command = [sys.executable, "-m", "edge_agent", "hash-password"]
    result = subprocess.run(command, cwd=PROJECT, input="secret\n", capture_output=True, text=True, check=False)
    assert matches("secret", result.stdout.rstrip("\n")), result
