"""The sandbox: what a compromised worker cannot do."""

from __future__ import annotations

import json
import logging
import os
import re
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from edge_agent.domain import DetectorPlan
from edge_agent.model_store import MODELS
from edge_agent.platform import landlock
from edge_agent.pool import Pool, WorkerPlan
from edge_agent.wire import Detected, DetectorChoice, ModelFile
from testing.pools import LIMITS, MAX_PIXELS, PoolUnderTest, scripted
from testing.shared_data import PROJECT, shared

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.skipif(not landlock.version(), reason="this kernel has no Landlock")

ATTEMPTS = """
import json, os, pathlib, socket, subprocess, sys
from edge_agent.wire import DetectorChoice, ModelFile, SharedBuffer, WorkerSpec
from edge_agent.worker.sandbox import enter_sandbox

folder, device, port, pid = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
model = SharedBuffer.sealed(b"content")
own = DetectorChoice("cpu", "yunet_n", folder + "/model", device)
choice = DetectorChoice("cpu", "yunet_n", f"/proc/self/fd/{model.fileno()}", device, file=ModelFile("", "", ""))
memory = os.memfd_create("before")
listener = socket.create_server(("127.0.0.1", 0))
words = enter_sandbox(WorkerSpec(0, (choice, own), 1, 1, sandbox=True)).text

def tried(act):
    try:
        act()
    except OSError as error:
        return type(error).__name__
    return "done"

def ends(other):
    os.kill(other, 0)

import wave  # what Python and its libraries load late can still be loaded
print(json.dumps({
    "words": words,
    "read a secret": tried(lambda: pathlib.Path(folder, "secret").read_bytes()),
    "read the model": tried(lambda: pathlib.Path(choice.path).read_bytes()),
    "read an own model": tried(lambda: pathlib.Path(own.path).read_bytes()),
    "write to an own model": tried(lambda: pathlib.Path(own.path).write_bytes(b"")),
    "list": tried(lambda: os.listdir(folder)),
    "write": tried(lambda: pathlib.Path(folder, "new").write_bytes(b"")),
    "write to the model": tried(lambda: os.pwrite(model.fileno(), b"x", 0)),
    "remove": tried(lambda: pathlib.Path(folder, "secret").unlink()),
    "run": tried(lambda: subprocess.run(["/bin/true"])),
    "connect": tried(lambda: socket.create_connection(("127.0.0.1", port), 1)),
    "listen": tried(lambda: socket.create_server(("127.0.0.1", 0))),
    "signal": tried(lambda: ends(pid)),
    "read its parent": tried(lambda: pathlib.Path(f"/proc/{os.getppid()}/environ").read_bytes()),
    "write to its own memory file": tried(lambda: os.pwrite(memory, b"x" * 9000, 0) and os.ftruncate(memory, 0)),
    "read about itself": tried(lambda: pathlib.Path("/proc/self/statm").read_bytes()),
}))
"""


def _attempt(folder: Path, device: str = "") -> dict[str, Any]:
    for name in ("secret", "model"):
        (folder / name).write_bytes(b"content")
    command = [sys.executable, "-c", ATTEMPTS, str(folder), device, "1", str(os.getpid())]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True, timeout=30)
    attempts: dict[str, Any] = json.loads(done.stdout)
    return attempts


def test_a_worker_can_only_read_programs_and_its_model(tmp_path: Path) -> None:
    attempts = _attempt(tmp_path)
    assert attempts.pop("words") == f"Landlock {landlock.version()}"
    allowed = {attempt for attempt, result in attempts.items() if result == "done"}
    of_the_network = {"connect", "listen"} if landlock.version() < 4 else set()
    of_signals = {"signal"} if landlock.version() < 6 else set()
    expected = {"read the model", "read an own model", "write to its own memory file", "read about itself"}
    assert allowed - of_the_network - of_signals == expected
    assert (tmp_path / "secret").read_bytes() == b"content"


@pytest.mark.skipif(landlock.version() < 4, reason="this Landlock knows nothing of the network")
def test_a_worker_with_an_accelerator_drops_only_the_network(tmp_path: Path) -> None:
    attempts = _attempt(tmp_path, device="usb:0")
    assert attempts["read a secret"] == attempts["write"] == "done"
    assert attempts["connect"] == attempts["listen"] == "PermissionError"


def test_the_inference_engine_stores_and_sends_nothing(tmp_path: Path) -> None:
    program = (
        "import os, sys\n"
        "from edge_agent.detectors import table\n"
        "from edge_agent.wire import DetectorChoice\n"
        "table.load(DetectorChoice('cpu', 'yunet_n', sys.argv[1]))\n"
        "print(len(os.listdir('/proc/self/task')))\n"
    )
    model = shared("models", "yunet_n_640_640.onnx")
    environment = {"HOME": str(tmp_path), "PATH": os.environ["PATH"], "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", program, str(model)],
        cwd=PROJECT, env=environment, capture_output=True, text=True, check=True, timeout=30,
    )  # fmt: skip
    assert list(tmp_path.rglob("*")) == []
    assert int(done.stdout) <= 2


def pinned() -> DetectorChoice:
    path = str(shared("models", "yunet_n_dynamic.onnx"))
    return DetectorChoice("cpu", "yunet_n", path, file=ModelFile(path, "sha256", MODELS["yunet_n"].sha256))


@pytest.mark.parametrize("choice", [lambda: scripted(latency_ms=1), pinned], ids=["scripted", "pinned"])
def test_workers_of_the_pool_run_in_a_sandbox(choice: Callable[[], DetectorChoice]) -> None:
    with PoolUnderTest(choice()) as tested:
        view = tested.wait_until_idle()
        assert {worker.sandbox for worker in view.workers} == {f"Landlock {landlock.version()}"}
        assert isinstance(tested.wait_for(tested.offer()).result, Detected)
        status = [Path(f"/proc/{worker.pid}/status").read_text(encoding="ascii") for worker in view.workers]
    assert all("NoNewPrivs:\t1" in each and "CapEff:\t0000000000000000" in each for each in status)


@pytest.mark.parametrize(("sandbox", "note"), [(True, ""), (False, " (not sandboxed: pool.sandbox is off)")])
def test_a_ready_worker_is_logged_with_a_note_only_without_a_sandbox(
    sandbox: bool, note: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    ready = threading.Event()
    plan = WorkerPlan(DetectorPlan((scripted(),)), MAX_PIXELS, LIMITS.memory_limit_bytes, sandbox=sandbox)
    pool = Pool(replace(LIMITS, workers=1), plan, lambda _: None, lambda view: ready.set() if view.working() else None)
    pool.start()
    try:
        assert ready.wait(30)
    finally:
        pool.stop(1.0)
    (line,) = (message for message in caplog.messages if message.startswith("worker 0 ready"))
    assert re.fullmatch(r"worker 0 ready: mock script in \d+ ms" + re.escape(note), line)
