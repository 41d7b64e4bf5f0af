"""The agent when its environment fails: signals, file systems, the broker, the network, the clock."""

from __future__ import annotations

import os
import signal
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from edge_agent.platform.temporary_folder import SHARED_MEMORY
from testing.agent_process import AGENT_ID, AgentProcess
from testing.broker import Mosquitto
from testing.photos import face_photo
from testing.pictures import jpeg
from testing.pools import BY_WIDTH, WIDTHS
from testing.processes import descendants, is_alive, needs_namespaces
from testing.recorder import Recorder
from testing.waiting import wait_until
from tests.proxy import Proxy

if TYPE_CHECKING:
    from pathlib import Path

AVAILABILITY = f"edge_agent/{AGENT_ID}/availability"
HEALTH = f"edge_agent/{AGENT_ID}/health"


def _keep_busy(recorder: Recorder, frames: int = 20) -> None:
    for number in range(frames):
        recorder.publish(f"doorbell/door{number % 5}/frame", jpeg(seed=number % 3), user={"trigger": "motion"})


def test_case_9_nothing_outlives_an_agent_that_is_killed_while_a_worker_hangs(
    mosquitto: Mosquitto, recorder: Recorder
) -> None:
    script = {"by_width": BY_WIDTH}
    with AgentProcess.with_script(mosquitto.port, script, POOL__JOB_TIMEOUT_S="60") as agent:
        agent.wait_until_ready(recorder)
        recorder.publish("doorbell/front/frame", jpeg(WIDTHS["hang_holding_gil"], 80))
        wait_until(lambda: len(recorder.messages("doorbell/front/state")) == 1)
        processes = descendants(agent.pid)
        assert len(processes) >= 3
        agent.kill()
        wait_until(lambda: not any(map(is_alive, processes)), timeout_s=5)
    recorder.wait_for_payload(AVAILABILITY, b"offline")


def test_case_10_sigterm_under_load_finishes_and_goes_offline(mosquitto: Mosquitto, recorder: Recorder) -> None:
    with AgentProcess.with_script(mosquitto.port, {"latency_ms": 50}) as agent:
        agent.wait_until_ready(recorder)
        _keep_busy(recorder)
        processes = descendants(agent.pid)
        agent.signal(signal.SIGTERM)
        assert agent.wait(10) == 0
        recorder.wait_for_payload(AVAILABILITY, b"offline")
        wait_until(lambda: not any(map(is_alive, processes)), timeout_s=2)
        assert "Traceback" not in agent.log


@needs_namespaces
def test_case_10_as_pid_1_of_a_container(mosquitto: Mosquitto, recorder: Recorder) -> None:
    with AgentProcess.with_script(mosquitto.port, {"latency_ms": 50}) as agent:
        agent.start_in("unshare", "-pf", "--mount-proc", "--kill-child")
        agent.wait_until_ready(recorder)
        _keep_busy(recorder)
        (first,) = wait_until(lambda: _children(agent.pid))
        os.kill(first, signal.SIGTERM)
        assert agent.wait(10) == 0
        recorder.wait_for_payload(AVAILABILITY, b"offline")


def _children(pid: int) -> list[int]:
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:  # noqa: PTH123 - of the kernel
        return [int(child) for child in file.read().split()]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_case_11_a_second_signal_ends_it_at_once(
    mosquitto: Mosquitto, recorder: Recorder, number: signal.Signals
) -> None:
    script = {"by_width": BY_WIDTH}
    with AgentProcess.with_script(
        mosquitto.port, script, POOL__JOB_TIMEOUT_S="60", POOL__GRACEFUL_TIMEOUT_S="60"
    ) as agent:
        agent.wait_until_ready(recorder)
        recorder.publish("doorbell/front/frame", jpeg(WIDTHS["hang"], 80), user={"trigger": "press"})
        wait_until(lambda: len(recorder.messages("doorbell/front/state")) == 1)
        processes = descendants(agent.pid)
        agent.signal(number)
        wait_until(lambda: "stopping" in agent.log)
        agent.signal(number)
        assert agent.wait(5) == 130
        wait_until(lambda: not any(map(is_alive, processes)), timeout_s=5)
        assert "Traceback" not in agent.log


