"""How long the pages and lists of a large history take, and what it costs: an agent with visits of two years."""

from __future__ import annotations

import statistics
import tempfile
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.request import urlopen

from rich.console import Console
from rich.table import Table

from edge_agent.benchmark.processes import memory_mb
from edge_agent.history.collector import Batch, PictureToWrite
from edge_agent.history.entries import Entry, EntryKind, PictureKind
from edge_agent.history.reader import HistoryReader
from edge_agent.history.store import DATABASE, Store, folder_of
from testing.agent_process import AGENT_ID, AgentProcess
from testing.broker import Mosquitto, free_port
from testing.recorder import Recorder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

YEARS: Final = timedelta(days=730)
TURNS: Final = 40
PICTURE: Final = b"\xff\xd8\xff" + bytes(3000)
AT_ONCE: Final = 500


def measure(visits: int) -> None:
    """Print the times of pages and lists with so many visits, and what they take on disk and in memory."""
    with tempfile.TemporaryDirectory(prefix="history-") as folder:
        state = Path(folder)
        before_mb = _memory_mb(state / "empty")
        history = folder_of(state, AGENT_ID)
        newest = _fill(history, visits)
        table = Table(box=None, pad_edge=False)
        for name, justify in (("", "left"), ("median", "right"), ("95 %", "right"), ("", "left")):
            table.add_column(name, justify=justify)  # type: ignore[arg-type]
        for name, act in _lists(history, newest):
            table.add_row(name, *_times_ms(act), "ms")
        with Mosquitto() as broker, _agent(broker, state) as (agent, url):
            for name, path in _pages(newest):
                table.add_row(name, *_times_ms(partial(_get, url + path)), "ms")
            after_mb = memory_mb(agent.pid)
        table.add_row("database", f"{(history / DATABASE).stat().st_size / 1e6:.1f}", "", "MB")
        table.add_row("memory of the agent, more than with an empty one", f"{after_mb - before_mb:.1f}", "", "MB")
        Console(highlight=False).print(f"{visits:,} visits of two years", table)


def _fill(folder: Path, visits: int) -> Entry:
    """Write visits that began at regular times until now; return the newest."""
    now_at = datetime.now(UTC)
    with Store(folder) as store:
        for first in range(0, visits, AT_ONCE):
            entries = [_visit(number, now_at - YEARS * number / visits) for number in range(first, first + AT_ONCE)]
            pictures = [PictureToWrite(each.entry_id, kind, PICTURE) for each in entries for kind in PictureKind]
            store.write(Batch(tuple(entries), tuple(pictures)))
    return _visit(0, now_at)


def _visit(number: int, began_at: datetime) -> Entry:
    doorbell = ("front", "gate", "garden")[number % 3]
    return Entry(
        f"{number:016x}", EntryKind.VISIT, doorbell, began_at, began_at + timedelta(seconds=20), "motion", 1, 12,
        0.93, 0.61, snapshot_bytes=len(PICTURE), face_bytes=len(PICTURE),
    )  # fmt: skip


def _lists(folder: Path, newest: Entry) -> Iterator[tuple[str, Callable[[], object]]]:
    reader = HistoryReader(folder)
    yield "list: the newest 50", lambda: reader.between(None, None, limit=50)
    yield "list: a day", lambda: reader.on_day(newest.started_at.astimezone().date())
    yield "list: all", lambda: reader.between(None, None)


def _pages(newest: Entry) -> Iterator[tuple[str, str]]:
    yield "page: today, with the live tiles", "/"
    yield "page: a day", f"/days/{newest.started_at.astimezone().date()}"
    yield "page: a visit", f"/visits/{newest.entry_id}"
    yield "a snapshot", f"/visits/{newest.entry_id}/snapshot.jpg"


def _get(url: str) -> bytes:
    with urlopen(url) as response:  # noqa: S310 - our own address
        content: bytes = response.read()
    return content


def _times_ms(act: Callable[[], object]) -> tuple[str, str]:
    """Return the median and the 95th percentile."""
    times: list[float] = []
    for _ in range(TURNS):
        began_s = time.perf_counter()
        act()
        times.append((time.perf_counter() - began_s) * 1000)
    return f"{statistics.median(times):.1f}", f"{statistics.quantiles(times, n=20)[-1]:.1f}"


@contextmanager
def _agent(broker: Mosquitto, state: Path) -> Iterator[tuple[AgentProcess, str]]:
    """Run an agent with a history and a page; yield it and the address of its page."""
    port = free_port()
    running = AgentProcess.with_script(
        broker.port,
        HISTORY__ENABLED="true",
        HISTORY__DAYS="1000",
        STATE__DIR=str(state),
        HTTP__ENABLED="true",
        HTTP__PORT=str(port),
    )
    with running as agent, Recorder(broker.port) as recorder:
        agent.wait_until_ready(recorder)
        yield agent, f"http://127.0.0.1:{port}"


def _memory_mb(state: Path) -> float:
    """Return the memory of an agent with an empty history, after its page was opened."""
    with Mosquitto() as broker, _agent(broker, state) as (agent, url):
        for _ in range(TURNS):
            _get(url)
        return memory_mb(agent.pid)
