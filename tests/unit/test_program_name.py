"""Commands in messages are those that exist for this user."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from edge_agent.platform import program_name
from tests.command_line import edge_agent_in


@pytest.fixture
def scripts(tmp_path: Path) -> Path:
    """Return the folder of scripts of an environment in a checkout."""
    folder = tmp_path / "checkout" / ".venv" / "bin"
    folder.mkdir(parents=True)
    (folder / "edge-agent").write_text("#!/bin/sh\n", encoding="utf-8")
    (folder / "edge-agent").chmod(0o755)
    return folder


def test_from_a_checkout_it_is_the_script_of_its_environment(scripts: Path, tmp_path: Path) -> None:
    assert program_name.program(scripts, tmp_path / "checkout", path="/usr/bin") == ".venv/bin/edge-agent"


def test_on_the_path_its_name_is_enough(scripts: Path, tmp_path: Path) -> None:
    assert program_name.program(scripts, tmp_path, path=f"/usr/bin:{scripts}") == "edge-agent"
    links = tmp_path / "links"
    links.mkdir()
    (links / "edge-agent").symlink_to(scripts / "edge-agent")
    assert program_name.program(scripts, tmp_path, path=str(links)) == "edge-agent"


def test_another_installation_on_the_path_is_not_ours(scripts: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "edge-agent").write_text("#!/bin/sh\n", encoding="utf-8")
    (other / "edge-agent").chmod(0o755)
    assert program_name.program(scripts, tmp_path / "checkout", path=str(other)) == ".venv/bin/edge-agent"


def test_from_elsewhere_it_is_the_whole_path_ready_for_a_shell(scripts: Path, tmp_path: Path) -> None:
    assert program_name.program(scripts, Path("/etc"), path="") == str(scripts / "edge-agent")
    spaced = tmp_path / "my programs"
    scripts.parent.rename(spaced)
    said = program_name.program(spaced / "bin", Path("/etc"), path="")
    assert shlex.split(said) == [str(spaced / "bin" / "edge-agent")]


def test_without_a_script_it_is_python(tmp_path: Path) -> None:
    assert program_name.program(tmp_path, tmp_path, path="") == f"{sys.executable} -m edge_agent"


def test_arguments_are_quoted() -> None:
    assert program_name.command("send", "my photo.jpg").endswith(" send 'my photo.jpg'")


def test_the_command_that_a_message_names_can_be_run(tmp_path: Path) -> None:
    """The advice of a real message, run by a real shell in the same folder."""
    nowhere = edge_agent_in(tmp_path, "watch", "--host", "localhost", "--nonsense")
    advice = nowhere.stderr.strip().partition("`")[2].partition("`")[0]
    done = subprocess.run(["/bin/sh", "-c", advice], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, (nowhere.stderr, done.stderr)
    assert "--count" in done.stdout
