"""The agent: one thread that takes events from one queue, decides with pure parts, and publishes.

It is the only publisher: messages leave in the order of its decisions, and no lock is needed.
"""

from __future__ import annotations

import logging
import math
import queue
import threading
import time
from typing import TYPE_CHECKING, Final

from edge_agent import topics
from edge_agent.agent.camera_pictures import CameraPictures
from edge_agent.agent.doorbell_directory import DoorbellDirectory
from edge_agent.agent.due_timer import DueTimer
from edge_agent.agent.events import AgentEvent, Inbox, PoolCrashed, PoolStopped, PublishReply, StopRequested, Subscribed
from edge_agent.agent.liveness import Liveness
from edge_agent.agent.misnamed_topics import MisnamedTopics
from edge_agent.agent.options_control import OptionsControl
from edge_agent.agent.pipeline import Pipeline
from edge_agent.agent.press_control import PressControl
from edge_agent.agent.requests import Requests
from edge_agent.agent.source_settings import frame_topics
from edge_agent.agent.source_signals import SourceSignals
from edge_agent.agent.source_times import SourceTimesFile
from edge_agent.agent.stamps import Stamps
from edge_agent.capture.views import CamerasChanged
from edge_agent.domain import Outcome
from edge_agent.doorbells import events
from edge_agent.doorbells.journal_file import JournalWritten
from edge_agent.doorbells.picture_notices import PictureNotices
from edge_agent.doorbells.registry import Doorbells
from edge_agent.errors import NoThreadError
from edge_agent.ingest.frames import Arrival
from edge_agent.ingest.router import (
    Dropped,
    Pressed,
    SourceSignal,
)
from edge_agent.mqtt.link import Link, LinkDown, LinkUp
from edge_agent.mqtt.outbox import Outbox, OutboxLimits
from edge_agent.mqtt.pending_acks import PendingAcks
from edge_agent.mqtt.publisher import Publisher
from edge_agent.platform.host_metrics import Host
from edge_agent.platform.temporary_folder import missing_temporary_folder
from edge_agent.platform.threads import start_thread
from edge_agent.pool.quarantine import Quarantine
from edge_agent.pool.views import PoolView
from edge_agent.telemetry.problem_codes import ProblemCode
from edge_agent.telemetry.reporter import Reporter

if TYPE_CHECKING:
    from collections.abc import Mapping

    from edge_agent.doorbells.journal_file import JournalFile
    from edge_agent.doorbells.options_file import OptionsFile
    from edge_agent.history.writer import History
    from edge_agent.pool import Pool
    from edge_agent.settings.model import Settings
    from edge_agent.web.board import Board

log = logging.getLogger(__name__)

FLUSH_S: Final = 1.0
"""How long the broker may take to acknowledge the last messages."""