@needs_namespaces
@pytest.mark.parametrize("fill", ["true", "dd if=/dev/zero of=/dev/shm/full bs=1M 2>/dev/null"])
def test_case_13_a_small_or_full_shared_memory_folder_does_not_matter(
    mosquitto: Mosquitto, recorder: Recorder, fill: str
) -> None:
    with AgentProcess.with_script(mosquitto.port) as agent:
        setup = f'mount -t tmpfs -o size=4m none /dev/shm; {fill}; exec "$@"'
        agent.start_in("unshare", "-m", "sh", "-c", setup, "sh")
        agent.wait_until_ready(recorder)
        large = jpeg(2000, 1500) + b"\0" * 5_000_000
        recorder.publish("doorbell/front/frame", large)
        assert recorder.wait_for("doorbell/front/faces")["outcome"] == "face"


@needs_namespaces
def test_case_14_a_full_disk_does_not_stop_detection_and_is_reported(
    mosquitto: Mosquitto, recorder: Recorder, tmp_path: Path
) -> None:
    script, folder = {"by_width": BY_WIDTH}, tmp_path / "poison"
    folder.mkdir()
    with AgentProcess.with_script(mosquitto.port, script, QUARANTINE__DIR=str(folder)) as agent:
        fill = f"mount -t tmpfs -o size=4k none {folder}; dd if=/dev/zero of={folder}/full bs=4k 2>/dev/null"
        agent.start_in("unshare", "-m", "sh", "-c", f'{fill}; exec "$@"', "sh")
        agent.wait_until_ready(recorder)
        recorder.publish("doorbell/front/frame", jpeg(WIDTHS["exit"], 80))
        assert recorder.wait_for("doorbell/front/faces")["reason"] == "quarantined"
        health = recorder.wait_for(
            HEALTH, lambda health: any("could not be kept" in each for each in health["reasons"])
        )
        assert health["status"] == "degraded"
        recorder.publish("doorbell/back/frame", jpeg())
        assert recorder.wait_for("doorbell/back/faces")["outcome"] == "face"


@needs_namespaces
def test_case_14_a_read_only_root_does_not_matter(mosquitto: Mosquitto, recorder: Recorder) -> None:
    with AgentProcess.with_script(mosquitto.port) as agent:
        agent.start_in("unshare", "-m", "sh", "-c", 'mount --bind / /; mount -o remount,ro,bind /; exec "$@"', "sh")
        agent.wait_until_ready(recorder)
        recorder.publish("doorbell/front/frame", jpeg())
        assert recorder.wait_for("doorbell/front/faces")["outcome"] == "face"


NO_ROOM = (
    "for folder in /tmp /var/tmp {more}; do mount -t tmpfs -o size=4k none $folder;"
    " dd if=/dev/zero of=$folder/full bs=4k; done 2>/dev/null;"
    ' mount --bind . .; mount -o remount,ro,bind .; cd .; exec "$@"'
)
"""Fills every folder in which Python would make temporary files."""


@needs_namespaces
@pytest.mark.parametrize(("more", "codes"), [("", set()), (SHARED_MEMORY, {"temporary_folder"})])
def test_case_14_without_a_folder_for_temporary_files_detection_works(
    mosquitto: Mosquitto, recorder: Recorder, tmp_path: Path, more: Path | str, codes: set[str]
) -> None:
    """They are in memory, or workers start without any; health then says what is missing."""
    with AgentProcess.with_real_detector(mosquitto.port) as agent:
        agent.environment |= {"XDG_CACHE_HOME": str(tmp_path), "TMPDIR": ""}
        agent.start_in("unshare", "-m", "sh", "-c", NO_ROOM.format(more=more), "sh")
        agent.wait_until_ready(recorder)
        recorder.publish("doorbell/front/frame", face_photo())
        assert recorder.wait_for("doorbell/front/faces")["outcome"] == "face"
        health = recorder.wait_for(HEALTH, lambda health: codes <= {each["code"] for each in health["problems"]})
        assert "temporary_folder" in codes or "temporary_folder" not in str(health["problems"])
        assert agent.stop() == 0


