"""Model files from real folders and a real HTTP server; a bad one is never returned."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from http.client import HTTPMessage
from io import BytesIO
from typing import TYPE_CHECKING, Final, NoReturn

import pytest

from edge_agent.errors import ModelUnavailableError
from edge_agent.model_store import ModelStore
from edge_agent.model_store.download import LIMITS, DownloadLimits, HttpsRedirects
from edge_agent.model_store.folders import spare_dir
from testing.shared_data import PROJECT
from tests.model_server import CONTENT, PATIENCE_S, SHA256, ModelServer, files_in, serve, store_of, tiny

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModelServer]:
    """Return a running model server, reached without the user's proxy settings."""
    monkeypatch.setenv("no_proxy", "*")
    yield from serve()


# Folders


def test_the_users_folder_comes_first_and_is_not_written_to(tmp_path: Path, server: ModelServer) -> None:
    """A user's file is used in place, without a download."""
    folder, cache = tmp_path / "mine", tmp_path / "cache"
    folder.mkdir()
    (folder / "tiny.onnx").write_bytes(CONTENT)
    assert store_of(tiny(f"{server.address}/good"), cache, folder=folder).resolve("tiny") == folder / "tiny.onnx"
    assert server.asked == []
    assert not cache.exists()


def test_a_wrong_file_in_the_users_folder_is_skipped(
    tmp_path: Path, server: ModelServer, caplog: pytest.LogCaptureFixture
) -> None:
    """It is left unchanged, with a warning, and the next source is used."""
    (tmp_path / "tiny.onnx").write_bytes(b"something else")
    cache = tmp_path / "cache"
    path = store_of(tiny(f"{server.address}/good"), cache, folder=tmp_path).resolve("tiny")
    assert path == cache / "tiny.onnx"
    assert (tmp_path / "tiny.onnx").read_bytes() == b"something else"
    assert f"{tmp_path / 'tiny.onnx'} is damaged or another version" in caplog.text


def test_a_model_is_fetched_once(tmp_path: Path, server: ModelServer) -> None:
    """The second time it comes from the cache, which contains nothing else."""
    models = store_of(tiny(f"{server.address}/good"), tmp_path / "new" / "cache")
    path = models.resolve("tiny")
    assert path.read_bytes() == CONTENT
    assert models.resolve("tiny") == path
    assert server.asked == ["/good"]
    assert files_in(path.parent) == ["tiny.onnx"]


@pytest.mark.parametrize("damage", [b"", CONTENT[:-1], CONTENT[:-1] + b"x"], ids=["empty", "short", "flipped"])
def test_a_damaged_cache_is_replaced(tmp_path: Path, server: ModelServer, damage: bytes) -> None:
    """A partial file after a power cut is replaced."""
    (tmp_path / "tiny.onnx").write_bytes(damage)
    assert store_of(tiny(f"{server.address}/good"), tmp_path).resolve("tiny").read_bytes() == CONTENT
    assert files_in(tmp_path) == ["tiny.onnx"]


