"""What other publishers say beside frames and plain presses: buttons, times and availability. On the agent's thread."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from edge_agent.agent.source_times import SourceTimes
from edge_agent.domain import DropReason
from edge_agent.ingest.adapters import Role
from edge_agent.ingest.held_frames import HeldFrames
from edge_agent.ingest.payload import strip_blanks
from edge_agent.ingest.press_rules import PressRules, is_press, read_time
from edge_agent.ingest.router import press_of

if TYPE_CHECKING:
    from edge_agent.agent.doorbell_directory import DoorbellDirectory
    from edge_agent.agent.pipeline import Pipeline
    from edge_agent.agent.press_control import PressControl
    from edge_agent.agent.source_times import SourceTimesFile
    from edge_agent.ingest.frames import Arrival
    from edge_agent.ingest.router import SourceSignal
    from edge_agent.mqtt.publisher import Publisher
    from edge_agent.telemetry.counters import Counters

SAVE_S: Final = 0.5
"""Time between a new time and its save, and between two checks of presses that the journal does not have."""
LONGEST_WAIT_S: Final = 60.0
"""The time of a press is stored after this time, even if the journal cannot be written."""
_ONLINE: Final = {b"online": True, b"offline": False}


@dataclass(frozen=True, slots=True)
class _Unsaved:
    """A press that a crash would lose: its time is not stored yet, and its repetition rings."""

    press_id: str
    doorbell: str
    time: float
    pressed_s: float


class SourceSignals:
    """Joins the messages of a source to presses, frames and availability."""

    def __init__(  # noqa: PLR0913, PLR0917 - the parts that its results go to
        self,
        file: SourceTimesFile,
        pipeline: Pipeline,
        presses: PressControl,
        directory: DoorbellDirectory,
        out: Publisher,
        counters: Counters,
    ) -> None:
        self._file = file
        self._pipeline = pipeline
        self._presses = presses
        self._directory = directory
        self._out = out
        self._counters = counters
        stored = file.load()
        self._stored_presses = dict(stored.presses)
        self._rules = PressRules(dict(stored.presses))
        self._held = HeldFrames(dict(stored.frames))
        self._unsaved: list[_Unsaved] = []
        self._save_due_s: float | None = None

    def on_signal(self, signal: SourceSignal) -> None:
        """Handle a message of a source."""
        match signal.about.role:
            case Role.PRESS:
                self._on_press_value(signal)
            case Role.PRESS_TIME:
                self._on_press_time(signal)
            case Role.FRAME_TIME:
                self._on_frame_time(signal)
            case _:
                self._on_availability(signal)

    def hold(self, arrival: Arrival) -> None:
        """Keep a frame until its time arrives."""
        before = self._held.add(arrival)
        if before is not None:
            self._pipeline.on_frame(before)

    # Presses

    def _on_press_value(self, signal: SourceSignal) -> None:
        source, message = signal.about.source, signal.message
        is_on = is_press(source, message.payload)
        if is_on and source.is_timed and not source.press_time:
            self._on_timed_value(signal)
            return
        pressed = self._rules.on_value(
            signal.about.doorbell,
            is_on=is_on,
            timed=source.is_timed,
            initial=message.retained,
            now=signal.received_s,
        )
        if pressed:
            self._press(signal)
        else:
            self._drop(signal, DropReason.RETAINED if message.retained else DropReason.NO_PRESS)

    def _on_timed_value(self, signal: SourceSignal) -> None:
        """Handle a press that carries its own time."""
        doorbell, message = signal.about.doorbell, signal.message
        time = read_time(message.payload, signal.about.source.press_time_path)
        if time is not None and self._rules.on_timed_value(doorbell, time, initial=message.retained):
            self._press(signal, time)
            return
        self._store_press(doorbell)
        self._drop(signal, DropReason.NO_PRESS)

    def _on_press_time(self, signal: SourceSignal) -> None:
        """Handle a time that belongs to the value on another topic."""
        doorbell, message = signal.about.doorbell, signal.message
        time = read_time(message.payload, signal.about.source.press_time_path)
        pressed = time is not None and self._rules.on_time(
            doorbell, time, repeated=message.duplicate, initial=message.retained, now=signal.received_s
        )
        if pressed:
            self._press(signal, time)
            return
        self._store_press(doorbell)
        self._out.acknowledge(message.packet)

    def _press(self, signal: SourceSignal, time: float | None = None) -> None:
        press_id = self._pipeline.on_press(press_of(signal))
        if time is not None:
            self._unsaved.append(_Unsaved(press_id, signal.about.doorbell, time, signal.received_s))
            self._mark_due(signal.received_s)

    def _store_press(self, doorbell: str) -> None:
        """Store the time of a doorbell's last press, unless the journal does not have the press yet."""
        time = self._rules.times.get(doorbell)
        is_unsaved = any(each.doorbell == doorbell for each in self._unsaved)
        if time is not None and not is_unsaved and time != self._stored_presses.get(doorbell):
            self._stored_presses[doorbell] = time
            self._mark_due(0.0)

    # Frames

    def _on_frame_time(self, signal: SourceSignal) -> None:
        about, message = signal.about, signal.message
        self._out.acknowledge(message.packet)
        time = read_time(message.payload, about.source.frame_time_path)
        if time is None or message.retained:
            return
        timed = self._held.on_time(about.doorbell, time)
        self._mark_due(signal.received_s)
        if timed is None:
            return
        if timed.is_repeated:
            self._counters.dropped[DropReason.REPEATED_PICTURE] += 1
            self._out.acknowledge(timed.arrival.packet)
        else:
            self._pipeline.on_frame(timed.arrival)

    # Availability

    def _on_availability(self, signal: SourceSignal) -> None:
        self._out.acknowledge(signal.message.packet)
        online = _ONLINE.get(strip_blanks(signal.message.payload).lower())
        if online is not None:
            self._directory.on_availability(signal.about.doorbell, online=online)

    def _drop(self, signal: SourceSignal, reason: DropReason) -> None:
        self._counters.dropped[reason] += 1
        self._out.acknowledge(signal.message.packet)

    # Time

    def next_due_s(self) -> float | None:
        """Return when `tick` has something to do, or None."""
        due = (self._held.next_due_s(), self._save_due_s)
        return min((time_s for time_s in due if time_s is not None), default=None)

    def tick(self, now: float) -> None:
        """Use frames whose time did not arrive; store new times."""
        for arrival in self._held.due(now):
            self._pipeline.on_frame(arrival)
        if self._save_due_s is not None and now >= self._save_due_s:
            self._save(now)

    def close(self, now: float) -> None:
        """Store the times, and wait until they are written."""
        self._save(now)
        self._file.close()

    def _mark_due(self, now: float) -> None:
        due_s = now + SAVE_S
        self._save_due_s = due_s if self._save_due_s is None else min(due_s, self._save_due_s)

    def _save(self, now: float) -> None:
        self._save_due_s = None
        for each in [each for each in self._unsaved if self._is_safe(each, now)]:
            self._unsaved.remove(each)
            self._stored_presses[each.doorbell] = each.time
        self._file.save(SourceTimes(dict(self._stored_presses), dict(self._held.times)))
        if self._unsaved:
            self._mark_due(now)

    def _is_safe(self, press: _Unsaved, now: float) -> bool:
        return self._presses.is_saved(press.press_id) or now - press.pressed_s >= LONGEST_WAIT_S
