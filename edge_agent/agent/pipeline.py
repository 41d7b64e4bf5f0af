"""The path of a frame or press: admitted, submitted to the pool, and published with its outcome."""

from __future__ import annotations

import logging
import secrets
import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from edge_agent.agent.press_control import VISITORS, PressControl
from edge_agent.domain import DropReason, Failure, Frame, Outcome, Publication, Shed, ShedReason, Trigger
from edge_agent.doorbells import events
from edge_agent.doorbells.failures import is_published
from edge_agent.doorbells.frame_filter import FrameFilter
from edge_agent.doorbells.policy import job_for, reason_to_skip
from edge_agent.doorbells.presses import Admission
from edge_agent.doorbells.visit_counts import VisitCounts
from edge_agent.doorbells.visits import VisitChange, Visits, log_text
from edge_agent.wire import SnapshotMode

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import date

    from edge_agent.agent.doorbell_directory import DoorbellDirectory
    from edge_agent.agent.options_control import OptionsControl
    from edge_agent.doorbells.picture_notices import PictureNotices
    from edge_agent.doorbells.registry import Doorbells
    from edge_agent.doorbells.wall_clock import WallClock
    from edge_agent.history.writer import History
    from edge_agent.ingest.frames import Arrival
    from edge_agent.ingest.router import Pressed
    from edge_agent.mqtt.publisher import Publisher
    from edge_agent.pool import Pool
    from edge_agent.settings.model import Settings
    from edge_agent.telemetry.reporter import Reporter

PACKET_OVERHEAD_BYTES: Final = 500
"""Topic and properties of a picture's message."""
SNAPSHOT_REQUEST_S: Final = 5.0
"""A request that could not be sent within this time is dropped: its picture would not show the visitor."""
visitors = logging.getLogger(VISITORS)


