"""The history and its disk: how much it writes, and a full one."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from edge_agent.history import writer
from testing.shared_data import PROJECT, missing
from tests.history_bytes import assert_few_bytes

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("kind", ["visit", "visit_without_pictures", "press"])
def test_few_bytes_are_written_per_entry(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """So many that the log of changes is emptied into the file about as often as in use."""
    monkeypatch.setattr(writer, "COMMIT_INTERVAL_S", 0.05)
    more = assert_few_bytes(tmp_path / "history", kind, number=150)
    with capsys.disabled():
        sys.stdout.write(f" {kind}: {more:.0f} bytes beside the pictures\n")


def test_a_full_disk_is_reported_and_survived(tmp_path: Path) -> None:
    """A real one: a file system of 300 kB in memory, in a mount namespace of its own."""
    mounted = (
        f"mount -t tmpfs -o size=300k none {tmp_path} && exec {sys.executable} -m tests.history_writer full {tmp_path}"
    )
    command = ["unshare", "--map-root-user", "--mount", "sh", "-c", mounted]
    result = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False, timeout=60)
    if result.stderr.startswith("unshare:") or "mount:" in result.stderr:
        missing(f"no mount namespace: {result.stderr.strip()}")
    assert result.returncode == 0, result.stderr
