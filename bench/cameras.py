"""Measure captured cameras: cost, memory, from a press to its answer, and what the buffer is good for.

Usage: python -P -m bench.cameras CLIP [cost] [press] [buffer] [many]. It needs mosquitto and GStreamer's RTSP server.
"""

from __future__ import annotations

import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import av
import psutil

from testing.agent_process import AgentProcess
from testing.broker import Mosquitto
from testing.cameras.http_camera import HttpCamera, Request
from testing.cameras.servers import RtspServer
from testing.photos import face_photo
from testing.pictures import jpeg
from testing.recorder import Recorder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

FRAMES: Final = 120
SIZE: Final = (1920, 1080)
FPS: Final = 15
PRESSES: Final = 50
WINDOW_S: Final = 20.0
ROUNDS: Final = 3
APART_S: Final = 3.0
DECODE_ALL: Final = """
import av, sys
with av.open(sys.argv[1], options={"rtsp_transport": "tcp"}) as container:
    container.streams.video[0].codec_context.thread_count = 1
    for frame in container.decode(video=0):
        pass
"""


def write_frames(clip: Path, folder: Path) -> str:
    """Write frames of a clip as numbered JPEGs of SIZE; return their pattern."""
    encoder: Any = av.CodecContext.create("mjpeg", "w")
    encoder.width, encoder.height = SIZE
    encoder.pix_fmt, encoder.time_base = "yuvj420p", Fraction(1, 25)
    with av.open(str(clip)) as container:
        for number, frame in zip(range(FRAMES), container.decode(video=0), strict=False):
            scaled = frame.reformat(*SIZE, "yuvj420p")
            scaled.pts, scaled.time_base = number, encoder.time_base
            (folder / f"{number:05}.jpg").write_bytes(b"".join(map(bytes, encoder.encode(scaled))))
    return str(folder / "%05d.jpg")


@contextlib.contextmanager
def stream(clip: Path, **options: int) -> Iterator[RtspServer]:
    """Serve a clip as a camera does."""
    with tempfile.TemporaryDirectory() as folder:
        wanted: dict[str, Any] = {
            "images": write_frames(clip, Path(folder)),
            "width": SIZE[0],
            "height": SIZE[1],
            "fps": FPS,
        }
        with RtspServer(kbits=4000, **(wanted | options)) as server:
            yield server


def percent_of_a_core(process: psutil.Process, seconds: float) -> float:
    """Return the processor time of a process."""
    before = process.cpu_times()
    time.sleep(seconds)
    after = process.cpu_times()
    return 100 * (after.user + after.system - before.user - before.system) / seconds


def cost(clip: Path) -> dict[str, Any]:
    """Compare an idle capture process with one that decodes everything, in turns."""
    with Mosquitto() as broker, stream(clip) as server:
        command = [sys.executable, "-m", "edge_agent", "capture", server.url]
        capture = subprocess.Popen([*command, "--host", "127.0.0.1", "--port", str(broker.port)])  # noqa: S603 - ours
        decode = subprocess.Popen([sys.executable, "-c", DECODE_ALL, server.url])  # noqa: S603 - ours
        time.sleep(5)
        idle, all_ = psutil.Process(capture.pid), psutil.Process(decode.pid)
        idle_percent, all_percent = [], []
        for _ in range(ROUNDS):
            idle_percent.append(percent_of_a_core(idle, WINDOW_S))
            all_percent.append(percent_of_a_core(all_, WINDOW_S))
        memory = idle.memory_full_info()
        for process in (capture, decode):
            process.kill()
            process.wait()
    return {
        "idle_percent": [round(each, 2) for each in idle_percent],
        "decode_all_percent": [round(each, 2) for each in all_percent],
        "rss_mb": round(memory.rss / 1e6, 1),
        "pss_mb": round(memory.pss / 1e6, 1),
        "uss_mb": round(memory.uss / 1e6, 1),
    }


def press(clip: Path) -> dict[str, Any]:
    """Measure from a press message to the answer with a face."""
    with (
        Mosquitto() as broker,
        stream(clip) as server,
        Recorder(broker.port, topic_filter="doorbell/+/answer") as recorder,
        Recorder(broker.port, topic_filter="edge_agent/#") as health,
        AgentProcess.with_real_detector(broker.port, CAMERAS=json.dumps([{"url": server.url}])) as agent,
    ):
        agent.wait_until_ready(health)
        found = health.wait_for("edge_agent/test/health", lambda each: bool(each["cameras"][0]["frames"]))
        time.sleep(APART_S)
        times = []
        for number in range(PRESSES):
            began_s = time.monotonic()
            recorder.publish("doorbell/front/press", "pressed")
            answer = recorder.wait_for_count("doorbell/front/answer", number + 1)[-1]
            times.append((1000 * (answer.at_s - began_s), answer.json["event_type"]))
            time.sleep(APART_S)
        process = psutil.Process(found["cameras"][0]["pid"]).memory_full_info()
    return {**summary(times), "pss_mb": round(process.pss / 1e6, 1), "rss_mb": round(process.rss / 1e6, 1)}