class Agent:
    """Receives every event, and passes it to the part that handles it."""

    def __init__(  # noqa: PLR0913, PLR0917 - its parts
        self,
        settings: Settings,
        inbox: Inbox,
        pool: Pool,
        link: Link,
        state_file: OptionsFile,
        journal_file: JournalFile,
        board: Board,
        history: History,
        visits_before: Mapping[str, int],
    ) -> None:
        self._settings = settings
        self._inbox = inbox
        self._history = history
        self._pool = pool
        self._link = link
        self._doorbells = Doorbells(
            offline_after_s=settings.doorbells.offline_after_s, most=settings.doorbells.max_doorbells
        )
        pending = PendingAcks()
        limits = OutboxLimits(age_s=settings.mqtt.outbox_age_s, largest_bytes=settings.mqtt.max_publish_bytes)
        self._out = Publisher(link, Outbox(link.publish, limits), pending, board.record)
        stamps = Stamps(has_visit_pages=settings.history.enabled and settings.http.enabled)
        host = Host(state_file.path.parent)
        self._reporter = Reporter(settings, stamps.boot_id, self._out, pool, host, stamps.next, board.record_times)
        self._counters = self._reporter.telemetry.counters
        self._reporter.set_fault(ProblemCode.TEMPORARY_FOLDER, missing_temporary_folder())
        self._beat = board.beat
        self._liveness = Liveness.for_this_process(pool, link, settings.agent_id)
        self._quarantine = Quarantine(settings.quarantine.dir, settings.quarantine.max_files)
        self._options = OptionsControl(settings, state_file, self._out, pool, self._reporter)
        self._camera_pictures = CameraPictures(
            (camera.doorbell for camera in settings.cameras), self._options.policy_for, board.record_camera
        )
        self._directory = DoorbellDirectory(
            settings, self._doorbells, self._options, self._out, self._reporter.telemetry, host
        )
        notices = PictureNotices(self._options.policy_for)
        self._presses = PressControl(
            settings,
            journal_file,
            self._out,
            pending,
            self._counters,
            stamps.next,
            self._doorbells,
            self._directory,
            notices,
            history,
            self._liveness.last_run_s,
        )
        self._pipeline = Pipeline(
            settings,
            pool,
            self._out,
            self._presses,
            notices,
            self._doorbells,
            self._directory,
            self._options,
            self._reporter,
            history,
            stamps.next,
            stamps.clock,
            visits_before,
        )
        times_file = SourceTimesFile(state_file.path.with_suffix(".sources.json"))
        self._signals = SourceSignals(
            times_file, self._pipeline, self._presses, self._directory, self._out, self._counters
        )
        self._misnamed = MisnamedTopics()
        self._requests = Requests(self._options, self._directory, self._doorbells, pool, self._reporter)
        self._stopping = False
        self._ended = False
        self._exit_code = 0

    def run(self) -> int:
        """Run until a stop is requested, then finish the frames in progress; return the process's exit code."""
        self._pool.start()
        self._options.start()
        self._history.start()
        self._link.start()
        timer = DueTimer(self._next_due_s)
        while not self._ended:
            try:
                event = self._inbox.get(timeout=timer.wait_s(time.monotonic()))
            except queue.Empty:
                pass
            else:
                self._dispatch(event)
                timer.on_event()
            if timer.is_due(now := time.monotonic()):
                self._tick(now)
        self._flush_and_disconnect()
        return self._exit_code

    def _dispatch(self, event: AgentEvent) -> None:
        match event:
            case Arrival() | Pressed() | SourceSignal():
                self._on_doorbell(event)
            case Outcome():
                self._quarantine.on_outcome(event)
                self._pipeline.on_outcome(event)
            case PublishReply() | Subscribed() | JournalWritten():
                self._on_reply(event)
            case Dropped(reason, packet, topic):
                self._counters.dropped[reason] += 1
                self._misnamed.report(topic)
                self._out.acknowledge(packet)
            case PoolView() | CamerasChanged():
                self._on_view(event)
            case LinkUp() | LinkDown():
                self._on_link(event)
            case StopRequested() | PoolStopped() | PoolCrashed():
                self._begin_shutdown(event)
            case _:
                self._out.acknowledge(event.packet)
                self._requests.on_request(event)

    def _on_doorbell(self, event: Arrival | Pressed | SourceSignal) -> None:
        match event:
            case Arrival(awaits_time=True):
                self._signals.hold(event)
            case Arrival():
                self._camera_pictures.on_frame(event)
                self._pipeline.on_frame(event)
            case Pressed():
                self._pipeline.on_press(event)
            case SourceSignal():
                self._signals.on_signal(event)

    def _on_view(self, view: PoolView | CamerasChanged) -> None:
        if isinstance(view, PoolView):
            self._reporter.on_pool_view(view)
            self._directory.on_pool_view(view)
        else:
            self._reporter.on_cameras(view.views)
            self._directory.on_cameras(view.views)

    # The broker

    def _on_reply(self, reply: PublishReply | Subscribed | JournalWritten) -> None:
        match reply:
            case PublishReply():
                self._on_confirmed(reply)
            case Subscribed(refused):
                self._reporter.on_subscriptions(refused)
            case JournalWritten():
                self._presses.on_written(reply, time.monotonic())

    def _on_confirmed(self, reply: PublishReply) -> None:
        publication = self._out.confirm(reply.packet, denied=reply.refused)
        if publication is None:
            return
        self._reporter.on_publish_reply(publication.topic, refused=reply.refused)
        if reply.without_subscriber:
            self._directory.on_without_subscriber(publication, time.monotonic())
        if publication.key:
            self._presses.on_confirmed(publication.key, time.monotonic())

    def _on_link(self, link: LinkUp | LinkDown) -> None:
        now = time.monotonic()
        self._reporter.on_link(link)
        if isinstance(link, LinkDown):
            log.debug("no broker: %s", link.detail)
            self._out.on_connection_lost(now)
            self._presses.on_link_down(now)
            return
        log.info("connected to the broker with MQTT %s as %s", link.protocol, self._settings.agent_id)
        if self._reporter.telemetry.broker.connections == 1:
            log.info("waiting for frames on %s", frame_topics(self._settings))
        self._out.on_connected(link.number, now, link.largest_packet_bytes)
        self._reporter.on_blocked(self._out.blocked(now))
        self._directory.on_connected(now)
        self._presses.on_link_up(link, now)
        self._out.resend(now)
        self._pipeline.on_connected()

    # Time

    def _next_due_s(self) -> float:
        parts = (self._presses, self._signals, self._pipeline, self._reporter, self._directory, self._liveness)
        due = [part.next_due_s() for part in parts]
        due.append(math.inf if self._stopping else self._reporter.give_up_due_s(self._settings.pool.give_up_s))
        return min(time_s for time_s in due if time_s is not None)

    def _tick(self, now: float) -> None:
        self._signals.tick(now)
        self._presses.tick(now)
        self._pipeline.tick(now)
        self._options.tick(now)
        self._directory.tick(now)
        self._reporter.tick(now)
        self._liveness.tick(now, self._reporter.status)
        self._beat(now)
        self._quarantine.tick(now)
        self._reporter.set_fault(ProblemCode.STATE, self._options.fault or self._presses.fault)
        self._reporter.set_fault(ProblemCode.HEARTBEAT, self._liveness.fault)
        self._reporter.set_fault(ProblemCode.QUARANTINE, self._quarantine.fault)
        self._reporter.set_fault(ProblemCode.TWO_AGENTS, self._directory.fault)
        self._reporter.set_fault(ProblemCode.HISTORY, self._history.fault)
        self._counters.history_dropped = self._history.dropped
        give_up_s = self._settings.pool.give_up_s
        if self._reporter.give_up_due_s(give_up_s) <= now and not self._stopping:
            log.critical("no worker was alive for %g s: giving up", give_up_s)
            self._exit_code = 1
            self._begin_shutdown(StopRequested())

    # Shutdown

    def _begin_shutdown(self, event: StopRequested | PoolStopped | PoolCrashed) -> None:
        """Let the pool finish on a separate thread; its outcomes still arrive in the inbox."""
        if isinstance(event, PoolStopped | PoolCrashed):
            self._ended = True
            self._exit_code |= isinstance(event, PoolCrashed)
        elif not self._stopping:
            self._stopping = True
            self._pipeline.stop_submitting()
            self._liveness.stop()
            log.info("stopping: finishing the frames in progress")
            self._stop_pool_in_background()

    def _stop_pool_in_background(self) -> None:
        try:
            start_thread(threading.Thread(target=self._stop_pool, name="pool-stop", daemon=True))
        except NoThreadError:
            self._stop_pool()  # the outcomes wait in the inbox

    def _stop_pool(self) -> None:
        self._pool.stop(self._settings.pool.graceful_timeout_s)
        self._inbox.put(PoolStopped())

    def _flush_and_disconnect(self) -> None:
        """Publish that the agent is offline, and wait briefly until the broker has every message."""
        now = time.monotonic()
        self._reporter.publish_last_metrics(now)
        self._out.publish(events.availability(topics.agent_availability(self._settings.agent_id), online=False), now)
        give_up_s = now + FLUSH_S
        while (
            self._out.waiting
            and self._reporter.telemetry.broker.connected
            and (remaining_s := give_up_s - time.monotonic()) > 0
        ):
            try:
                event = self._inbox.get(timeout=remaining_s)
            except queue.Empty:
                break
            if isinstance(event, PublishReply):
                self._on_confirmed(event)
        self._link.stop()
        self._presses.close(time.monotonic())
        self._signals.close(time.monotonic())
        self._options.close()
        self._quarantine.close()
        self._history.close()
        self._liveness.end()
