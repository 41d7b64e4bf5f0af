"""A soak test: memory, descriptors and threads at full load, while workers are recycled."""

from __future__ import annotations

import itertools
import threading
import time
from typing import TYPE_CHECKING, Final

import psutil

from testing.agent_process import AgentProcess
from testing.broker import Mosquitto
from testing.processes import descendants, holdings
from testing.recorder import Recorder

if TYPE_CHECKING:
    from pathlib import Path

DOORBELLS: Final = ("front", "back", "garage", "gate")
RATE: Final = 100.0
RECYCLING: Final = {"POOL__MAX_JOBS": "2000", "LOG__LEVEL": "error"}


def measure(picture: Path, minutes: float) -> None:
    """Send more than the workers can process, and print the agent's resources each minute."""
    image, over = picture.read_bytes(), threading.Event()
    print("minute  descriptors  threads  agent MB  workers MB  processes  processed  workers so far")
    with (
        Mosquitto() as broker,
        Recorder(broker.port, topic_filter="edge_agent/#") as recorder,
        AgentProcess(broker.port, **RECYCLING) as agent,
    ):
        agent.wait_until_ready(recorder)
        sender = threading.Thread(target=_send, args=(recorder, image, over), daemon=True)
        sender.start()
        pids: set[int] = set()
        for minute in range(round(minutes) + 1):
            over.wait(60.0 if minute else 10.0)
            row, workers = _row(agent, recorder)
            pids |= workers
            print(f"{minute:6}  {row}  {len(pids):14}", flush=True)
            recorder.clear()
        over.set()
        sender.join()


def _send(recorder: Recorder, image: bytes, over: threading.Event) -> None:
    due_s = time.monotonic()
    for number in itertools.count():
        due_s += 1 / RATE
        if over.wait(max(0.0, due_s - time.monotonic())):
            return
        recorder.publish(f"doorbell/{DOORBELLS[number % 4]}/frame", image, qos=0, user={"trigger": "motion"})


def _row(agent: AgentProcess, recorder: Recorder) -> tuple[str, set[int]]:
    """Return the current figures, and the process ids of the workers in the health message."""
    held = holdings(agent.pid)
    health = recorder.events("edge_agent/test/health")[-1] if recorder.messages("edge_agent/test/health") else None
    workers = {worker["pid"] for worker in health["workers"] if worker["pid"]} if health else set()
    processed = sum(event["answered"]["face"] for event in recorder.events("edge_agent/test/metrics")[-1:])
    agent_mb, workers_mb = held["memory"] / 1e6, sum(map(_uss, workers)) / 1e6
    figures = f"{held['descriptors']:11}  {held['threads']:7}  {agent_mb:8.1f}  {workers_mb:10.1f}"
    return f"{figures}  {len(descendants(agent.pid)):9}  {processed:9}", workers


def _uss(pid: int) -> int:
    try:
        return int(psutil.Process(pid).memory_full_info().uss)
    except psutil.Error:
        return 0
