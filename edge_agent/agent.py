"""The agent: one thread that takes what happens from one queue, decides with pure parts, and publishes.

It is the only publisher, so the order of messages is the order of decisions, and no lock is needed.
"""

from __future__ import annotations

import logging
import math
import queue
import secrets
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from edge_agent import topics
from edge_agent.administration import Administration
from edge_agent.heart import Heart
from edge_agent.host import Host
from edge_agent.inbox import Confirmed, Happening, Inbox, PoolCrashed, PoolStopped, StopRequested, Subscribed
from edge_agent.intake import Announced, Commanded, Dropped, HomeAssistantBorn, Ignored, OptionSet, Pressed
from edge_agent.model import (
    Arrival,
    DropReason,
    Failure,
    Frame,
    Outcome,
    PoolView,
    Press,
    Shed,
    ShedReason,
    Trigger,
)
from edge_agent.mqtt.link import Link, LinkDown, LinkUp
from edge_agent.mqtt.outbox import Outbox, OutboxLimits
from edge_agent.partition import ANY, Partition
from edge_agent.publisher import Publisher
from edge_agent.reporting import Reporter
from edge_agent.results import events
from edge_agent.results.doorbells import Doorbells
from edge_agent.results.failures import is_published
from edge_agent.results.ledger import Ledger
from edge_agent.results.look import job_for, press_times, reason_to_pass
from edge_agent.results.news import News
from edge_agent.results.presses import Answer, Presses
from edge_agent.results.problems import ProblemCode
from edge_agent.results.visits import VisitChange, Visits, in_words
from edge_agent.sources import PRESETS
from edge_agent.wire import SnapshotWish

if TYPE_CHECKING:
    from edge_agent.pool import Pool
    from edge_agent.settings import Settings
    from edge_agent.state_file import StateFile
    from edge_agent.web.board import Board

log = logging.getLogger(__name__)

VISITORS: Final = "edge_agent.doorbells"
"""The logger of who rings and who comes: a line for each."""
visitors = logging.getLogger(VISITORS)

TOPICS_SHOWN: Final = 4
FAREWELL_S: Final = 1.0
"""How long the broker may take to confirm the last messages."""


