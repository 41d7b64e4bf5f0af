"""Every health problem, provoked in a running agent; each ends by itself with its cause."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from edge_agent.telemetry.problem_codes import ProblemCode
from testing.agent_process import AGENT_ID, AgentProcess
from testing.broker import Mosquitto
from testing.pictures import jpeg
from testing.pools import BY_WIDTH, WIDTHS
from testing.processes import needs_namespaces
from testing.programs import mosquitto_plugin, program
from testing.recorder import Recorder
from testing.shared_data import shared
from testing.waiting import wait_until
from tests.stand_in import Stick

AGENT = f"edge_agent/{AGENT_ID}"
HEALTH = f"{AGENT}/health"
SOON_S = 45.0
SECURITY = mosquitto_plugin("mosquitto_dynamic_security.so")

pytestmark = [pytest.mark.broker, pytest.mark.timeout(240)]


def asked(recorder: Recorder) -> dict[str, Any]:
    """Return the current health."""
    recorder.clear()
    recorder.publish(f"{AGENT}/command/health", "")
    health: dict[str, Any] = recorder.wait_for(HEALTH)
    return health


def texts(health: dict[str, Any]) -> dict[str, str]:
    """Return the problems by their code."""
    return {problem["code"]: problem["text"] for problem in health["problems"]}


def wait_for_problem(recorder: Recorder, code: str, status: str = "degraded") -> str:
    """Return the text of a problem once it is reported."""
    last: dict[str, Any] = {}

    def told() -> str:
        last.update(asked(recorder))
        return texts(last).get(code, "") if last["status"] == status else ""

    return wait_until(told, timeout_s=SOON_S, why=lambda: f"{last['status']}: {last['reasons']}")


def wait_until_ok(recorder: Recorder, timeout_s: float = SOON_S) -> None:
    """Wait until there is no problem."""
    last: dict[str, Any] = {}

    def is_ok() -> bool:
        last.update(asked(recorder))
        return bool(last["status"] == "ok")

    wait_until(is_ok, timeout_s=timeout_s, why=lambda: f"{last['status']}: {last['reasons']}")
    assert last["reasons"] == last["problems"] == []


def kill_workers(health: dict[str, Any]) -> None:
    for worker in health["workers"]:
        if worker["pid"]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(worker["pid"], signal.SIGKILL)


def test_workers_that_are_killed_repeatedly(mosquitto: Mosquitto, recorder: Recorder) -> None:
    """One of them backs off, then all do; afterwards they recover, and a minute later the health is ok."""
    settings = {"POOL__RESTART_INTENSITY": "3", "POOL__RESTART_DELAY_S": "0.1", "POOL__RESTART_DELAY_MAX_S": "15"}
    with AgentProcess.with_script(mosquitto.port, None, **settings) as agent:
        agent.wait_until_ready(recorder)
        seen: dict[str, str] = {}

        def is_failed() -> bool:
            health = asked(recorder)
            seen.update(texts(health))
            kill_workers(health)
            return bool(health["status"] == "failed")

        wait_until(is_failed, timeout_s=SOON_S, why=lambda: str(seen))
        assert "no picture is processed: the last worker was ended by SIGKILL" in seen["no_workers"]
        assert "pauses; the last time it was ended by SIGKILL" in seen["worker_circuit_open"]
        assert "times in the last minute" in seen["workers_dying"]
        wait_until_ok(recorder, timeout_s=120)


def test_a_worker_that_is_not_replaced_at_once(mosquitto: Mosquitto, recorder: Recorder) -> None:
    with AgentProcess.with_script(mosquitto.port, None, POOL__RESTART_DELAY_S="12") as agent:
        agent.wait_until_ready(recorder)
        first = asked(recorder)["workers"][0]["pid"]
        os.kill(first, signal.SIGKILL)
        again = wait_until(lambda: pid if (pid := asked(recorder)["workers"][0]["pid"]) not in {None, first} else None)
        os.kill(again, signal.SIGKILL)
        assert wait_for_problem(recorder, "worker_away") == ("Worker 0 is being replaced: it was ended by SIGKILL")
        wait_until_ok(recorder)


def test_an_edgetpu_that_is_unplugged(mosquitto: Mosquitto, recorder: Recorder, tmp_path: Path) -> None:
    stick = Stick(tmp_path)
    settings = {
        "DETECTION__STRATEGIES": "edgetpu,mock", "DETECTION__SECOND_STAGE": "off",
        "DETECTION__MOCK_SCRIPT": '{"latency_ms": 150}', "DETECTION__EDGETPU_LIBRARY": str(stick.library),
        "DETECTION__EDGETPU_MODEL": str(stick.model), "POOL__PROBE_BACKOFF_S": "0.3",
    }  # fmt: skip
    with AgentProcess(mosquitto.port, **settings) as agent:
        recorder.wait_for(HEALTH, lambda health: health["detector"] == "edgetpu")
        for number in range(8):
            recorder.publish(f"doorbell/door{number}/frame", jpeg(seed=number), user={"trigger": "motion"})
        recorder.wait_for_count("doorbell/+/faces", 8)
        stick.does("no_device")
        recorder.publish("doorbell/front/frame", jpeg(), user={"trigger": "press"})
        text = wait_for_problem(recorder, "accelerator_lost")
        assert text.startswith("Coral lost since ")
        assert "; running on the MOCK, about " in text
        assert text.endswith(" times slower")
        assert agent.log.count('"problem":"accelerator_lost"') == 1
        stick.does("work")
        wait_until_ok(recorder)


def test_a_detector_that_does_not_load(mosquitto: Mosquitto, recorder: Recorder) -> None:
    settings = {
        "MODELS__DIR": str(shared("models")), "DETECTION__STRATEGIES": "mock,cpu", "DETECTION__SECOND_STAGE": "off",
        "DETECTION__MOCK_SCRIPT": '{"load": "error"}',
    }  # fmt: skip
    with AgentProcess(mosquitto.port, **settings) as agent:
        agent.wait_until_ready(recorder)
        assert "The detector mock script cannot be used: " in wait_for_problem(recorder, "detector_unavailable")


def test_a_broker_that_goes_away(mosquitto: Mosquitto) -> None:
    with AgentProcess.with_script(mosquitto.port) as agent:
        with Recorder(mosquitto.port) as recorder:
            agent.wait_until_ready(recorder)
        mosquitto.stop()
        wait_until(lambda: "No connection to the broker since" in agent.log, timeout_s=SOON_S)
        mosquitto.start()
        with Recorder(mosquitto.port) as recorder:
            wait_until(lambda: "(over since" in texts(asked(recorder)).get("broker_lost", ""))
            wait_until_ok(recorder)
            assert asked(recorder)["broker"]["connections"] == 2


def test_a_broker_that_refuses_what_is_published(tmp_path: Path) -> None:
    acl = tmp_path / "acl"
    acl.write_text("topic readwrite #\n", encoding="ascii")
    with (
        Mosquitto(f"acl_file {acl}") as broker,
        Recorder(broker.port) as recorder,
        AgentProcess.with_script(broker.port) as agent,
    ):
        agent.wait_until_ready(recorder)
        wait_until_ok(recorder)
        acl.write_text("topic readwrite #\ntopic deny doorbell/+/state\n", encoding="ascii")
        broker.signal(signal.SIGHUP)
        recorder.publish("doorbell/front/frame", jpeg())
        text = wait_for_problem(recorder, "broker_refuses")
        assert text.startswith("The broker refuses messages to doorbell/front/state")
        acl.write_text("topic readwrite #\n", encoding="ascii")
        broker.signal(signal.SIGHUP)
        recorder.publish("homeassistant/status", "online")
        wait_until_ok(recorder)


@pytest.mark.skipif(not SECURITY, reason="needs mosquitto's dynamic security plugin")
def test_a_broker_that_refuses_a_subscription(tmp_path: Path) -> None:
    rules = tmp_path / "rules.json"
    _control("dynsec", "init", str(rules), "admin", "let me in")
    said = json.loads(rules.read_text(encoding="utf-8"))
    said["defaultACLAccess"] = dict.fromkeys(said["defaultACLAccess"], True) | {"subscribe": False}
    recorders = {"acltype": "subscribeLiteral", "topic": "#", "allow": True}
    said["roles"].append({"rolename": "recorder", "acls": [recorders]})
    said["groups"] = [{"groupname": "all", "roles": [{"rolename": "recorder"}], "clients": []}]
    said["anonymousGroup"] = "all"
    rules.write_text(json.dumps(said), encoding="utf-8")
    with (
        Mosquitto(f"plugin {SECURITY}", f"plugin_opt_config_file {rules}") as broker,
        AgentProcess.with_script(broker.port) as agent,
    ):
        with Recorder(broker.port) as recorder:
            agent.wait_until_ready(recorder)
            text = wait_for_problem(recorder, "broker_refuses")
            assert re.match(
                "The broker refuses the subscription to .* more: allow it in the broker's access list", text
            )
            asked_for = f"Received SUBSCRIBE from edge_agent-{AGENT_ID}"
            wait_until(lambda: broker.log.count(asked_for) > 1, timeout_s=30)  # it asks again
        admin = ("-u", "admin", "-P", "let me in", "-p", str(broker.port))
        _control(*admin, "dynsec", "addRoleACL", "recorder", "subscribePattern", "#", "allow")  # all are sent away
        with Recorder(broker.port) as recorder:
            wait_until_ok(recorder)
            recorder.publish("doorbell/front/frame", jpeg())
            recorder.wait_for("doorbell/front/faces")


def _control(*arguments: str) -> None:
    subprocess.run([program("mosquitto_ctrl", "mosquitto"), *arguments], check=True, capture_output=True)


def test_more_pictures_than_can_be_processed(mosquitto: Mosquitto, recorder: Recorder) -> None:
    settings = {"QUEUE__MOTION_EXPIRY_S": "0.3", "QUEUE__MOTION_PER_DOORBELL": "50"}
    with AgentProcess.with_script(mosquitto.port, {"latency_ms": 400}, **settings) as agent:
        agent.wait_until_ready(recorder)
        for number in range(40):
            recorder.publish("doorbell/front/frame", jpeg(seed=number), user={"trigger": "motion"})
        text = wait_for_problem(recorder, "overload")
        assert "Pictures arrive faster than they can be processed" in text
        wait_until_ok(recorder)


def test_a_camera_that_sends_no_pictures(mosquitto: Mosquitto, recorder: Recorder) -> None:
    with AgentProcess.with_script(mosquitto.port) as agent:
        agent.wait_until_ready(recorder)
        for number in range(6):
            recorder.publish("doorbell/front/frame", b"no picture %d" % number)
        error = recorder.wait_for(f"{AGENT}/error")
        assert (error["component"], error["error_type"], error["doorbell"]) == ("agent", "bad_image", "front")
        text = wait_for_problem(recorder, "frames_failing")
        assert "pictures could not be read: check what the camera sends" in text
        wait_until_ok(recorder)


def test_folders_that_cannot_be_written(mosquitto: Mosquitto, recorder: Recorder, tmp_path: Path) -> None:
    """A file blocks each folder; when it is gone, the problem ends."""
    state, poison, runtime = (tmp_path / name for name in ("state", "poison", "runtime"))
    for folder in (state, poison, runtime):
        folder.write_text("in the way", encoding="ascii")
    settings = {"STATE__DIR": str(state), "QUARANTINE__DIR": str(poison)}
    agent = AgentProcess.with_script(mosquitto.port, {"by_width": BY_WIDTH}, **settings)
    agent.environment["RUNTIME_DIRECTORY"] = str(runtime)
    with agent:
        assert "cannot be written" in wait_for_problem(recorder, "heartbeat")
        recorder.publish(f"{AGENT}/detection/set", "ON")
        assert "cannot be" in wait_for_problem(recorder, "state")
        recorder.publish("doorbell/front/frame", jpeg(WIDTHS["segfault"], 80))
        assert "could not be kept" in wait_for_problem(recorder, "quarantine")
        for folder in (state, poison, runtime):
            folder.unlink()
        wait_until_ok(recorder)
        assert agent.healthcheck().returncode == 0


class FakePi:
    """The kernel files of a Raspberry Pi, in place of this host's."""

    MEMORY = "MemTotal:        1000000 kB\nMemAvailable:    {} kB\n"

    def __init__(self, folder: Path) -> None:
        self._class, self._platform, self.disk = folder / "class", folder / "platform", folder / "disk"
        self._meminfo = folder / "meminfo"
        for each in (self._class / "hwmon/hwmon0", self._platform / "soc/soc:firmware", self.disk):
            each.mkdir(parents=True)
        self._put(self._class / "hwmon/hwmon0/name", "cpu_thermal")
        self.be()

    def be(self, *, temperature_c: float = 50, throttled: int = 0, free_kb: int = 500_000) -> None:
        """Set the state from now on; `throttled` has the bits of the firmware."""
        self._put(self._class / "hwmon/hwmon0/temp1_input", str(round(temperature_c * 1000)))
        self._put(self._platform / "soc/soc:firmware/get_throttled", f"{throttled:x}\n")
        self._put(self._meminfo, self.MEMORY.format(free_kb))

    def surroundings(self) -> tuple[str, ...]:
        """Return the command that runs an agent on it, with 100 MB of disk."""
        mounts = (
            f"mount --bind {self._class} /sys/class",
            f"mount --bind {self._platform} /sys/devices/platform",
            f"mount --bind {self._meminfo} /proc/meminfo",
            f"mount -t tmpfs -o size=100m none {self.disk}",
        )
        return ("unshare", "-m", "sh", "-ec", f'{"; ".join(mounts)}; exec "$@"', "sh")

    @staticmethod
    def _put(path: Path, text: str) -> None:
        path.write_text(text, encoding="ascii")


