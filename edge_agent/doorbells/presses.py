"""Presses: which frames belong to one, and its one answer. Time is an argument."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING, Final

from edge_agent.domain import Failure, Outcome
from edge_agent.doorbells.failures import failure_of, is_published
from edge_agent.wire import Detected, FailureReason

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from edge_agent.domain import Frame

SAME_PRESS_S: Final = 2.0
"""A camera's first press frame may overtake its press message: within this time they are one press."""


class Admission(Enum):
    """What becomes of a press frame."""

    PROCESS = auto()
    REPEATED = auto()
    TOO_OLD = auto()


@dataclass(frozen=True, slots=True)
class Press:
    """One press of a doorbell; `age_known` is false if it waited at the broker, or since before a reboot."""

    doorbell: str
    press_id: str
    pressed_s: float
    pressed_at: datetime
    age_known: bool = True


def implied_press(frame: Frame, press_id: str, *, has_waited: bool) -> Press:
    """Return the press that a frame implies: of a frame that waited, the picture's time says when."""
    if has_waited and frame.captured_at is not None:
        return Press(frame.doorbell, press_id, frame.taken_s, frame.captured_at)
    return Press(frame.doorbell, press_id, frame.received_s, frame.received_at, age_known=not has_waited)


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a press: `face` or `no_face` from the result in `outcome`, or `failed` with `failure`."""

    press: Press
    event_type: str
    outcome: Outcome | None = None
    failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class PressTimes:
    """How long frames belong to a press, when it must be answered, and how long more presses are the same one."""

    window_s: float
    deadline_s: float
    debounce_s: float = 0.0


@dataclass(slots=True)
class _OpenPress:
    """A press and the results of its frames so far; `implied` if only a frame announced it.

    The debounce time counts from `arrived_s`; window and deadline from `opened_s`, which is later for a press of the
    last run.
    """

    press: Press
    times: PressTimes
    implied: bool
    arrived_s: float
    opened_s: float
    detections: Outcome | None = None
    failed: Outcome | None = None
    answered: bool = False

    def is_same_push(self, doorbell: str, arrived_s: float) -> bool:
        """Return whether another press is this push of the button: the time counts from the first one."""
        same_s = max(self.times.debounce_s, SAME_PRESS_S) if self.implied else self.times.debounce_s
        return doorbell == self.press.doorbell and same_s > 0 and arrived_s - self.arrived_s <= same_s

    def is_over(self, now: float) -> bool:
        """Return whether it is answered, and neither a frame nor another press belongs to it."""
        return self.answered and now >= self.opened_s + max(self.times.window_s, self.times.debounce_s)


class Presses:
    """The presses with an open window. Each press that rings gets exactly one answer, by its deadline."""

    def __init__(self, times_of: Callable[[str], PressTimes]) -> None:
        self._times_of = times_of
        self._open: list[_OpenPress] = []

    def add(self, press: Press) -> Press:
        """Add a press; return it, or the earlier press whose push it is."""
        for open_press in self._open:
            if open_press.is_same_push(press.doorbell, press.pressed_s):
                open_press.implied = False
                return open_press.press
        self._add(press, press.pressed_s, implied=False)
        return press

    def add_implied(self, press: Press, arrived_s: float | None = None) -> None:
        """Add a press that only a frame announced; the frame may have arrived later than the press."""
        self._add(press, press.pressed_s if arrived_s is None else arrived_s, implied=True)

    def restore(self, press: Press, *, answered: bool) -> None:
        """Add a press of the last run; if it has no answer, its time counts from `resume`."""
        self._add(press, press.pressed_s, implied=False)
        self._open[-1].answered = answered
        if not answered:
            self._open[-1].opened_s = math.inf

    def resume(self, now: float) -> None:
        """Begin the time of restored presses."""
        for open_press in self._open:
            open_press.opened_s = min(open_press.opened_s, now)

    def remove(self, press_id: str) -> None:
        """Remove a restored press that does not ring."""
        self._open = [open_press for open_press in self._open if open_press.press.press_id != press_id]

    def is_open(self, doorbell: str, now: float) -> bool:
        """Return whether a frame of this doorbell belongs to a press."""
        return any(
            open_press.press.doorbell == doorbell and now < open_press.opened_s + open_press.times.window_s
            for open_press in self._open
        )

    def is_waiting(self, doorbell: str) -> bool:
        """Return whether a press of this doorbell has no answer yet."""
        return any(open_press.press.doorbell == doorbell and not open_press.answered for open_press in self._open)

    def on_outcome(self, outcome: Outcome) -> list[Answer]:
        """Use the outcome of a press frame; return the answers that it decides."""
        waiting = [
            open_press
            for open_press in self._open
            if open_press.press.doorbell == outcome.frame.doorbell and not open_press.answered
        ]
        if isinstance(outcome.result, Detected) and outcome.result.faces:
            return [_close(open_press, Answer(open_press.press, "face", outcome)) for open_press in waiting]
        for open_press in waiting:
            if isinstance(outcome.result, Detected):
                open_press.detections = outcome
            elif is_published(outcome):
                open_press.failed = outcome
        return []

    def tick(self, now: float) -> list[Answer]:
        """Answer the presses whose deadline has passed, and remove those whose window has closed."""
        answers = [
            _close(open_press, _late_answer(open_press))
            for open_press in self._open
            if not open_press.answered and now >= open_press.opened_s + open_press.times.deadline_s
        ]
        self._open = [open_press for open_press in self._open if not open_press.is_over(now)]
        return answers

    def next_due_s(self) -> float | None:
        """Return when `tick` has something to answer, or None."""
        due = (
            open_press.opened_s + open_press.times.deadline_s for open_press in self._open if not open_press.answered
        )
        return min(due, default=None)

    def _add(self, press: Press, arrived_s: float, *, implied: bool) -> None:
        times = self._times_of(press.doorbell)
        self._open.append(_OpenPress(press, times, implied=implied, arrived_s=arrived_s, opened_s=arrived_s))


def _close(open_press: _OpenPress, answer: Answer) -> Answer:
    open_press.answered = True
    return answer


def _late_answer(open_press: _OpenPress) -> Answer:
    """Answer with the results so far: a detection without a face, else the last failure, else a timeout."""
    if open_press.detections is not None:
        return Answer(open_press.press, "no_face", open_press.detections)
    if open_press.failed is not None:
        return Answer(open_press.press, "failed", open_press.failed, failure_of(open_press.failed))
    detail = f"no picture of the press was processed within {open_press.times.deadline_s:g} s"
    return Answer(open_press.press, "failed", failure=Failure(FailureReason.TIMEOUT, detail))