def test_quarantined_pictures_are_stored_up_to_the_limit(
    mosquitto: Mosquitto, recorder: Recorder, tmp_path: Path
) -> None:
    settings = {
        "QUARANTINE__DIR": str(tmp_path / "poison"),
        "QUARANTINE__MAX_FILES": "1",
        "POOL__RESTART_INTENSITY": "50",
    }
    with AgentProcess.with_script(mosquitto.port, {"by_width": BY_WIDTH}, **settings) as agent:
        agent.wait_until_ready(recorder)
        for number, act in enumerate(("exit", "kill")):
            recorder.publish("doorbell/front/frame", jpeg(WIDTHS[act], 80))
            recorder.wait_for_count("doorbell/front/faces", number + 1)
        assert agent.stop() == 0  # a picture is kept after its event was published
    (kept,) = (tmp_path / "poison").iterdir()
    assert kept.read_bytes() == jpeg(WIDTHS["kill"], 80)


def test_case_21_an_agent_that_starts_before_its_broker_connects_later() -> None:
    broker = Mosquitto()
    with AgentProcess.with_script(broker.port) as agent:
        wait_until(lambda: "trying again" in agent.log)
        with broker, Recorder(broker.port) as recorder:
            agent.wait_until_ready(recorder)
            recorder.publish("doorbell/front/frame", jpeg())
            recorder.wait_for("doorbell/front/faces")


def test_case_22_a_black_hole_is_detected_and_left(mosquitto: Mosquitto, recorder: Recorder) -> None:
    with Proxy(mosquitto.port) as line, AgentProcess.with_script(line.port, MQTT__KEEPALIVE_S="5") as agent:
        agent.wait_until_ready(recorder)
        line.swallow()
        wait_until(lambda: "lost the connection" in agent.log, timeout_s=15)
        line.heal()
        wait_until(lambda: agent.log.count("connected to the broker") >= 2, timeout_s=40)
        recorder.publish("doorbell/front/frame", jpeg())
        recorder.wait_for("doorbell/front/faces")


def test_case_23_a_broker_that_lost_everything_gets_everything_again(mosquitto: Mosquitto) -> None:
    with AgentProcess.with_script(mosquitto.port) as agent:
        with Recorder(mosquitto.port) as recorder:
            agent.wait_until_ready(recorder)
            recorder.publish("doorbell/front/frame", jpeg())
            recorder.wait_for("doorbell/front/state", lambda state: state["face_present"])
        mosquitto.kill()
        mosquitto.start()
        with Recorder(mosquitto.port) as recorder:
            recorder.wait_for_payload(AVAILABILITY, b"online")
            recorder.wait_for_payload("doorbell/front/availability", b"online")
            assert recorder.wait_for("doorbell/front/state")["face_present"]
            recorder.publish("doorbell/front/frame", jpeg(seed=1))
            recorder.wait_for("doorbell/front/faces")


SHIFTED_CLOCK = """
import datetime, pathlib, sys
from edge_agent.agent import stamps as agent
from edge_agent.ingest import router as intake
from edge_agent.__main__ import main

shift = pathlib.Path(sys.argv.pop())

class Shifted(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        days = float(shift.read_text()) if shift.exists() else 0
        return datetime.datetime.now(tz) + datetime.timedelta(days=days)

agent.datetime = intake.datetime = Shifted
if __name__ == "__main__":
    main()
"""
"""The agent, with a wall clock that a file shifts by days."""


def move_clock(shift: Path, days: float) -> None:
    """Write the file atomically: the agent must not read half of it."""
    written = shift.with_suffix(".new")
    written.write_text(str(days), encoding="ascii")
    written.replace(shift)


def test_case_26_deadlines_ignore_the_wall_clock(mosquitto: Mosquitto, recorder: Recorder, tmp_path: Path) -> None:
    script, shift = {"latency_ms": 300, "faces": 0}, tmp_path / "days"
    settings = {"PRESS__DEADLINE_S": "1.5", "PRESS__DEBOUNCE_S": "0"}
    with AgentProcess.with_script(mosquitto.port, script, **settings) as agent:
        agent.start_in(program=("-c", SHIFTED_CLOCK, "run", str(shift)))
        agent.wait_until_ready(recorder)
        for number, days in enumerate((1, -1), start=1):
            recorder.publish("doorbell/front/press", "")
            recorder.publish("doorbell/front/frame", jpeg(seed=number))
            (ring,) = recorder.wait_for_count("doorbell/front/ring", number)[number - 1 :]
            move_clock(shift, days)
            (answer,) = recorder.wait_for_count("doorbell/front/answer", number)[number - 1 :]
            assert answer.json["event_type"] == "no_face"
            assert answer.at_s - ring.at_s > 1.0
            assert 1000 < answer.json["age_ms"] < 10_000
            jump_s = answer.json["clock_jump_s"]
            assert jump_s == pytest.approx((days - (0, 1)[number - 1]) * 86_400, abs=1)
        assert recorder.events(HEALTH)[-1]["status"] == "ok"


