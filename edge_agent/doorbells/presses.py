"""Presses: which frames belong to one, and its one answer. Time is an argument."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from edge_agent.domain import Failure, Outcome
from edge_agent.doorbells.failures import failure_of, is_published
from edge_agent.wire import Detected, FailureReason

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

SAME_PRESS_S: Final = 2.0
"""A camera's first press frame may overtake its press message: within this time they are one press."""


@dataclass(frozen=True, slots=True)
class Press:
    """One press of a doorbell."""

    doorbell: str
    press_id: str
    pressed_s: float
    pressed_at: datetime


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a press: `face` or `no_face` from the result in `outcome`, or `failed` with `failure`."""

    press: Press
    event_type: str
    outcome: Outcome | None = None
    failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class PressTimes:
    """How long frames belong to a press, and when it must be answered."""

    window_s: float
    deadline_s: float


@dataclass(slots=True)
class _OpenPress:
    """A press and the results of its frames so far; `implied` if only a frame announced it."""

    press: Press
    times: PressTimes
    implied: bool
    detections: Outcome | None = None
    failed: Outcome | None = None
    answered: bool = False


class Presses:
    """The presses with an open window. Each press that rings gets exactly one answer, by its deadline."""

    def __init__(self, times_of: Callable[[str], PressTimes]) -> None:
        self._times_of = times_of
        self._open: list[_OpenPress] = []

    def add(self, press: Press) -> Press:
        """Add a press; return it, or the press that a frame implied just before: they are one."""
        for open_press in self._open:
            near = press.pressed_s - open_press.press.pressed_s <= SAME_PRESS_S
            if open_press.implied and near and open_press.press.doorbell == press.doorbell:
                open_press.implied = False
                return open_press.press
        self._add(press, implied=False)
        return press

    def add_implied(self, press: Press) -> None:
        """Add a press that only a frame announced."""
        self._add(press, implied=True)

    def is_open(self, doorbell: str, now: float) -> bool:
        """Return whether a frame of this doorbell belongs to a press."""
        return any(
            open_press.press.doorbell == doorbell and now < open_press.press.pressed_s + open_press.times.window_s
            for open_press in self._open
        )

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
            if not open_press.answered and now >= open_press.press.pressed_s + open_press.times.deadline_s
        ]
        self._open = [
            open_press
            for open_press in self._open
            if not open_press.answered or now < open_press.press.pressed_s + open_press.times.window_s
        ]
        return answers

    def next_due_s(self) -> float | None:
        """Return when `tick` has something to answer, or None."""
        due = (
            open_press.press.pressed_s + open_press.times.deadline_s
            for open_press in self._open
            if not open_press.answered
        )
        return min(due, default=None)

    def _add(self, press: Press, *, implied: bool) -> None:
        self._open.append(_OpenPress(press, self._times_of(press.doorbell), implied=implied))


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
