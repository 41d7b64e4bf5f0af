"""Builds the application: the only module that knows all parts."""

from __future__ import annotations

import functools
import logging
import os
import queue
import signal
import threading
import time
from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from edge_agent import topics
from edge_agent.agent.events import Inbox, PoolCrashed, PublishReply, StopRequested, Subscribed
from edge_agent.agent.loop import Agent
from edge_agent.agent.source_settings import sources_of
from edge_agent.capture.specs import camera_specs, surroundings
from edge_agent.capture.supervisor import Cameras
from edge_agent.domain import DetectorPlan, Outcome, Packet
from edge_agent.doorbells import events
from edge_agent.doorbells.journal_file import JournalFile
from edge_agent.doorbells.options_file import OptionsFile, default_folder
from edge_agent.history.entries import EntryKind
from edge_agent.history.faults import HistoryError
from edge_agent.history.reader import HistoryReader
from edge_agent.history.store import Limits, folder_of
from edge_agent.history.writer import History
from edge_agent.ingest import incoming_topics
from edge_agent.ingest.frames import ImageLimits
from edge_agent.ingest.partition import Partition
from edge_agent.ingest.router import OptionSet, Router, RouterLimits
from edge_agent.model_store import SOURCES, ModelStore, plan_detectors
from edge_agent.mqtt.connection import Connection, ConnectionEvents
from edge_agent.mqtt.link import Link
from edge_agent.mqtt.source_search import search_sources
from edge_agent.mqtt.tls import tls_context
from edge_agent.platform.exit_limit import EXIT_LIMIT
from edge_agent.platform.malloc import return_large_blocks
from edge_agent.platform.threads import start_thread
from edge_agent.pool import Pool, PoolLimits, ProbeLimits, RestartLimits, WorkerPlan
from edge_agent.pool.frame_queue import QueueLimits
from edge_agent.settings.loading import remove_secrets
from edge_agent.web.board import Board
from edge_agent.web.history_site import Actions, HistorySite
from edge_agent.web.server import serving
from edge_agent.web.source_search import SourceSearch

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from edge_agent.pool.views import PoolView
    from edge_agent.settings.model import Settings

MEGABYTE: Final = 1_000_000
MEBIBYTE: Final = 1 << 20
MOST_WAITING: Final = 200
"""Messages that may wait for the agent's thread before ordinary frames are dropped."""
MOST_PRESSES_WAITING: Final = 1000
"""The same for press frames, which are then answered `overload`: more than any house has doorbells."""
SHUTDOWN_S: Final = 1.7
"""Time for a shutdown in addition to `pool.graceful_timeout_s`: the process then exits at once."""
INTERRUPTED: Final = 130
FOR_US_ALONE: Final = 0o077
"""umask: the agent's files are accessible only to its own user."""


def run(settings: Settings, *, seconds: float | None = None) -> int:
    """Run the agent until SIGTERM or Ctrl-C, or for that many seconds; return the exit code.

    A second signal ends it at once. Raise SettingsError if TLS cannot be set up as configured.
    """
    tls_context(settings.mqtt.tls)
    return_large_blocks()
    os.umask(FOR_US_ALONE)
    specs = camera_specs(settings)
    remove_secrets()
    detectors = find_detectors(settings)
    inbox: Inbox = queue.SimpleQueue()
    pool = build_pool(settings, detectors, inbox.put, inbox.put, lambda: inbox.put(PoolCrashed()))
    folder = settings.state.dir or default_folder()
    state_file = OptionsFile(folder / f"{settings.agent_id}.json")
    journal_file = JournalFile(folder / f"{settings.agent_id}.presses.json", inbox.put)
    board = Board(settings.agent_id, time.monotonic())
    history = build_history(settings, folder)
    agent = Agent(
        settings,
        inbox,
        pool,
        build_link(settings, inbox),
        state_file,
        journal_file,
        board,
        history,
        visits_today(settings, folder),
    )
    _stop_on_signals(inbox)
    EXIT_LIMIT.limit_s = settings.pool.graceful_timeout_s + SHUTDOWN_S
    if seconds is not None:
        timer = threading.Timer(seconds, inbox.put, (StopRequested(),))
        timer.daemon = True
        start_thread(timer)
    cameras = Cameras(specs, surroundings(settings), inbox.put)
    cameras.start()
    try:
        search = SourceSearch(functools.partial(search_sources, settings.mqtt))
        site = build_history_site(settings, folder, history)
        actions = Actions(lambda setting: inbox.put(OptionSet(setting, None)))
        with serving(settings.http, board, search, site, actions):
            return agent.run()
    finally:
        cameras.stop()


def find_detectors(settings: Settings) -> DetectorPlan:
    """Return the detectors of the settings, with their models verified; they are fetched unless a folder is named."""
    models = settings.models
    store = ModelStore(models.dir, models.cache_dir, sources=() if models.dir else SOURCES)
    return plan_detectors(settings.detection, store)


def build_history(settings: Settings, state_folder: Path) -> History:
    """Return the history for the settings, not started yet; one that does nothing if it is off."""
    kept = settings.history
    folder = folder_of(state_folder, settings.agent_id) if kept.enabled else None
    return History(folder, Limits(kept.days, kept.max_bytes))


