"""Image files of all kinds: a bad one costs one line, the others are used, and none is ever written over."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from edge_agent.ingest.image_files import find_images
from testing.agent_process import AgentProcess
from testing.pictures import jpeg
from testing.processes import needs_namespaces
from tests.command_line import edge_agent, edge_agent_in

if TYPE_CHECKING:
    import subprocess

    from testing.broker import Mosquitto
    from testing.recorder import Recorder

MOCK = {"EDGE_AGENT_DETECTION__STRATEGIES": "mock", "COLUMNS": "300"}
NOT_UTF_8 = os.fsdecode(b"visit\xf6r.jpg")
REASONS = {
    "broken.jpg": "No such file or directory",
    "pipe.jpg": "it is not a regular file",
    "large.jpg": "it has 3000 MB",
    "locked": "Permission denied",
    "locked.jpg": "Permission denied",
}


@pytest.fixture
def album(tmp_path: Path) -> Path:
    """Return a folder with good pictures of strange names, and everything that is not a picture."""
    folder = tmp_path / "album"
    (folder / "folder.jpg").mkdir(parents=True)
    (folder / "[x]").mkdir()
    for name in ("visitor [copy].jpg", "[x]/[", "[x]/x].png", "folder.jpg/inner.jpg", NOT_UTF_8, "[bold red].JPEG"):
        (folder / name).write_bytes(jpeg())
    (folder / "broken.jpg").symlink_to("nowhere")
    os.mkfifo(folder / "pipe.jpg")
    with (folder / "large.jpg").open("wb") as file:
        file.truncate(3_000_000_000)
    return folder


GOOD = ("visitor [copy].jpg", "x].png", "inner.jpg", "visit\ufffdr.jpg", "[bold red].JPEG")
BAD = ("broken.jpg", "pipe.jpg", "large.jpg")


def detect(*arguments: str | Path, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    return edge_agent_in(folder or Path.cwd(), "detect", *map(str, arguments), **MOCK)


def test_detect_uses_all_that_can_be_read(album: Path) -> None:
    done = detect(album)
    assert done.returncode == 1
    assert done.stderr.strip() == "edge-agent: detection failed in 3 of 8 images"
    rows = done.stdout.splitlines()[1:]
    assert len(rows) == 8
    for name in GOOD:
        (row,) = [row for row in rows if name in row]
        assert "320x240" in row
    for name in BAD:
        (row,) = [row for row in rows if name in row]
        assert REASONS[name] in row


def test_detect_prints_valid_json_for_every_name(album: Path) -> None:
    done = detect("--json", album)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert {Path(line["image"]).name for line in lines if line["error"] is None} == set(GOOD)
    assert {Path(line["image"]).name for line in lines if line["error"]} == set(BAD)


def test_paths_that_do_not_exist_are_told_and_the_rest_is_used(album: Path) -> None:
    done = detect(album / "nowhere.jpg", album / "visitor [copy].jpg", album / "[x]")
    assert done.returncode == 1
    assert "No such file or directory" in done.stdout
    assert done.stdout.count("320x240") == 2


@needs_namespaces
def test_what_this_user_may_not_read_is_told(album: Path) -> None:
    (album / "locked").mkdir()
    (album / "locked" / "a.jpg").write_bytes(jpeg())
    (album / "locked.jpg").write_bytes(jpeg())
    for each in ("locked", "locked.jpg"):
        (album / each).chmod(0)
    found = edge_agent_in(
        Path.cwd(), "detect", str(album), through=("setpriv", "--bounding-set=-all", "--inh-caps=-all"), **MOCK
    )
    for each in ("locked", "locked.jpg"):
        (row,) = [row for row in found.stdout.splitlines() if row.split()[0].endswith(f"/{each}")]
        assert REASONS[each] in row
    assert found.stdout.count("320x240") == 5
    named = [str(album / each) for each in ("locked.jpg", "locked", "visitor [copy].jpg")]
    found = edge_agent_in(
        Path.cwd(), "detect", *named, through=("setpriv", "--bounding-set=-all", "--inh-caps=-all"), **MOCK
    )
    assert found.stderr.strip() == "edge-agent: detection failed in 2 of 3 images"


def test_send_sends_all_that_can_be_read(mosquitto: Mosquitto, recorder: Recorder, album: Path) -> None:
    with AgentProcess.with_script(mosquitto.port) as agent:
        agent.wait_until_ready(recorder)
        done = edge_agent("send", "--host", "127.0.0.1", "--port", str(mosquitto.port), str(album), COLUMNS="300")
        recorder.wait_for_count("doorbell/front/frame", 5)
    assert done.returncode == 1
    *lines, last = done.stderr.splitlines()
    assert last == "edge-agent: 3 of 8 images could not be read, and were not sent"
    assert [any(name in line and REASONS[name] in line for line in lines) for name in BAD] == [True] * 3
    assert "sent 5 images as doorbell front" in done.stdout


def test_send_without_any_image_sends_no_press(mosquitto: Mosquitto, recorder: Recorder, album: Path) -> None:
    broker = ("--host", "127.0.0.1", "--port", str(mosquitto.port))
    done = edge_agent("send", "--press", *broker, str(album / "broken.jpg"))
    assert done.returncode == 1
    assert "nothing was sent" in done.stderr
    assert not recorder.messages("doorbell/front/press")


@pytest.mark.parametrize("host", ["::1", "fe80::1%nowhere"])
def test_an_ipv6_host_in_a_message_is_no_markup(host: str, album: Path) -> None:
    done = edge_agent("send", "--host", host, "--port", "9", str(album / "[x]"))
    assert done.returncode == 1
    assert f"[{host}]:9" in done.stderr


def test_an_annotated_image_never_replaces_a_file(tmp_path: Path) -> None:
    photo, other = jpeg(seed=1), jpeg(seed=2)
    for path, content in (("a/door.jpg", photo), ("b/door.jpg", other), ("b/door.png", other), ("door.jpg", photo)):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_bytes(content)
    (tmp_path / "door-2.jpg").symlink_to("a/door.jpg")
    done = detect("a", "b", "--save-annotated", ".", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "a/door.jpg").read_bytes() == (tmp_path / "door.jpg").read_bytes() == photo
    assert (tmp_path / "b/door.jpg").read_bytes() == (tmp_path / "b/door.png").read_bytes() == other
    made = sorted(path.name for path in tmp_path.glob("door-*.jpg") if not path.is_symlink())
    assert made == ["door-3.jpg", "door-4.jpg", "door-5.jpg"]
    assert detect("door.jpg", "--save-annotated", ".", folder=tmp_path).returncode == 0
    assert (tmp_path / "door.jpg").read_bytes() == photo


@needs_namespaces
def test_a_full_disk_costs_one_line_an_image(tmp_path: Path) -> None:
    (tmp_path / "door.jpg").write_bytes(jpeg())
    (tmp_path / "out").mkdir()
    full = f"mount -t tmpfs -o size=4k none {tmp_path}/out; dd if=/dev/zero of={tmp_path}/out/full bs=4k 2>/dev/null"
    done = edge_agent_in(
        tmp_path, "detect", "door.jpg", "--save-annotated", "out",
        through=("unshare", "-m", "sh", "-c", f'{full}; exec "$@"', "sh"), **MOCK,
    )  # fmt: skip
    assert done.returncode == 1
    first, second = done.stderr.splitlines()
    assert first == "door.jpg: the annotated image could not be saved: No space left on device"
    assert second == "edge-agent: 1 of 1 annotated images could not be saved"
    assert "320x240" in done.stdout


def test_folders_are_searched_by_name(album: Path) -> None:
    names = [path.relative_to(album).name for path in find_images([album])]
    assert names.index("inner.jpg") < names.index("large.jpg") < names.index("pipe.jpg")
    assert "[" not in names
