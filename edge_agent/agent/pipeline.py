"""The path of a frame or press: admitted, submitted to the pool, and published with its outcome."""

from __future__ import annotations

import logging
import secrets
import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from edge_agent.domain import DropReason, Failure, Frame, Outcome, Shed, ShedReason, Trigger
from edge_agent.doorbells import events
from edge_agent.doorbells.failures import is_published
from edge_agent.doorbells.frame_filter import FrameFilter
from edge_agent.doorbells.policy import job_for, press_times, reason_to_skip
from edge_agent.doorbells.presses import Answer, Press, Presses
from edge_agent.doorbells.visit_counts import VisitCounts
from edge_agent.doorbells.visits import VisitChange, Visits, log_text
from edge_agent.wire import SnapshotMode

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import date

    from edge_agent.agent.doorbell_directory import DoorbellDirectory
    from edge_agent.agent.options_control import OptionsControl
    from edge_agent.doorbells.registry import Doorbells
    from edge_agent.history.writer import History
    from edge_agent.ingest.frames import Arrival
    from edge_agent.ingest.router import Pressed
    from edge_agent.mqtt.pending_acks import PendingAcks
    from edge_agent.mqtt.publisher import Publisher
    from edge_agent.pool import Pool
    from edge_agent.settings.model import Settings
    from edge_agent.telemetry.reporter import Reporter

VISITORS: Final = "edge_agent.visitors"
"""The logger of rings and visits: one line each."""
visitors = logging.getLogger(VISITORS)