def test_the_cache_follows_the_users_environment(
    tmp_path: Path, server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a setting the cache is at the XDG location."""
    model = tiny(f"{server.address}/good")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert ModelStore(models={"tiny": model}).resolve("tiny") == tmp_path / "xdg/edge-agent/models/tiny.onnx"
    monkeypatch.setenv("XDG_CACHE_HOME", "not/absolute")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert ModelStore(models={"tiny": model}).resolve("tiny") == tmp_path / "home/.cache/edge-agent/models/tiny.onnx"


@pytest.fixture
def unwritable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a cache folder that not even root can write to; temporary files go to `tmp_path`."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    (tmp_path / "file").touch()
    return tmp_path / "file" / "cache"


def test_an_unwritable_cache_gives_only_a_warning(
    unwritable: Path, server: ModelServer, caplog: pytest.LogCaptureFixture
) -> None:
    """The model is stored with the temporary files, and found there the next time."""
    models = store_of(tiny(f"{server.address}/good"), unwritable)
    path = models.resolve("tiny")
    assert path == spare_dir() / "tiny.onnx"
    assert models.resolve("tiny") == path
    assert server.asked == ["/good"]
    assert f"files are kept in {spare_dir()}" in caplog.text


def test_a_spare_folder_of_someone_else_is_not_used(unwritable: Path, server: ModelServer, tmp_path: Path) -> None:
    """Its owner could replace the file after it was checked."""
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    (theirs / "tiny.onnx").write_bytes(CONTENT)
    spare_dir().symlink_to(theirs)
    with pytest.raises(ModelUnavailableError, match="belongs to another user"):
        store_of(tiny(f"{server.address}/good"), unwritable).resolve("tiny")


def test_a_user_without_a_home_has_a_cache(unwritable: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A container may run under a user id without a user."""
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", "")
    monkeypatch.setattr("pwd.getpwuid", _no_user)
    spare_dir().mkdir()
    (spare_dir() / "tiny.onnx").write_bytes(CONTENT)
    assert unwritable.parents[1] in ModelStore(models={"tiny": tiny()}).resolve("tiny").parents


def _no_user(user: int) -> NoReturn:
    raise KeyError(user)


# The public address


@pytest.mark.parametrize(
    ("path", "limits", "reason"),
    [
        ("/cut", LIMITS, "127.0.0.1 sent only 128000 of 256000 bytes"),
        ("/other", LIMITS, "the address: the file that came is damaged or another version"),
        ("/long", LIMITS, "127.0.0.1 sent more than the 256000 bytes of tiny.onnx"),
        ("/missing", LIMITS, "127.0.0.1 answered 404 Not Found"),
        ("/redirect", LIMITS, "127.0.0.1 answered 302 redirect to an address without https"),
        ("/silent", DownloadLimits(answer_s=0.3), "127.0.0.1 gave no answer within 0.3 s"),
        ("/stall", DownloadLimits(silence_s=0.3), "127.0.0.1 timed out"),
        ("/drip", DownloadLimits(whole_s=0.3), "127.0.0.1 sent only [0-9]+ of 256000 bytes within 0.3 s"),
    ],
)
def test_a_bad_server_gives_no_model(
    tmp_path: Path, server: ModelServer, path: str, limits: DownloadLimits, reason: str
) -> None:
    """Only a partial file is kept for the next attempt, and the message has the reason."""
    with pytest.raises(ModelUnavailableError, match=reason):
        store_of(tiny(server.address + path), tmp_path, limits=limits).resolve("tiny")
    assert set(files_in(tmp_path)) <= {".unfinished-tiny.onnx"}


def test_a_redirect_to_https_is_followed() -> None:
    """Public addresses move their files to other servers."""
    request = urllib.request.Request("https://here.example/tiny.onnx")
    moved = HttpsRedirects().redirect_request(request, BytesIO(), 302, "", HTTPMessage(), "https://there.example/1")
    assert moved is not None
    assert moved.full_url == "https://there.example/1"


def test_a_download_is_resumed(tmp_path: Path, server: ModelServer) -> None:
    """Within one start, and at the next one after a failure."""
    model, half = tiny(f"{server.address}/resume"), len(CONTENT) // 2
    assert store_of(model, tmp_path / "one").resolve("tiny").read_bytes() == CONTENT
    assert server.asked == ["/resume@0", f"/resume@{half}"]
    cache = tmp_path / "two"
    with pytest.raises(ModelUnavailableError):
        store_of(tiny(f"{server.address}/cut"), cache).resolve("tiny")
    assert files_in(cache) == [".unfinished-tiny.onnx"]
    seen: list[int] = []
    store = ModelStore(None, cache, models={"tiny": model}, progress=lambda _model, size: seen.append(size))
    assert store.resolve("tiny").read_bytes() == CONTENT
    assert server.asked[-1] == f"/resume@{half}"
    assert half < seen[0] <= seen[-1] == len(CONTENT)
    assert files_in(cache) == ["tiny.onnx"]


def test_files_of_a_killed_process_are_removed(tmp_path: Path, server: ModelServer) -> None:
    for name, age_s in (("old", 7200), ("new", 60)):
        folder = tmp_path / f".fetch-{name}"
        folder.mkdir()
        then = time.time() - age_s
        os.utime(folder, (then, then))
    store_of(tiny(f"{server.address}/good"), tmp_path).resolve("tiny")
    assert files_in(tmp_path) == [".fetch-new", "tiny.onnx"]


def test_a_broken_connection_is_tried_again(tmp_path: Path, server: ModelServer) -> None:
    """One interruption only costs time."""
    assert store_of(tiny(f"{server.address}/cut_once"), tmp_path).resolve("tiny").read_bytes() == CONTENT
    assert server.asked == ["/cut_once", "/cut_once"]


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/tiny.onnx", "http://models.invalid/tiny.onnx"])
def test_without_a_network_the_message_names_the_fix(tmp_path: Path, url: str) -> None:
    """It lists every source with its reason, the file, and its folder."""
    with pytest.raises(ModelUnavailableError) as caught:
        store_of(tiny(url), tmp_path, folder=tmp_path / "mine").resolve("tiny")
    message = str(caught.value)
    for part in (
        f"{tmp_path / 'mine' / 'tiny.onnx'} does not exist",
        f"{tmp_path / 'tiny.onnx'} does not exist",
        "cannot be reached (",
        "the index: no package has it",
        f"Put tiny.onnx ({url}) into {tmp_path / 'mine'}, or set EDGE_AGENT_MODELS__DIR",
    ):
        assert part in message


def test_an_unknown_model_names_the_known_ones(tmp_path: Path) -> None:
    """The message helps with a typing error."""
    with pytest.raises(ModelUnavailableError, match="there is no model 'yunet'; there are yunet_n, "):
        ModelStore(None, tmp_path).resolve("yunet")


# Other processes

RESOLVE: Final = """
import sys
from pathlib import Path
from edge_agent.model_store import PinnedFile, ModelStore
cache, url, sha256, size = sys.argv[1:]
model = PinnedFile("tiny", "tiny.onnx", sha256, int(size), "MIT", url)
print(ModelStore(None, Path(cache), models={"tiny": model}).resolve("tiny"))
"""


def start_resolving(cache: Path, url: str) -> subprocess.Popen[str]:
    """Start a process that resolves the tiny model."""
    command = [sys.executable, "-c", RESOLVE, str(cache), url, SHA256, str(len(CONTENT))]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=PROJECT)


def test_two_processes_fetch_the_same_model_at_once(tmp_path: Path, server: ModelServer) -> None:
    """Each gets the complete file, and the cache contains it once; the server sends only while both wait."""
    both = [start_resolving(tmp_path, f"{server.address}/together") for _ in range(2)]
    answers = [process.communicate(timeout=PATIENCE_S)[0].strip() for process in both]
    assert answers == [str(tmp_path / "tiny.onnx")] * 2
    assert (tmp_path / "tiny.onnx").read_bytes() == CONTENT
    assert files_in(tmp_path) == ["tiny.onnx"]


def test_a_process_killed_while_it_fetches_leaves_no_half_model(tmp_path: Path, server: ModelServer) -> None:
    """The next one fetches it normally."""
    with start_resolving(tmp_path, f"{server.address}/stall") as process:
        assert server.stalled.wait(PATIENCE_S)
        process.kill()
    assert not (tmp_path / "tiny.onnx").exists()
    assert store_of(tiny(f"{server.address}/good"), tmp_path).resolve("tiny").read_bytes() == CONTENT