def summary(times: list[tuple[float, str]]) -> dict[str, Any]:
    """Return median and p95 in milliseconds, and how many had a face."""
    with_face = sorted(each for each, said in times if said == "face")
    return {
        "presses": len(times),
        "with_face": len(with_face),
        "p50_ms": round(statistics.median(with_face), 1) if with_face else None,
        "p95_ms": round(with_face[int(0.95 * (len(with_face) - 1))], 1) if with_face else None,
    }


def buffer(_clip: Path) -> dict[str, Any]:
    """Press when the visitor has turned away half a second ago; with the buffer and without."""
    return {f"before_s={before_s:g}": _turned_away(before_s) for before_s in (2.0, 0.0)}


def _turned_away(before_s: float) -> dict[str, Any]:
    face, nobody, is_there = face_photo(), [jpeg(640, 480, seed) for seed in range(10)], [True]

    def answer(request: Request) -> None:
        request.stream(lambda number: face if is_there else nobody[number % 10])

    cameras = json.dumps([{"before_s": before_s, "url": "URL"}])
    with Mosquitto() as broker, Recorder(broker.port) as recorder, HttpCamera(answer) as camera:
        settings = cameras.replace("URL", camera.url)
        with AgentProcess.with_real_detector(broker.port, CAMERAS=settings) as agent:
            agent.wait_until_ready(recorder)
            recorder.wait_for("edge_agent/test/health", lambda each: bool(each["cameras"][0]["frames"]))
            times = []
            for number in range(PRESSES // 2):
                is_there[:] = [True]
                time.sleep(APART_S)
                is_there.clear()
                time.sleep(0.5)
                began_s = time.monotonic()
                recorder.publish("doorbell/front/press", "pressed")
                said = recorder.wait_for_count("doorbell/front/answer", number + 1)[-1]
                times.append((1000 * (said.at_s - began_s), said.json["event_type"]))
    return summary(times)


def many(clip: Path, count: int = 8) -> dict[str, Any]:
    """Capture several cameras of 640x360 at once."""
    with contextlib.ExitStack() as stack:
        broker = stack.enter_context(Mosquitto())
        server = stack.enter_context(stream(clip, width=640, height=360))
        recorder = stack.enter_context(Recorder(broker.port, topic_filter="edge_agent/#"))
        cameras = [{"url": server.url, "doorbell": f"door{number}"} for number in range(count)]
        agent = stack.enter_context(AgentProcess.with_real_detector(broker.port, CAMERAS=json.dumps(cameras)))
        agent.wait_until_ready(recorder)
        recorder.wait_for("edge_agent/test/health", lambda each: all(one["frames"] for one in each["cameras"]))
        health = recorder.events("edge_agent/test/health")[-1]
        processes = [psutil.Process(each["pid"]) for each in health["cameras"]]
        before = [sum(each.cpu_times()[:2]) for each in processes]
        time.sleep(WINDOW_S)
        used = [sum(each.cpu_times()[:2]) - old for each, old in zip(processes, before, strict=True)]
        memory = [each.memory_full_info() for each in processes]
    return {
        "cameras": count,
        "percent_each": [round(100 * each / WINDOW_S, 2) for each in used],
        "pss_mb_each": [round(each.pss / 1e6, 1) for each in memory],
        "rss_mb_each": [round(each.rss / 1e6, 1) for each in memory],
    }


def main() -> None:
    """Print each result as a line of JSON."""
    clip, wanted = Path(sys.argv[1]), sys.argv[2:] or ["cost", "press", "buffer", "many"]
    print(json.dumps({"load1": os.getloadavg()[0], "cores": os.cpu_count()}), flush=True)
    questions: dict[str, Callable[[Path], dict[str, Any]]] = {
        "cost": cost,
        "press": press,
        "buffer": buffer,
        "many": many,
    }
    for name in wanted:
        print(json.dumps({name: questions[name](clip)}), flush=True)


if __name__ == "__main__":
    main()