def visits_today(settings: Settings, state_folder: Path) -> Counter[str]:
    """Return the number of visits of today at each doorbell, as far as the history knows them."""
    if not settings.history.enabled:
        return Counter()
    try:
        entries = HistoryReader(folder_of(state_folder, settings.agent_id)).on_day(
            datetime.now(UTC).astimezone().date()
        )
    except HistoryError:
        return Counter()  # the history's own thread reports it
    return Counter(each.doorbell for each in entries if each.kind is EntryKind.VISIT)


def build_history_site(settings: Settings, state_folder: Path, history: History) -> HistorySite | None:
    """Return the pages of the history, None if it is off."""
    if not settings.history.enabled:
        return None
    folder = folder_of(state_folder, settings.agent_id)
    reader = HistoryReader(folder, history.open_entries, history.open_picture)
    return HistorySite(reader, history.delete, settings.history.days)


def build_pool(
    settings: Settings,
    detectors: DetectorPlan,
    report: Callable[[Outcome], None],
    changed: Callable[[PoolView], None] = lambda _view: None,
    crashed: Callable[[], None] = lambda: None,
) -> Pool:
    """Return a pool for the settings, not started yet."""
    pool, waiting = settings.pool, settings.queue
    memory_limit_bytes = pool.memory_limit_mb * MEGABYTE
    limits = PoolLimits(
        workers=pool.workers,
        start_timeout_s=pool.start_timeout_s,
        job_timeout_s=pool.job_timeout_s,
        max_attempts=pool.max_attempts,
        retry_delay_s=pool.retry_delay_s,
        press_expiry_s=waiting.press_expiry_s,
        memory_limit_bytes=memory_limit_bytes,
        max_jobs=pool.max_jobs,
        max_age_s=pool.max_age_s,
        restart=RestartLimits(
            pool.restart_intensity, pool.restart_period_s, pool.restart_delay_s, pool.restart_delay_max_s
        ),
        accelerator_timeout_s=pool.accelerator_timeout_s,
        probe=ProbeLimits(pool.probe_timeout_s, pool.probe_backoff_s, pool.probe_backoff_max_s),
        queue=QueueLimits(waiting.max_frames, waiting.max_megabytes * MEBIBYTE, waiting.motion_per_doorbell),
    )
    plan = WorkerPlan(detectors, max_pixels(settings), memory_limit_bytes, settings.pool.sandbox)
    return Pool(limits, plan, report, changed, crashed)


def build_link(settings: Settings, inbox: Inbox) -> Link:
    """Return the link to the broker for the settings, not started yet."""
    images = settings.images
    partition = partition_of(settings)
    agent_id, prefix = settings.agent_id, settings.home_assistant.prefix
    limits = RouterLimits(
        image_limits(settings),
        images.accept_retained,
        MOST_WAITING,
        MOST_PRESSES_WAITING,
        is_ours=partition.includes,
        may_be_answered=functools.partial(topics.may_be_answered, prefix=prefix),
    )
    sources = sources_of(settings)
    parse = functools.partial(incoming_topics.parse, agent_id=agent_id, prefix=prefix)
    intake = Router(parse, sources, limits, inbox.put, inbox.qsize)

    def connect(number: int) -> Connection:
        return Connection(
            settings.mqtt,
            client_id=f"edge_agent-{settings.agent_id}",
            number=number,
            clean=False,
            will=events.availability(topics.agent_availability(settings.agent_id), online=False),
            events=ConnectionEvents(
                message=intake.route,
                published=lambda packet_id, *reply: inbox.put(PublishReply(Packet(number, packet_id), *reply)),
                undecodable=intake.drop,
                subscribed=lambda refused: inbox.put(Subscribed(refused)),
            ),
        )

    filters = link_filters(settings)
    unwanted = [each for each in topics.doorbell_subscriptions() if each not in filters]
    return Link(connect, filters, inbox.put, unwanted=unwanted)


def link_filters(settings: Settings) -> list[str]:
    """Return the topic filters that the agent subscribes to."""
    partition = partition_of(settings)
    return [
        *topics.subscriptions(settings.agent_id, settings.home_assistant.prefix),
        *(each for level in partition.levels() for each in topics.doorbell_subscriptions(level)),
        *([topics.shared_subscription(partition.share_group)] if partition.share_group else []),
        *(each for source in sources_of(settings) for each in source.filters()),
    ]


def partition_of(settings: Settings) -> Partition:
    """Return this agent's doorbells."""
    return Partition(settings.doorbells.include, settings.mqtt.share_group)


def image_limits(settings: Settings) -> ImageLimits:
    """Return the limits for accepted pictures."""
    return ImageLimits(round(settings.images.max_megabytes * MEGABYTE), max_pixels(settings))


def max_pixels(settings: Settings) -> int:
    """Return the largest number of pixels of a picture."""
    return round(settings.images.max_megapixels * MEGABYTE)


def _stop_on_signals(inbox: Inbox) -> None:
    """Begin shutdown at the first SIGTERM or Ctrl-C, exit at the second."""
    asked = False

    def stop(number: int, _frame: object) -> None:
        nonlocal asked
        if asked:
            logging.getLogger(__name__).warning(
                "exiting at once: stopped a second time (%s)", signal.Signals(number).name
            )
            os._exit(INTERRUPTED)
        asked = True
        inbox.put(StopRequested())

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
