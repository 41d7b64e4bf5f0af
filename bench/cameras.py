"""Measure captured cameras: cost, memory, from a press to its answer, and what the buffer is good for.

Usage: python -P -m bench.cameras CLIP [cost] [cost-h265] [cost-rtsps] [press] [buffer] [many] [many-1080p]. It needs
mosquitto and GStreamer's RTSP server.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import os
import ssl
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
import trustme

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
EACH_PRESS: Final = {"PRESS__DEBOUNCE_S": "0"}
"""By default, presses that are APART_S apart are one push."""
METRICS: Final = "edge_agent/test/metrics"
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
def stream(clip: Path, **options: int | str) -> Iterator[RtspServer]:
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


def processor_s(process: psutil.Process) -> float:
    """Return the processor time of a process."""
    return float(sum(process.cpu_times()[:2]))


def memory_mb(process: psutil.Process) -> dict[str, float]:
    """Return resident memory, and the share of it that the process has to answer for."""
    found = process.memory_full_info()
    return {"rss_mb": round(found.rss / 1e6, 1), "pss_mb": round(found.pss / 1e6, 1)}


def cost(clip: Path, codec: str = "h264", *, tls: bool = False) -> dict[str, Any]:
    """Compare an idle capture process with a process that decodes everything, in the same windows."""
    with (
        contextlib.ExitStack() as stack,
        Mosquitto() as broker,
        stream(clip, codec=codec) as plain,
        Recorder(broker.port, topic_filter="edge_agent/#") as health,
    ):
        secure = stack.enter_context(tls_stream(clip, codec)) if tls else None
        camera = {"url": secure[0].url, "fingerprint": secure[1]} if secure else {"url": plain.url}
        agent = AgentProcess.with_script(broker.port, {"faces": 0}, CAMERAS=json.dumps([camera]))
        stack.enter_context(agent)
        agent.wait_until_ready(health)
        found = health.wait_for("edge_agent/test/health", lambda each: bool(each["cameras"][0]["frames"]))
        decode = subprocess.Popen([sys.executable, "-c", DECODE_ALL, plain.url])  # noqa: S603 - ours
        stack.callback(decode.wait)
        stack.callback(decode.kill)
        time.sleep(5)
        both = [psutil.Process(pid) for pid in (found["cameras"][0]["pid"], decode.pid)]
        shares = []
        for _ in range(ROUNDS):
            before = [processor_s(each) for each in both]
            time.sleep(WINDOW_S)
            used = (processor_s(each) - old for each, old in zip(both, before, strict=True))
            shares.append([round(100 * each / WINDOW_S, 2) for each in used])
        return {
            "idle_percent": [idle for idle, _ in shares],
            "decode_all_percent": [everything for _, everything in shares],
            **memory_mb(both[0]),
            "peak_mb": peak_mb(both[0]),
        }


def peak_mb(process: psutil.Process) -> float:
    """Return the largest resident memory that a process had."""
    status = Path(f"/proc/{process.pid}/status").read_text(encoding="ascii")
    return round(int(status.split("VmHWM:")[1].split()[0]) * 1024 / 1e6, 1)


@contextlib.contextmanager
def tls_stream(clip: Path, codec: str) -> Iterator[tuple[RtspServer, str]]:
    """Serve a clip with a certificate of the camera's own; yield its fingerprint too."""
    made = trustme.CA().issue_cert("127.0.0.1")
    pem = made.cert_chain_pems[0].bytes()
    with tempfile.TemporaryDirectory() as folder:
        certificate, key = Path(folder, "camera.crt"), Path(folder, "camera.key")
        certificate.write_bytes(pem)
        made.private_key_pem.write_to_path(key)
        with stream(clip, codec=codec, certificate=str(certificate), key=str(key)) as server:
            yield server, hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem.decode())).hexdigest()


def press(clip: Path) -> dict[str, Any]:
    """Measure from a press message to the answer with a face."""
    with (
        Mosquitto() as broker,
        stream(clip) as server,
        Recorder(broker.port, topic_filter="doorbell/+/answer") as recorder,
        Recorder(broker.port, topic_filter="edge_agent/#") as health,
        AgentProcess.with_real_detector(broker.port, **EACH_PRESS, CAMERAS=json.dumps([{"url": server.url}])) as agent,
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
        memory = memory_mb(psutil.Process(found["cameras"][0]["pid"]))
    return {**summary(times), **memory}


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
        with AgentProcess.with_real_detector(broker.port, **EACH_PRESS, CAMERAS=settings) as agent:
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
    """Capture several cameras of 640x360 at once, with the real detector."""
    with stream(clip, width=640, height=360) as server:
        return _at_once(server, count, lambda port, cameras: AgentProcess.with_real_detector(port, CAMERAS=cameras))


def many_1080p(clip: Path, count: int = 8) -> dict[str, Any]:
    """Capture several cameras of 1920x1080 at once: nobody there, then somebody at each; the detector is scripted."""

    def scripted(faces: int) -> Callable[[int, str], AgentProcess]:
        return lambda port, cameras: AgentProcess.with_script(port, {"faces": faces}, CAMERAS=cameras)

    found: dict[str, Any] = {}
    for codec in ("h264", "h265"):
        with stream(clip, codec=codec) as server:
            found[f"{codec} idle"] = _at_once(server, count, scripted(0))
            found[f"{codec} somebody"] = _at_once(server, count, scripted(1))
    return found


def _at_once(server: RtspServer, count: int, agent_with: Callable[[int, str], AgentProcess]) -> dict[str, Any]:
    cameras = json.dumps([{"url": server.url, "doorbell": f"door{number}"} for number in range(count)])
    with (
        Mosquitto() as broker,
        Recorder(broker.port, topic_filter="edge_agent/#") as recorder,
        agent_with(broker.port, cameras) as agent,
    ):
        agent.wait_until_ready(recorder)
        recorder.wait_for("edge_agent/test/health", lambda each: all(one["frames"] for one in each["cameras"]))
        time.sleep(APART_S)
        health = recorder.events("edge_agent/test/health")[-1]
        processes = [psutil.Process(each["pid"]) for each in health["cameras"]]
        before, used_s = recorder.messages(METRICS)[-1], [-processor_s(each) for each in processes]
        time.sleep(WINDOW_S)
        used_s = [old + processor_s(each) for each, old in zip(processes, used_s, strict=True)]
        after = recorder.messages(METRICS)[-1]
        memory = [memory_mb(each) for each in processes]
    received = [sum(each.json["received"].values()) for each in (before, after)]
    return {
        "cameras": count,
        "percent_each": [round(100 * each / WINDOW_S, 2) for each in used_s],
        "frames_per_s": round((received[1] - received[0]) / (after.at_s - before.at_s), 2),
        "rss_mb_each": [each["rss_mb"] for each in memory],
        "pss_mb_each": [each["pss_mb"] for each in memory],
    }


def main() -> None:
    """Print each result as a line of JSON."""
    questions: dict[str, Callable[[Path], dict[str, Any]]] = {
        "cost": cost,
        "cost-h265": functools.partial(cost, codec="h265"),
        "cost-rtsps": functools.partial(cost, tls=True),
        "press": press,
        "buffer": buffer,
        "many": many,
        "many-1080p": many_1080p,
    }
    clip, wanted = Path(sys.argv[1]), sys.argv[2:] or list(questions)
    print(json.dumps({"load1": os.getloadavg()[0], "cores": os.cpu_count()}), flush=True)
    for name in wanted:
        print(json.dumps({name: questions[name](clip)}), flush=True)


if __name__ == "__main__":
    main()
