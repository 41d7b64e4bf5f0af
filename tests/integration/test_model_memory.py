"""What a worker loads is what was verified, and a named folder means no network."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from edge_agent.errors import ModelUnavailableError
from edge_agent.model_store import MODELS
from edge_agent.model_store.folders import unfinished, workspace
from edge_agent.platform.regular_file import read_regular
from edge_agent.wire import SharedBuffer
from testing.agent_process import AgentProcess
from testing.photos import face_photo
from testing.pictures import jpeg
from testing.shared_data import shared
from tests.command_line import edge_agent
from tests.model_server import CONTENT, store_of, tiny

if TYPE_CHECKING:
    from testing.broker import Mosquitto
    from testing.recorder import Recorder

FILES = tuple(MODELS[name].filename for name in ("yunet_n", "centerface"))


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """Return a folder with both models of the cpu strategy."""
    folder = tmp_path / "models"
    folder.mkdir()
    for name in FILES:
        shutil.copy(shared("models") / name, folder)
    return folder


@pytest.mark.broker
@pytest.mark.parametrize("change", ["exchange", "remove", "pipe"])
def test_a_restarted_worker_loads_what_was_verified(
    mosquitto: Mosquitto, recorder: Recorder, models: Path, change: str
) -> None:
    agent = AgentProcess(mosquitto.port, MODELS__DIR=str(models), POOL__RESTART_DELAY_S="0.05")
    with agent:
        agent.wait_until_ready(recorder)
        for name in FILES:
            if change == "exchange":
                (models / name).write_bytes(b"another model")
                continue
            (models / name).unlink()
            if change == "pipe":
                os.mkfifo(models / name)
        before = {worker["pid"] for worker in recorder.events("edge_agent/test/health")[-1]["workers"]}
        for pid in before:
            os.kill(pid, signal.SIGKILL)
        recorder.wait_for(
            "edge_agent/test/health",
            lambda health: all(
                worker["state"] == "idle" and worker["pid"] not in before for worker in health["workers"]
            ),
        )
        recorder.publish("doorbell/front/frame", face_photo(), user={"trigger": "press"})
        event = recorder.wait_for("doorbell/front/faces")
        assert (event["outcome"], event["detector"]["model"]) == ("face", "yunet_n")


def test_with_a_folder_nothing_is_fetched(models: Path, tmp_path: Path) -> None:
    """Neither an incomplete folder nor a wrong file makes the agent ask the network."""
    (models / FILES[1]).unlink()
    (tmp_path / "a.jpg").write_bytes(jpeg())
    environment = {
        "EDGE_AGENT_MODELS__DIR": str(models),
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "PIP_INDEX_URL": "http://127.0.0.1:9/",
    }
    done = edge_agent("detect", str(tmp_path / "a.jpg"), **environment)
    assert done.returncode == 0
    assert "no second stage: centerface is missing" in done.stderr
    (models / FILES[0]).write_bytes(b"another model")
    done = edge_agent("detect", str(tmp_path / "a.jpg"), **environment)
    assert done.returncode == 1
    assert "fetching" not in done.stderr
    assert not (tmp_path / "cache").exists()


def test_a_model_in_memory_cannot_be_changed() -> None:
    model = SharedBuffer.sealed(CONTENT)
    with pytest.raises(OSError, match="Operation not permitted"):
        model.write(b"another")
    assert model.read(len(CONTENT)) == CONTENT
    model.close()


def test_a_link_or_pipe_in_the_cache_is_not_used(tmp_path: Path) -> None:
    elsewhere, cache = tmp_path / "elsewhere", tmp_path / "cache"
    elsewhere.write_bytes(CONTENT)
    cache.mkdir()
    store = store_of(tiny(), cache)
    (cache / "tiny.onnx").symlink_to(elsewhere)
    assert store.find("tiny") is None
    assert "it is a link" in store.faults("tiny")[0]
    (cache / "tiny.onnx").unlink()
    os.mkfifo(cache / "tiny.onnx")
    with pytest.raises(ModelUnavailableError, match="it is not a regular file"):
        store.resolve("tiny")


def test_a_link_in_the_users_own_folder_is_followed(tmp_path: Path) -> None:
    """As in a volume of Kubernetes."""
    (tmp_path / "data").write_bytes(CONTENT)
    (tmp_path / "tiny.onnx").symlink_to("data")
    assert store_of(tiny(), tmp_path / "cache", folder=tmp_path).find("tiny") == tmp_path / "tiny.onnx"


def test_a_large_file_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.truncate(3_000_000_000)
    with pytest.raises(OSError, match="it has 3000 MB, more than 1 MB"):
        read_regular(path, 1_000_000)


def test_a_link_in_place_of_an_unfinished_file_is_not_written_to(tmp_path: Path) -> None:
    theirs, cache = tmp_path / "theirs", tmp_path / "cache"
    theirs.write_bytes(b"precious")
    cache.mkdir()
    (cache / ".unfinished-tiny.onnx").symlink_to(theirs)
    with workspace(cache) as folder, unfinished(Path(folder), "tiny.onnx", len(CONTENT)):
        (Path(folder) / "tiny.onnx").write_bytes(CONTENT)
    assert theirs.read_bytes() == b"precious"