class Pipeline:
    """Handles frames and presses, on the agent's thread. `stamp` numbers the events of this run."""

    def __init__(  # noqa: PLR0913, PLR0917 - the parts that a frame passes through
        self,
        settings: Settings,
        pool: Pool,
        out: Publisher,
        pending: PendingAcks,
        doorbells: Doorbells,
        directory: DoorbellDirectory,
        options: OptionsControl,
        reporter: Reporter,
        history: History,
        stamp: Callable[[float], events.Stamp],
        visits_before: Mapping[str, int],
    ) -> None:
        self._settings = settings
        self._pool = pool
        self._out = out
        self._pending = pending
        self._doorbells = doorbells
        self._directory = directory
        self._options = options
        self._reporter = reporter
        self._history = history
        self._counters = reporter.telemetry.counters
        self._stamp = stamp
        self._presses = Presses(lambda doorbell: press_times(doorbell, settings.press, settings.doorbells))
        self._frame_filter = FrameFilter(settings.doorbells)
        self._visits = Visits(settings.doorbells.visit_gap_s, lambda: secrets.token_hex(8))
        self._visit_counts = VisitCounts(self._today(), visits_before)
        self._stopping = False

    def stop_submitting(self) -> None:
        """Drop every frame from now on; frames in progress still finish."""
        self._stopping = True

    # Frames

    def on_frame(self, arrival: Arrival) -> None:
        """Admit a frame; it belongs to a press if it says so or arrives within a press's window."""
        now, frame = time.monotonic(), arrival.frame
        if frame.shared:
            self._out.acknowledge(arrival.packet)
            self._submit(frame, arrival.failure, now)  # another agent's doorbell: nothing else is known about it
            return
        if not self._doorbells.accepts(frame.doorbell):
            self._counters.dropped[DropReason.TOO_MANY_DOORBELLS] += 1
            self._out.acknowledge(arrival.packet)
            return
        self._directory.on_activity(frame.doorbell, now)
        if not arrival.has_trigger and self._presses.is_open(frame.doorbell, frame.received_s):
            frame = replace(frame, trigger=Trigger.PRESS)
        if frame.trigger is not Trigger.PRESS:
            self._out.acknowledge(arrival.packet)
        elif not self._admit(replace(arrival, frame=frame), now):
            return
        self._submit(frame, arrival.failure, now)

    def _admit(self, arrival: Arrival, now: float) -> bool:
        """Record which acknowledgement a press frame needs; return whether the frame still needs processing."""
        key, frame = arrival.frame.event_id, arrival.frame
        if arrival.repeatable and self._pending.is_completed(key):
            self._counters.repeated += 1
            self._out.acknowledge(arrival.packet)
            return False
        is_known = arrival.repeatable and self._pending.is_pending(key)
        self._pending.add(key, arrival.packet)
        if is_known:
            self._counters.repeated += 1
            return False
        if not self._presses.is_open(frame.doorbell, now):
            press = Press(frame.doorbell, secrets.token_hex(8), frame.received_s, frame.received_at)
            self._presses.add_implied(press)
            self._ring(press, now)
        return True

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
        if self._stopping:
            skip = ShedReason.STOPPING
        if skip is not None:
            self.on_outcome(Outcome(frame, Shed(skip)))
        else:
            job = job_for(frame, policy, self._settings.queue, self._snapshot_mode(frame, now))
            self._pool.offer(replace(job, reference=self._frame_filter.reference(frame, now)))

    def _snapshot_mode(self, frame: Frame, now: float) -> SnapshotMode:
        if frame.trigger is Trigger.PRESS:
            return SnapshotMode.ALWAYS
        if frame.shared:
            return SnapshotMode.NEVER
        if self._doorbells.is_snapshot_due(frame.doorbell, now, self._settings.images.snapshot_interval_s):
            return SnapshotMode.WITH_FACES
        return SnapshotMode.NEVER

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
            self._publish_answers(self._presses.on_outcome(outcome), now)
        seen_at = frame.captured_at or frame.received_at
        self._publish_visits(self._visits.on_outcome(outcome, seen_at), now)
        self._out.publish_all(self._doorbells.on_outcome(outcome, now, seen_at, self._visits.visit_id(frame.doorbell)))
        if outcome.pictures.snapshot:
            self._doorbells.on_snapshot(frame.doorbell, outcome.pictures, now)
            self._out.publish_all(events.pictures(frame.doorbell, outcome.pictures))
        self._history.on_outcome(outcome, self._visits.visit_id(frame.doorbell))

    def _publish_visits(self, changes: list[VisitChange], now: float) -> None:
        for change in changes:
            self._out.publish(events.visit(change, self._stamp(now)), now)
            self._history.on_visit(change)
            if change.event_type == "face_appeared":
                self._visit_counts.on_visit(change.visit.doorbell, self._today())
                self._publish_visit_counts(now)
            if line := log_text(change):
                visitors.info("%s", line)
            if change.event_type == "face_left":
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

    def on_press(self, pressed: Pressed) -> None:
        """Publish a ring, unless the press is known; prioritize the doorbell's queued frames."""
        now = time.monotonic()
        if not self._doorbells.accepts(pressed.doorbell):
            self._counters.dropped[DropReason.TOO_MANY_DOORBELLS] += 1
            self._out.acknowledge(pressed.packet)
            return
        self._directory.on_activity(pressed.doorbell, now)
        new = Press(pressed.doorbell, secrets.token_hex(8), pressed.pressed_s, pressed.pressed_at)
        press = self._presses.add(new)
        if self._pending.is_completed(press.press_id):
            self._out.acknowledge(pressed.packet)  # a frame implied this press before, and its answer is published
        else:
            self._pending.add(press.press_id, pressed.packet)
        if press is new:
            self._ring(press, now)
        self._pool.prioritize(pressed.doorbell)

    def _ring(self, press: Press, now: float) -> None:
        self._counters.presses += 1
        visitors.info("%s: doorbell pressed (press %s)", press.doorbell, press.press_id)
        self._out.publish(events.ring(press, self._stamp(now)), now)
        self._history.on_press(press)

    def _publish_answers(self, answers: list[Answer], now: float) -> None:
        for answer in answers:
            self._out.publish(events.answer(answer, self._stamp(now)), now)
            self._history.on_answer(answer)

    # Time

    def next_due_s(self) -> float | None:
        """Return when `tick` has something to publish, or None."""
        due = (self._presses.next_due_s(), self._visits.next_due_s(), self._doorbells.next_due_s())
        return min((time_s for time_s in due if time_s is not None), default=None)

    def tick(self, now: float) -> None:
        """Publish late answers, ended visits, doorbells that went offline, and changed counts of visits."""
        self._publish_answers(self._presses.tick(now), now)
        self._publish_visits(self._visits.tick(now), now)
        self._out.publish_all(self._doorbells.tick(now))
        self._publish_visit_counts(now)