@pytest.mark.parametrize("hours", [1, -1])
def test_case_26_an_hours_jump_of_the_wall_clock_changes_no_age_and_no_duration(
    mosquitto: Mosquitto, recorder: Recorder, tmp_path: Path, hours: int
) -> None:
    shift = tmp_path / "days"
    with AgentProcess.with_script(mosquitto.port, DOORBELLS__VISIT_GAP_S="2") as agent:
        agent.start_in(program=("-c", SHIFTED_CLOCK, "run", str(shift)))
        agent.wait_until_ready(recorder)
        for number in range(3):
            if number == 1:
                recorder.wait_for("doorbell/front/visit")
                move_clock(shift, hours / 24)
            recorder.publish("doorbell/front/frame", jpeg(seed=number), user=_taken_now())
            event = recorder.wait_for_count("doorbell/front/faces", number + 1)[number].json
            assert 0 <= event["age_ms"] < 5000
        left = recorder.wait_for("doorbell/front/visit", lambda visit: visit["event_type"] == "face_left")
    assert left["frames"] == 3
    assert left["clock_jump_s"] == pytest.approx(3600 * hours, abs=1)
    assert 0 <= left["duration_s"] < 10
    assert 0 <= left["age_ms"] < 20_000
    times = [datetime.fromisoformat(left[key]) for key in ("started_at", "last_seen_at")]
    assert 0 <= (times[1] - times[0]).total_seconds() < 10
    (appeared, *_) = recorder.events("doorbell/front/visit")
    assert (appeared["clock_jump_s"], appeared["started_at"]) == (0, left["started_at"])


def _taken_now() -> dict[str, str]:
    return {"captured_at": datetime.now(UTC).isoformat()}


def test_case_27_a_second_agent_with_our_id_is_reported(mosquitto: Mosquitto, recorder: Recorder) -> None:
    with AgentProcess.with_script(mosquitto.port) as first:
        first.wait_until_ready(recorder)
        with AgentProcess.with_script(mosquitto.port) as second:
            words = "another client probably uses our client id"
            wait_until(
                lambda: words in first.log or words in second.log, timeout_s=40, why=lambda: first.log + second.log
            )


def test_a_press_that_was_not_answered_is_answered_after_a_restart_with_the_same_event_id(
    mosquitto: Mosquitto, recorder: Recorder
) -> None:
    script = {"by_width": {"320": "hang"}}
    with AgentProcess.with_script(mosquitto.port, script, POOL__JOB_TIMEOUT_S="60") as hanging:
        hanging.wait_until_ready(recorder)
        recorder.publish("doorbell/front/frame", jpeg(), user={"trigger": "press", "frame_id": "7"})
        wait_until(lambda: len(recorder.messages("doorbell/front/ring")) == 1)
        hanging.kill()
    with AgentProcess.with_script(mosquitto.port) as agent:
        event = recorder.wait_for("doorbell/front/faces")
        assert (event["frame_id"], event["outcome"]) == ("7", "face")
        assert recorder.wait_for("doorbell/front/answer")["event_type"] == "face"
        agent.stop()
        agent.start()
        agent.wait_until_ready(recorder)
        recorder.publish("doorbell/back/frame", jpeg(64, 48))
        recorder.wait_for("doorbell/back/faces")
    assert len(recorder.events("doorbell/front/faces")) == 1


def test_a_pool_that_keeps_failing_ends_the_agent(mosquitto: Mosquitto, recorder: Recorder) -> None:
    settings = {"POOL__GIVE_UP_S": "1", "POOL__RESTART_INTENSITY": "2", "POOL__RESTART_DELAY_MAX_S": "30"}
    with AgentProcess.with_script(mosquitto.port, {"load": "exit"}, **settings) as agent:
        health = recorder.wait_for(HEALTH, lambda health: health["status"] == "failed")
        assert agent.wait(20) == 1
        assert "giving up" in agent.log
    assert any("exited with code 3" in reason for reason in health["reasons"])
    recorder.wait_for_payload(AVAILABILITY, b"offline")