class Agent:
    """Takes frames and presses on, has them looked at, and says what came of it."""

    def __init__(  # noqa: PLR0913, PLR0917 - the parts that it puts to work
        self,
        settings: Settings,
        inbox: Inbox,
        pool: Pool,
        link: Link,
        state_file: StateFile,
        board: Board,
    ) -> None:
        self._settings = settings
        self._inbox = inbox
        self._pool = pool
        self._link = link
        self._presses = Presses(lambda doorbell: press_times(doorbell, settings.press, settings.doorbells))
        self._doorbells = Doorbells(
            offline_after_s=settings.doorbells.offline_after_s, most=settings.doorbells.max_doorbells
        )
        self._ledger = Ledger()
        outbox = Outbox(
            link.publish, OutboxLimits(age_s=settings.mqtt.outbox_age_s, largest_bytes=settings.mqtt.max_publish_bytes)
        )
        self._out = Publisher(link, outbox, self._ledger, board.note)
        self._boot_id = secrets.token_hex(4)
        self._sequence = 0
        self._news = News(settings.doorbells)
        self._visits = Visits(settings.doorbells.visit_gap_s, lambda: secrets.token_hex(8))
        host = Host(state_file.path.parent)
        self._reporter = Reporter(settings, self._boot_id, self._out, pool, host, self._stamp, board.note_times)
        self._counters = self._reporter.telemetry.counters
        self._beat = board.beat
        self._heart = Heart.of_this_process(pool, link, settings.agent_id)
        self._administration = Administration(settings, state_file, self._doorbells, self._out, pool, self._reporter)
        self._stopping = False
        self._ended = False
        self._exit_code = 0

    def run(self) -> int:
        """Work until a stop is requested, then finish what is in work; return the exit code of the process."""
        self._pool.start()
        self._administration.start()
        self._link.start()
        while not self._ended:
            due_s = self._next_due_s()
            try:
                happening = self._inbox.get(timeout=max(0.0, due_s - time.monotonic()))
            except queue.Empty:
                pass
            else:
                self._take(happening)
            if (now := time.monotonic()) >= due_s:
                self._tick(now)
        self._say_farewell()
        return self._exit_code

    def _take(self, happening: Happening) -> None:
        match happening:
            case Arrival(frame):
                (self._arrive_shared if frame.shared else self._arrive)(happening)
            case Outcome():
                self._finish(happening)
            case Pressed():
                self._press(happening)
            case Confirmed() | Subscribed():
                self._heed_broker(happening)
            case Commanded() | OptionSet() | Announced() | HomeAssistantBorn() | Ignored():
                self._administration.deal_with(happening)
            case Dropped(reason, packet):
                self._counters.dropped[reason] += 1
                self._out.acknowledge(packet)
            case PoolView():
                self._reporter.see(happening)
            case LinkUp() | LinkDown():
                self._heed_link(happening)
            case StopRequested() | PoolStopped() | PoolCrashed():
                self._wind_down(happening)

    # Frames

    def _arrive(self, arrival: Arrival) -> None:
        now, frame = time.monotonic(), arrival.frame
        if not self._doorbells.is_welcome(frame.doorbell):
            self._take(Dropped(DropReason.TOO_MANY_DOORBELLS, arrival.packet))
            return
        self._administration.hear(frame.doorbell, now)
        if not arrival.trigger_said and self._presses.is_open(frame.doorbell, frame.received_s):
            frame = replace(frame, trigger=Trigger.PRESS)
        if frame.trigger is not Trigger.PRESS:
            self._out.acknowledge(arrival.packet)
        elif not self._take_on(replace(arrival, frame=frame), now):
            return
        self._consider(frame, arrival.failure, now)

    def _arrive_shared(self, arrival: Arrival) -> None:
        """Take a frame on for its own sake: nothing is to be known of its doorbell."""
        self._out.acknowledge(arrival.packet)
        self._consider(arrival.frame, arrival.failure, time.monotonic())

    def _consider(self, frame: Frame, failure: Failure | None, now: float) -> None:
        self._counters.receive(frame)
        if failure is not None:
            self._finish(Outcome(frame, failure))
        else:
            self._offer(frame, now)

    def _take_on(self, arrival: Arrival, now: float) -> bool:
        """Owe an acknowledgement for a press frame; return whether it is still to be looked at."""
        key, frame = arrival.frame.event_id, arrival.frame
        if arrival.repeatable and self._ledger.is_settled(key):
            self._counters.repeated += 1
            self._out.acknowledge(arrival.packet)
            return False
        is_known = arrival.repeatable and self._ledger.is_owed(key)
        self._ledger.owe(key, arrival.packet)
        if is_known:
            self._counters.repeated += 1
            return False
        if not self._presses.is_open(frame.doorbell, now):
            press = Press(frame.doorbell, secrets.token_hex(8), frame.received_s, frame.received_at)
            self._presses.imply(press)
            self._ring(press, now)
        return True

    def _offer(self, frame: Frame, now: float) -> None:
        """Have a frame looked at, if it is worth that."""
        look = self._administration.look_for(frame.doorbell)
        pointless = reason_to_pass(frame, look, self._settings.doorbells.stale_after_s, now)
        pointless = pointless or self._news.reason_to_pass(frame)
        if self._stopping:
            pointless = ShedReason.STOPPING
        if pointless is not None:
            self._finish(Outcome(frame, Shed(pointless)))
        else:
            job = job_for(frame, look, self._settings.queue, self._snapshot_wish(frame, now))
            self._pool.offer(replace(job, reference=self._news.reference(frame, now)))

    def _snapshot_wish(self, frame: Frame, now: float) -> SnapshotWish:
        if frame.trigger is Trigger.PRESS:
            return SnapshotWish.ALWAYS
        if frame.shared:
            return SnapshotWish.NEVER
        if self._doorbells.wants_snapshot(frame.doorbell, now, self._settings.images.snapshot_interval_s):
            return SnapshotWish.WITH_FACES
        return SnapshotWish.NEVER

    def _finish(self, outcome: Outcome) -> None:
        """Say what became of a frame."""
        now = time.monotonic()
        self._news.see(outcome, now)
        if is_published(outcome):
            self._out.publish(events.faces(outcome, self._stamp(now)), now)
        self._reporter.note(outcome)
        if outcome.frame.reply_to is not None:
            self._out.publish(events.reply(outcome, outcome.frame.reply_to, self._stamp(now)), now)
        if outcome.frame.shared:
            return
        if outcome.frame.trigger is Trigger.PRESS:
            self._answer_all(self._presses.see(outcome), now)
        seen_at = outcome.frame.captured_at or outcome.frame.received_at
        self._tell_visits(self._visits.see(outcome, seen_at), now)
        self._out.publish_all(self._doorbells.see(outcome, now, seen_at, self._visits.visit_id(outcome.frame.doorbell)))
        if outcome.pictures.snapshot:
            self._doorbells.took_snapshot(outcome.frame.doorbell, outcome.pictures, now)
            self._out.publish_all(events.pictures(outcome.frame.doorbell, outcome.pictures))

    def _tell_visits(self, changes: list[VisitChange], now: float) -> None:
        for change in changes:
            if told := in_words(change):
                visitors.info("%s", told)
            self._out.publish(events.visit(change, self._stamp(now)), now)
            if change.event_type == "face_left":
                self._out.publish_all(self._doorbells.leave(change.visit.doorbell, now))

    # Presses

    def _press(self, pressed: Pressed) -> None:
        now = time.monotonic()
        if not self._doorbells.is_welcome(pressed.doorbell):
            self._take(Dropped(DropReason.TOO_MANY_DOORBELLS, pressed.packet))
            return
        self._administration.hear(pressed.doorbell, now)
        new = Press(pressed.doorbell, secrets.token_hex(8), pressed.pressed_s, pressed.pressed_at)
        press = self._presses.press(new)
        if self._ledger.is_settled(press.press_id):
            self._out.acknowledge(pressed.packet)  # a frame told of it before, and its answer is out
        else:
            self._ledger.owe(press.press_id, pressed.packet)
        if press is new:
            self._ring(press, now)
        self._pool.promote(pressed.doorbell)

    def _ring(self, press: Press, now: float) -> None:
        self._counters.presses += 1
        visitors.info("%s: the bell rang (press %s)", press.doorbell, press.press_id)
        self._out.publish(events.ring(press, self._stamp(now)), now)

    def _answer_all(self, answers: list[Answer], now: float) -> None:
        for answer in answers:
            self._out.publish(events.answer(answer, self._stamp(now)), now)

    # The broker

    def _heed_broker(self, answer: Confirmed | Subscribed) -> None:
        if isinstance(answer, Confirmed):
            self._reporter.heed_refusal(self._out.confirm(answer.packet), refused=answer.refused)
        else:
            self._reporter.heed_subscriptions(answer.refused)

    def _heed_link(self, link: LinkUp | LinkDown) -> None:
        self._reporter.heed_link(link)
        if isinstance(link, LinkDown):
            log.debug("no broker: %s", link.detail)
            return
        now = time.monotonic()
        log.info("connected to the broker with MQTT %s as %s", link.protocol, self._settings.agent_id)
        if self._reporter.telemetry.broker.connections == 1:
            log.info("Waiting for frames on %s", _frame_topics(self._settings))
        self._out.resend(now, link.largest_packet_bytes)
        self._administration.connect(now)

    def _stamp(self, now: float) -> events.Stamp:
        self._sequence += 1
        return events.Stamp(self._boot_id, self._sequence, now, datetime.now(UTC))

    # Time

    def _next_due_s(self) -> float:
        parts = (self._presses, self._doorbells, self._visits, self._reporter, self._administration, self._heart)
        due = [part.next_due_s() for part in parts]
        due.append(math.inf if self._stopping else self._reporter.give_up_due_s(self._settings.pool.give_up_s))
        return min(time_s for time_s in due if time_s is not None)

    def _tick(self, now: float) -> None:
        self._answer_all(self._presses.tick(now), now)
        self._tell_visits(self._visits.tick(now), now)
        self._out.publish_all(self._doorbells.tick(now))
        self._administration.tick(now)
        self._reporter.tick(now)
        self._heart.tick(now, self._reporter.status)
        self._beat(now)
        self._reporter.heed_fault(ProblemCode.HEARTBEAT, self._heart.fault)
        give_up_s = self._settings.pool.give_up_s
        if self._reporter.give_up_due_s(give_up_s) <= now and not self._stopping:
            log.critical("no worker could be kept alive for %g s: giving up", give_up_s)
            self._exit_code = 1
            self._wind_down(StopRequested())

    # The end

    def _wind_down(self, happening: StopRequested | PoolStopped | PoolCrashed) -> None:
        """Let the pool finish in a thread of its own: its outcomes still come through the inbox."""
        if isinstance(happening, PoolStopped | PoolCrashed):
            self._ended = True
            self._exit_code |= isinstance(happening, PoolCrashed)
        elif not self._stopping:
            self._stopping = True
            self._heart.stop()
            log.info("stopping: what is in work is finished first")
            threading.Thread(target=self._stop_pool, name="pool-stop", daemon=True).start()

    def _stop_pool(self) -> None:
        self._pool.stop(self._settings.pool.drain_s)
        self._inbox.put(PoolStopped())

    def _say_farewell(self) -> None:
        """Go offline, and wait a moment until the broker has everything."""
        now = time.monotonic()
        self._reporter.tell_metrics(now)
        self._out.publish(events.availability(topics.agent_availability(self._settings.agent_id), online=False), now)
        give_up_s = now + FAREWELL_S
        while self._out.waiting and (remaining_s := give_up_s - time.monotonic()) > 0:
            try:
                happening = self._inbox.get(timeout=remaining_s)
            except queue.Empty:
                break
            if isinstance(happening, Confirmed):
                self._out.confirm(happening.packet)
        self._link.stop()
        self._administration.close()
        self._heart.end()


def _frame_topics(settings: Settings) -> str:
    """Return where pictures may come from, for a person; of many topics the first few."""
    levels = Partition(settings.doorbells.include).levels()
    own = [topics.frame("<id>" if level == ANY else level) for level in levels]
    others = [each.frame or PRESETS[each.preset or ""].frame for each in settings.sources]
    found = [*own, *others]
    more = f" and {len(found) - TOPICS_SHOWN} more" if len(found) > TOPICS_SHOWN else ""
    return f"{', '.join(found[:TOPICS_SHOWN])}{more}"
