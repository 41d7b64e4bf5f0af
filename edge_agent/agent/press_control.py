"""Presses: each push has one id, one ring and one answer, whatever the connection, the broker or the agent does.

A press is written to the journal, then it rings and is acknowledged. A crash before that makes the broker deliver it
again, a crash after that makes the next run continue it.
"""

from __future__ import annotations

import logging
import secrets
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from edge_agent.domain import PRESS_DROPS, PressDropReason
from edge_agent.doorbells import events
from edge_agent.doorbells.absence import Absence
from edge_agent.doorbells.policy import press_times
from edge_agent.doorbells.press_journal import PressJournal, StoredPress, in_this_boot
from edge_agent.doorbells.presses import Admission, Answer, Press, Presses, implied_press
from edge_agent.platform.host_metrics import kernel_boot_id

if TYPE_CHECKING:
    from collections.abc import Callable

    from edge_agent.agent.doorbell_directory import DoorbellDirectory
    from edge_agent.domain import Frame, Outcome, Packet
    from edge_agent.doorbells.journal_file import JournalFile, JournalWritten
    from edge_agent.doorbells.picture_notices import PictureNotices
    from edge_agent.doorbells.registry import Doorbells
    from edge_agent.history.writer import History
    from edge_agent.ingest.frames import Arrival
    from edge_agent.ingest.router import Pressed
    from edge_agent.mqtt.link import LinkUp
    from edge_agent.mqtt.pending_acks import PendingAcks
    from edge_agent.mqtt.publisher import Publisher
    from edge_agent.settings.model import Settings
    from edge_agent.telemetry.counters import Counters

VISITORS: Final = "edge_agent.visitors"
"""The logger of rings and visits: one line each."""
visitors = logging.getLogger(VISITORS)

RING_DELAY_S: Final = 0.25
"""The longest time that a ring waits for the journal: a memory card may take a second."""
RETRY_SAVE_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class _WaitingRing:
    """A press that rings when the journal is written, or at `due_s`."""

    press: Press
    due_s: float