@needs_namespaces
def test_a_raspberry_pi_that_is_hot_and_short_of_resources(
    mosquitto: Mosquitto, recorder: Recorder, tmp_path: Path
) -> None:
    pi = FakePi(tmp_path)
    with AgentProcess.with_script(mosquitto.port, None, STATE__DIR=str(pi.disk)) as agent:
        agent.start_in(*pi.surroundings())
        agent.wait_until_ready(recorder)
        wait_until_ok(recorder)
        pi.be(temperature_c=82)
        assert "at 82 °C" in wait_for_problem(recorder, "hot")
        pi.be(temperature_c=77)
        assert "at 77 °C" in wait_for_problem(recorder, "hot"), "it must be clearly cooler"
        pi.be(throttled=0x50005)
        assert "is throttled" in wait_for_problem(recorder, "throttled")
        assert "power supply" in wait_for_problem(recorder, "under_voltage")
        pi.be(throttled=0x50000, free_kb=30_000)
        assert "MB of memory are free" in wait_for_problem(recorder, "memory_low")
        pi.be()
        seen_inside = Path(f"/proc/{agent.pid}/root{pi.disk}/large")
        seen_inside.write_bytes(bytes(60_000_000))
        assert "free on the disk" in wait_for_problem(recorder, "disk_low")
        seen_inside.unlink()
        wait_until_ok(recorder)


def test_an_agent_that_is_frozen_is_not_alive(mosquitto: Mosquitto, recorder: Recorder) -> None:
    with AgentProcess.with_script(mosquitto.port) as agent:
        agent.wait_until_ready(recorder)
        wait_until(lambda: agent.healthcheck().returncode == 0)
        agent.signal(signal.SIGSTOP)
        done = wait_until(
            lambda: failed if (failed := agent.healthcheck()).returncode else None, timeout_s=30, interval_s=1.0
        )
        assert done.stderr.startswith("the agent test is unhealthy: the ")
        assert len(done.stderr.splitlines()) == 1
        agent.signal(signal.SIGCONT)
        wait_until(lambda: agent.healthcheck().returncode == 0)


def test_every_rule_is_provoked_in_a_running_agent() -> None:
    """Here, or where its fault has its other tests."""
    folders = (Path(__file__).parent, Path(__file__).parents[1] / "integration")
    text = "".join(file.read_text(encoding="utf-8") for folder in folders for file in folder.glob("test_*.py"))
    assert [code for code in ProblemCode if f'"{code}"' not in text] == []