class Pipeline:
    """Handles frames and presses, on the agent's thread. `stamp` numbers the events of this run."""

    def __init__(  # noqa: PLR0913, PLR0917 - the parts that a frame passes through
        self,
        settings: Settings,
        pool: Pool,
        out: Publisher,
        presses: PressControl,
        notices: PictureNotices,
        doorbells: Doorbells,
        directory: DoorbellDirectory,
        options: OptionsControl,
        reporter: Reporter,
        history: History,
        stamp: Callable[[float], events.Stamp],
        clock: WallClock,
        visits_before: Mapping[str, int],
    ) -> None:
        self._settings = settings
        self._pool = pool
        self._out = out
        self._presses = presses
        self._doorbells = doorbells
        self._directory = directory
        self._options = options
        self._reporter = reporter
        self._history = history
        self._counters = reporter.telemetry.counters
        self._stamp = stamp
        self._clock = clock
        self._frame_filter = FrameFilter(settings.doorbells)
        self._notices = notices
        self._visits = Visits(settings.doorbells.visit_gap_s, lambda: secrets.token_hex(8))
        self._snapshot_interval_s = settings.images.snapshot_interval_s
        self._visit_counts = VisitCounts(self._today(), visits_before)
        self._stopping = False

    def stop_submitting(self) -> None:
        """Drop every frame from now on; frames in progress still finish."""
        self._stopping = True

    # Frames

    def on_frame(self, arrival: Arrival) -> None:
        """Admit a frame; it belongs to a press if it says so or arrives within a press's window."""
        now = time.monotonic()
        self._clock.observe(arrival.frame.received_s, arrival.frame.received_at)
        self._counters.unreadable_keys.update(key.value for key in arrival.unreadable)
        frame = self._clock.correct(arrival.frame)
        if frame.shared:
            self._out.acknowledge(arrival.packet)
            self._submit(frame, arrival.failure, now)  # another agent's doorbell: nothing else is known about it
            return
        if not self._doorbells.accepts(frame.doorbell):
            self._counters.dropped[DropReason.TOO_MANY_DOORBELLS] += 1
            self._out.acknowledge(arrival.packet)
            return
        self._directory.on_activity(frame.doorbell, now, arrival.display_name)
        if not arrival.has_trigger and self._presses.belongs_to_press(frame):
            frame = replace(frame, trigger=Trigger.PRESS)
        if frame.trigger is not Trigger.PRESS:
            self._out.acknowledge(arrival.packet)
            self._submit(frame, arrival.failure, now)
        else:
            self._on_press_frame(replace(arrival, frame=frame), now)

    def _on_press_frame(self, arrival: Arrival, now: float) -> None:
        match self._presses.admit(arrival, now):
            case Admission.PROCESS:
                self._submit(arrival.frame, arrival.failure, now)
            case Admission.TOO_OLD:
                self._counters.receive(arrival.frame)
                self.on_outcome(Outcome(arrival.frame, Shed(ShedReason.STALE)))
            case Admission.REPEATED:
                pass

    def _submit(self, frame: Frame, failure: Failure | None, now: float) -> None:
        self._counters.receive(frame)
        if failure is not None:
            self.on_outcome(Outcome(frame, failure))
        else:
            self._offer(frame, now)

    def _offer(self, frame: Frame, now: float) -> None:
        """Submit a frame to the pool, unless there is a reason to skip it."""
        policy = self._options.policy_for(frame.doorbell)
        skip = reason_to_skip(frame, policy, self._settings.doorbells.stale_after_s, now)
        skip = skip or self._frame_filter.reason_to_skip(frame)
        if skip is None and frame.trigger is not Trigger.PRESS and self._is_sent_again(frame, now):
            skip = ShedReason.KNOWN_PICTURE
        if self._stopping:
            skip = ShedReason.STOPPING
        if skip is not None:
            self.on_outcome(Outcome(frame, Shed(skip)))
        else:
            job = job_for(frame, policy, self._settings.queue, self._snapshot_mode(frame, now))
            picture_bytes = min(job.picture_bytes, self._out.largest_bytes - PACKET_OVERHEAD_BYTES)
            reference = self._frame_filter.reference(frame, now)
            self._pool.offer(replace(job, picture_bytes=picture_bytes, reference=reference))

    def _is_sent_again(self, frame: Frame, now: float) -> bool:
        return not frame.shared and frame.reply_to is None and self._presses.is_sent_again(frame, now)

    def _snapshot_mode(self, frame: Frame, now: float) -> SnapshotMode:
        if frame.shared:
            return SnapshotMode.NEVER
        in_visit = self._visits.visit_id(frame.doorbell) is not None
        return self._doorbells.snapshot_mode(frame, now, self._snapshot_interval_s, in_visit=in_visit)

    def on_outcome(self, outcome: Outcome) -> None:
        """Publish the outcome of a frame."""
        now, frame = time.monotonic(), outcome.frame
        self._frame_filter.on_outcome(outcome, now)
        if is_published(outcome):
            self._out.publish(events.faces(outcome, self._stamp(now)), now)
        self._reporter.on_outcome(outcome)
        if frame.reply_to is not None:
            self._out.publish(events.reply(outcome, frame.reply_to, self._stamp(now)), now)
        if frame.shared:
            return
        if frame.trigger is Trigger.PRESS:
            self._presses.on_outcome(outcome, now)
        seen_at = frame.captured_at or frame.received_at
        self._publish_visits(self._visits.on_outcome(outcome, seen_at), now)
        self._out.publish_all(self._doorbells.on_outcome(outcome, now, seen_at, self._visits.visit_id(frame.doorbell)))
        self._publish_pictures(outcome, now)
        self._history.on_outcome(outcome, self._visits.visit_id(frame.doorbell))

    def _publish_pictures(self, outcome: Outcome, now: float) -> None:
        """Publish a snapshot if it is due, and then which press and visit it shows."""
        pictures = self._doorbells.on_snapshot(outcome, now, self._snapshot_interval_s)
        if not pictures:
            return
        notice = self._notices.notice(outcome, self._visits.visit_id(outcome.frame.doorbell), self._stamp(now))
        self._directory.publish([*pictures, notice] if notice else pictures, now)

    def _publish_visits(self, changes: list[VisitChange], now: float) -> None:
        for change in changes:
            is_expected = self._notices.is_expected(change.visit.doorbell)
            self._directory.publish([events.visit(change, self._stamp(now), picture_expected=is_expected)], now)
            self._history.on_visit(change)
            if line := log_text(change):
                visitors.info("%s", line)
            if change.event_type == "face_appeared":
                self._doorbells.on_visit_start(change.visit.doorbell)
                self._visit_counts.on_visit(change.visit.doorbell, self._today())
                self._publish_visit_counts(now)
            elif change.event_type == "face_left":
                self._out.publish_all(self._doorbells.on_visit_end(change.visit.doorbell, now))

    def on_connected(self) -> None:
        """Publish the visits of today again, soon."""
        self._visit_counts.on_connected()

    def _publish_visit_counts(self, now: float) -> None:
        for publication in self._visit_counts.changed(self._doorbells.names(), self._today()):
            self._out.publish(publication, now)

    @staticmethod
    def _today() -> date:
        return datetime.now(UTC).astimezone().date()

    # Presses

    def on_press(self, pressed: Pressed) -> str:
        """Publish a ring, unless the press is known; prioritize the doorbell's queued frames.

        Return the press's id, or '' if it is not new.
        """
        now = time.monotonic()
        self._clock.observe(pressed.pressed_s, pressed.pressed_at)
        if not self._doorbells.accepts(pressed.doorbell):
            self._counters.dropped[DropReason.TOO_MANY_DOORBELLS] += 1
            self._out.acknowledge(pressed.packet)
            return ""
        self._directory.on_activity(pressed.doorbell, now, pressed.display_name, is_frame=False)
        press_id = self._presses.on_press(pressed, now)
        if press_id:
            self._request_snapshot(pressed, now)
        self._pool.prioritize(pressed.doorbell)
        return press_id

    def _request_snapshot(self, pressed: Pressed, now: float) -> None:
        """Request a picture of the press, if its publisher takes requests."""
        if pressed.snapshot_request:
            payload = pressed.snapshot_payload.encode()
            self._out.publish(Publication(pressed.snapshot_request, payload, qos=1, lifetime_s=SNAPSHOT_REQUEST_S), now)

    # Time

    def next_due_s(self) -> float | None:
        """Return when `tick` has something to publish, or None."""
        due = (self._visits.next_due_s(), self._doorbells.next_due_s())
        return min((time_s for time_s in due if time_s is not None), default=None)

    def tick(self, now: float) -> None:
        """Publish ended visits, doorbells that went offline, and changed counts of visits."""
        self._publish_visits(self._visits.tick(now), now)
        self._out.publish_all(self._doorbells.tick(now))
        self._publish_visit_counts(now)