class PressControl:
    """The presses, on the agent's thread.

    `stamp` numbers the events of this run; `last_run_s` is when the last run was last alive, or None if unknown.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - what a press passes through
        self,
        settings: Settings,
        file: JournalFile,
        out: Publisher,
        pending: PendingAcks,
        counters: Counters,
        stamp: Callable[[float], events.Stamp],
        doorbells: Doorbells,
        directory: DoorbellDirectory,
        notices: PictureNotices,
        history: History,
        last_run_s: float | None,
    ) -> None:
        self._settings = settings.press
        self._file = file
        self._out = out
        self._pending = pending
        self._counters = counters
        self._stamp = stamp
        self._doorbells = doorbells
        self._directory = directory
        self._notices = notices
        self._history = history
        boot_id = kernel_boot_id()
        stored = in_this_boot(file.load(), boot_id, time.monotonic(), datetime.now(UTC))
        self._journal = PressJournal(stored, boot_id, settings.press.remember_s)
        self._absence = Absence(last_run_s if stored.away_since_s is None else stored.away_since_s)
        self._presses = Presses(lambda doorbell: press_times(doorbell, settings.press, settings.doorbells))
        self._restored = stored.presses
        for each in self._restored:
            self._presses.restore(each.press(), answered=each.answered)
        self._waiting_rings: dict[str, _WaitingRing] = {}
        self._unsaved: dict[str, int] = {}
        """Presses that a crash would lose, and the number of the save that they wait for."""
        self._retry_save_s = 0.0

    @property
    def fault(self) -> str:
        """Return why the journal cannot be written, or ''."""
        return self._file.fault

    def close(self, now: float) -> None:
        """Write the journal for the next run."""
        self._absence.on_link_down(now)
        self._save_absence(now)
        self._file.close()

    # The broker

    def on_link_up(self, link: LinkUp, now: float) -> None:
        """Record a connection; continue the presses of the last run over the first one."""
        self._absence.on_link_up(link.number, now, session_present=link.session_present)
        if not link.session_present:
            self._journal.forget_packets(link.number, now)
        self._journal.away_since_s = None
        restored, self._restored = self._restored, ()
        for each in restored:
            self._notices.on_press(each.press())
            if not each.answered:
                self._continue(each, now)
        self._presses.resume(now)
        self._save(now)

    def on_link_down(self, now: float) -> None:
        """Record that the connection is gone."""
        if self._absence.on_link_down(now):
            self._save_absence(now)

    def on_confirmed(self, key: str, now: float) -> None:
        """Record that the broker has a ring, an answer or the result of a press frame."""
        press_id = events.press_of_ring(key)
        is_news = self._journal.mark(press_id, ring_sent=True) if press_id else self._journal.mark(key, answered=True)
        if self._journal.mark_frame_done(key, now) or is_news:
            self._save(now)
        self._unsaved.pop(key, None)

    def on_written(self, written: JournalWritten, now: float) -> None:
        """Ring and acknowledge the presses that the journal has now; if it cannot be written, only ring."""
        for press_id in [each for each, number in self._unsaved.items() if number <= written.number]:
            self._ring_now(press_id, now)
            if not written.failed:
                del self._unsaved[press_id]
                self._out.release(press_id)

    # Presses and their frames

    def on_press(self, pressed: Pressed, now: float) -> str:
        """Ring once for each push; return the id of a new press, or ''."""
        packet = pressed.packet
        known = self._journal.press_of_packet(pressed.identity, now) if packet and pressed.repeated else ""
        if known:
            self._drop(PressDropReason.REDELIVERED, pressed.doorbell)
            self._acknowledge_when_safe(known, packet)
            return ""
        has_waited = packet is not None and (
            pressed.repeated or self._absence.may_have_waited(packet.connection, pressed.pressed_s)
        )
        if has_waited and self._may_be_too_old(pressed.pressed_s):
            self._drop(PressDropReason.TOO_OLD, pressed.doorbell)
            self._out.acknowledge(packet)
            return ""
        new = Press(
            pressed.doorbell, secrets.token_hex(8), pressed.pressed_s, pressed.pressed_at, age_known=not has_waited
        )
        press = self._presses.add(new)
        if packet is not None:
            self._journal.remember_packet(pressed.identity, packet, press.press_id, now)
        if press is new:
            self._open(press, now)
        else:
            self._drop(PressDropReason.DEBOUNCED, pressed.doorbell)
            self._save(now)
        self._acknowledge_when_safe(press.press_id, packet)
        return press.press_id if press is new else ""

    def is_saved(self, press_id: str) -> bool:
        """Return whether a crash would not lose a press: the journal has it, or it is answered."""
        return press_id not in self._unsaved

    def belongs_to_press(self, frame: Frame) -> bool:
        """Return whether a frame without a trigger belongs to a press."""
        return self._presses.is_open(frame.doorbell, frame.received_s)

    def is_sent_again(self, frame: Frame, now: float) -> bool:
        """Return whether an ordinary frame is the picture of an earlier press."""
        return self._journal.is_sent_again(frame, now)

    def admit(self, arrival: Arrival, now: float) -> Admission:
        """Record which acknowledgement a press frame needs; ring if no press was announced."""
        key, frame = arrival.frame.event_id, arrival.frame
        if self._is_repeated(arrival, now):
            self._counters.repeated += 1
            return Admission.REPEATED
        is_known = self._journal.is_frame_known(key, now) or self._presses.is_open(frame.doorbell, now)
        if not is_known and self._frame_is_too_old(arrival):
            self._drop(PressDropReason.TOO_OLD, frame.doorbell)
            self._pending.add(key, arrival.packet)
            return Admission.TOO_OLD
        self._pending.add(key, arrival.packet)
        self._journal.remember_frame(key, now)
        self._journal.remember_picture(frame, now)
        if is_known:
            self._save(now)
        else:
            press = implied_press(frame, secrets.token_hex(8), has_waited=self._has_waited(arrival))
            self._presses.add_implied(press, frame.received_s)
            self._open(press, now)
        return Admission.PROCESS

    def on_outcome(self, outcome: Outcome, now: float) -> None:
        """Use the outcome of a press frame."""
        self._publish(self._presses.on_outcome(outcome), now)

    # Time

    def next_due_s(self) -> float | None:
        """Return when `tick` has something to publish, or None."""
        due = [each.due_s for each in self._waiting_rings.values()]
        if (answer_s := self._presses.next_due_s()) is not None:
            due.append(answer_s)
        return min(due, default=None)

    def tick(self, now: float) -> None:
        """Publish rings that the journal delays, and late answers; write the journal again after a failure."""
        for each in [each for each in self._waiting_rings.values() if now >= each.due_s]:
            self._ring_now(each.press.press_id, now)
        self._publish(self._presses.tick(now), now)
        if now >= self._retry_save_s:
            self._retry_save_s = now + RETRY_SAVE_S
            self._file.retry_save()

    # Steps

    def _is_repeated(self, arrival: Arrival, now: float) -> bool:
        """Return whether a press frame came before; one without an id is new as long as a press waits for an answer."""
        key, doorbell = arrival.frame.event_id, arrival.frame.doorbell
        if arrival.repeatable and self._pending.is_pending(key):
            self._pending.add(key, arrival.packet)
            return True
        is_done = self._journal.is_frame_done(key, now) or (arrival.repeatable and self._pending.is_completed(key))
        may_be_new = arrival.frame.reply_to is not None or self._presses.is_waiting(doorbell)
        if not is_done or (may_be_new and not arrival.repeatable):
            return False
        if not self._presses.is_open(doorbell, now):
            reason = PressDropReason.REDELIVERED if arrival.repeatable else PressDropReason.KNOWN_PICTURE
            self._drop(reason, doorbell)
        self._out.acknowledge(arrival.packet)
        return True

    def _frame_is_too_old(self, arrival: Arrival) -> bool:
        frame = arrival.frame
        if frame.captured_at is not None:
            return frame.received_s - frame.taken_s > self._settings.max_age_s
        return self._has_waited(arrival) and self._may_be_too_old(frame.received_s)

    def _has_waited(self, arrival: Arrival) -> bool:
        packet = arrival.packet
        return packet is not None and (
            arrival.redelivered or self._absence.may_have_waited(packet.connection, arrival.frame.received_s)
        )

    def _may_be_too_old(self, arrived_s: float) -> bool:
        wait_s = self._absence.longest_wait_s(arrived_s)
        return wait_s is not None and wait_s > self._settings.max_age_s

    def _open(self, press: Press, now: float) -> None:
        self._journal.open(press)
        self._notices.on_press(press)
        self._doorbells.on_press(press)
        self._history.on_press(press)
        self._waiting_rings[press.press_id] = _WaitingRing(press, now + RING_DELAY_S)
        self._unsaved[press.press_id] = self._save(now)

    def _acknowledge_when_safe(self, press_id: str, packet: Packet | None) -> None:
        """Acknowledge a press that the journal has; another one when it is written, or answered."""
        if press_id in self._unsaved:
            self._pending.add(press_id, packet)
        else:
            self._out.acknowledge(packet)

    def _continue(self, stored: StoredPress, now: float) -> None:
        """Ring for a press of the last run whose ring was not sent, and let it be answered."""
        press = stored.press()
        if not stored.ring_sent and now - press.pressed_s > self._settings.max_age_s:
            self._drop(PressDropReason.TOO_OLD, press.doorbell)
            self._presses.remove(press.press_id)
            self._journal.drop(press.press_id)
            return
        self._directory.on_activity(press.doorbell, now, is_frame=False)
        self._doorbells.on_press(press)
        self._history.on_press(press)
        if not stored.ring_sent:
            self._ring(press, now)

    def _ring_now(self, press_id: str, now: float) -> None:
        waiting = self._waiting_rings.pop(press_id, None)
        if waiting is not None:
            self._ring(waiting.press, now)

    def _ring(self, press: Press, now: float) -> None:
        self._counters.presses += 1
        visitors.info("%s: doorbell pressed (press %s)", press.doorbell, press.press_id)
        is_expected = self._notices.is_expected(press.doorbell)
        self._directory.publish([events.ring(press, self._stamp(now), picture_expected=is_expected)], now)

    def _publish(self, answers: list[Answer], now: float) -> None:
        for answer in answers:
            self._ring_now(answer.press.press_id, now)
            self._out.publish(events.answer(answer, self._stamp(now)), now)
            self._history.on_answer(answer)

    def _drop(self, reason: PressDropReason, doorbell: str) -> None:
        self._counters.presses_dropped[reason.value] += 1
        visitors.info("%s: a press does not ring: %s", doorbell, PRESS_DROPS[reason])

    def _save_absence(self, now: float) -> None:
        self._journal.away_since_s = self._absence.away_since_s
        self._save(now)

    def _save(self, now: float) -> int:
        return self._file.save(self._journal.stored(now, datetime.now(UTC)))
