"""The cost of telemetry: counters, health, metrics, heartbeat, log, Prometheus and the page."""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import socket
import tempfile
import time
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from rich.console import Console
from rich.table import Table

from edge_agent.agent.liveness import Liveness
from edge_agent.domain import DetectorPlan, Packet, Publication, Trigger
from edge_agent.doorbells.events import Stamp
from edge_agent.logs import set_up
from edge_agent.mqtt.link import Link, LinkUp
from edge_agent.mqtt.outbox import Outbox, OutboxLimits
from edge_agent.mqtt.pending_acks import PendingAcks
from edge_agent.mqtt.publisher import Publisher
from edge_agent.platform.heartbeat_file import HeartbeatFile
from edge_agent.platform.host_metrics import Host
from edge_agent.platform.systemd import SystemdNotifier
from edge_agent.pool import Pool, WorkerPlan
from edge_agent.settings.model import Settings
from edge_agent.telemetry.reporter import Reporter
from edge_agent.web.board import Board
from edge_agent.web.exposition import exposition
from edge_agent.web.page import page
from testing.pools import LIMITS, MAX_PIXELS, scripted
from testing.values import detected, failure, outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from edge_agent.domain import Outcome

RATE: Final = 30
FAILING: Final = 30
"""One frame of this many fails, and causes a message on the error topic."""
HEARTBEAT_INTERVAL_S, SCRAPE_S, PAGE_S = 2.0, 15.0, 5.0
TRIGGERS: Final = (Trigger.CONTINUOUS, Trigger.MOTION, Trigger.CONTINUOUS, Trigger.PRESS)


class Costs:
    """CPU seconds of this thread, by task."""

    def __init__(self) -> None:
        self.spent_s: dict[str, float] = {}
        self.calls: Counter[str] = Counter()

    @contextlib.contextmanager
    def of(self, name: str) -> Iterator[None]:
        """Add the block's CPU time."""
        began_s = time.thread_time()
        yield
        self.spent_s[name] = self.spent_s.get(name, 0.0) + time.thread_time() - began_s
        self.calls[name] += 1


class TelemetryParts:
    """The telemetry parts, with a pool of two real workers and a broker that accepts everything."""

    def __init__(self, folder: Path, notify: str) -> None:
        settings = Settings()
        self._numbers = iter(range(10**9))
        self.pool = Pool(LIMITS, WorkerPlan(DetectorPlan((scripted(),)), MAX_PIXELS, 0), lambda _outcome: None)
        link = Link(_never, (), lambda _change: None)
        self._board = Board(settings.agent_id, time.monotonic())
        self._outbox = Outbox(self._transmit, OutboxLimits())
        self._sent: queue.SimpleQueue[Packet] = queue.SimpleQueue()
        self._out = Publisher(link, self._outbox, PendingAcks(), self._board.record)
        self.reporter = Reporter(
            settings, "boot", self._out, self.pool, Host(folder), self._stamp, self._board.record_times
        )
        self.reporter.on_link(LinkUp(1, session_present=False, protocol="5", largest_packet_bytes=None))
        self.heart = Liveness(self.pool, link, HeartbeatFile(folder / "run", "bench"), SystemdNotifier(notify))

    def confirm(self) -> None:
        """Confirm all messages, like a broker."""
        while not self._sent.empty():
            self._out.confirm(self._sent.get())

    def scrape(self) -> int:
        """Answer Prometheus; return how many bytes."""
        return len(exposition(self._board.view(time.monotonic(), time.time()), "")[1])

    def page(self) -> int:
        """Answer a browser; return how many characters."""
        return len(page(self._board.view(time.monotonic(), time.time())))

    def _transmit(self, publication: Publication) -> Packet | None:
        packet = Packet(1, next(self._numbers))
        if publication.qos:
            self._sent.put(packet)
        return packet

    def _stamp(self, now: float) -> Stamp:
        return Stamp("boot", next(self._numbers), now, datetime.now(UTC))


def measure(seconds: float) -> None:
    """Record 30 frames a second, publish as often as the agent, and print the CPU time in percent of one core."""
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(f"{folder}/notify")
        with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
            logging.disable(logging.NOTSET)
            set_up("info", "json", stream=nowhere)
            parts = TelemetryParts(Path(folder), f"{folder}/notify")
            parts.pool.start()
            try:
                costs, others_s = _play(parts, seconds, manager)
            finally:
                parts.pool.stop(1.0)
            logging.disable(logging.CRITICAL)
    _show(costs, others_s, seconds)


def _play(parts: TelemetryParts, seconds: float, manager: socket.socket) -> tuple[Costs, float]:
    costs, log, started_s = Costs(), logging.getLogger("edge_agent.bench"), time.monotonic()
    cpu_s, own_s = time.process_time(), time.thread_time()
    due: dict[str, float] = dict.fromkeys(("heartbeat", "Prometheus", "page", "log"), started_s)
    tasks: dict[str, tuple[float, Callable[[float], Any]]] = {
        "heartbeat": (HEARTBEAT_INTERVAL_S, lambda now: parts.heart.beat(now, parts.reporter.status)),
        "Prometheus": (SCRAPE_S, lambda _now: parts.scrape()),
        "page": (PAGE_S, lambda _now: parts.page()),
        "log": (1.0, lambda now: log.info("worker %d ready: %s in %.0f ms", 1, "cpu", now)),
    }
    for number in range(round(seconds * RATE)):
        time.sleep(max(0.0, started_s + number / RATE - time.monotonic()))
        seen, now = _outcome(number), time.monotonic()
        with costs.of("each frame"):
            parts.reporter.telemetry.counters.receive(seen.frame)
            parts.reporter.on_outcome(seen)
        with costs.of("health and metrics"):
            parts.reporter.tick(now)
        parts.confirm()
        for name, (period_s, task) in tasks.items():
            if now >= due[name]:
                due[name] += period_s
                with costs.of(name):
                    task(now)
        _drain(manager)
    return costs, (time.process_time() - cpu_s) - (time.thread_time() - own_s)


def _outcome(number: int) -> Outcome:
    now, trigger = time.monotonic(), TRIGGERS[number % len(TRIGGERS)]
    result = detected() if number % FAILING else failure()
    seen = outcome(result, trigger, received_s=now - 0.02 - (number % 50) / 1000)
    return replace(seen, queue_ms=number % 10, answered_s=now - 0.001)


def _drain(manager: socket.socket) -> None:
    with contextlib.suppress(BlockingIOError):
        while manager.recv(1000, socket.MSG_DONTWAIT):
            pass


def _never(_number: int) -> Any:  # noqa: ANN401 - a connection that the benchmark never opens
    message = "the benchmark opens no connection"
    raise NotImplementedError(message)


def _show(costs: Costs, others_s: float, seconds: float) -> None:
    table = Table(title=f"{seconds:g} s at {RATE} frames/s", title_justify="left", box=None, header_style="bold")
    for name in ("", "times", "ms each", "% of one core"):
        table.add_column(name, justify="right" if name else "left")
    for name, spent_s in costs.spent_s.items():
        calls = costs.calls[name]
        table.add_row(name, str(calls), f"{1000 * spent_s / calls:.3f}", f"{100 * spent_s / seconds:.3f}")
    table.add_row("other threads", "", "", f"{100 * others_s / seconds:.3f}")
    total_s = sum(costs.spent_s.values()) + others_s
    table.add_row("total", "", "", f"{100 * total_s / seconds:.3f}", style="bold")
    Console().print(table)
