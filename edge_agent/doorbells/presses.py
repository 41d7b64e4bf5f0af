"""Presses of the bell: which frames belong to one, and what its one answer is. Time is an argument."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from edge_agent.domain import Failure, Outcome, Press
from edge_agent.doorbells.failures import failure_of, is_published
from edge_agent.wire import Detected, FailureReason

if TYPE_CHECKING:
    from collections.abc import Callable

SAME_PRESS_S: Final = 2.0
"""A camera's first press frame may overtake the message that its bell was pressed: within this they are one press."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a press: `face` or `no_face` by what was seen in `outcome`, or `failed` with `failure`."""

    press: Press
    event_type: str
    outcome: Outcome | None = None
    failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class PressTimes:
    """How long frames belong to a press, and by when it is answered."""

    window_s: float
    deadline_s: float


@dataclass(slots=True)
class _Call:
    """A press and what its frames have shown so far; `implied` by a frame that said so itself."""

    press: Press
    times: PressTimes
    implied: bool
    detections: Outcome | None = None
    failed: Outcome | None = None
    answered: bool = False


class Presses:
    """The presses whose window is open. Each press that rings gets exactly one answer, by its deadline."""

    def __init__(self, times_of: Callable[[str], PressTimes]) -> None:
        self._times_of = times_of
        self._calls: list[_Call] = []

    def add(self, press: Press) -> Press:
        """Take a press in; return it, or the one that a frame has announced just before: those are one."""
        for call in self._calls:
            near = press.pressed_s - call.press.pressed_s <= SAME_PRESS_S
            if call.implied and near and call.press.doorbell == press.doorbell:
                call.implied = False
                return call.press
        self._add(press, implied=False)
        return press

    def add_implied(self, press: Press) -> None:
        """Take a press in that only a frame tells of."""
        self._add(press, implied=True)

    def is_open(self, doorbell: str, now: float) -> bool:
        """Return whether a frame of this doorbell belongs to a press."""
        return any(
            call.press.doorbell == doorbell and now < call.press.pressed_s + call.times.window_s for call in self._calls
        )

    def on_outcome(self, outcome: Outcome) -> list[Answer]:
        """Use what became of a press frame; return the answers that this decides."""
        waiting = [call for call in self._calls if call.press.doorbell == outcome.frame.doorbell and not call.answered]
        if isinstance(outcome.result, Detected) and outcome.result.faces:
            return [_close(call, Answer(call.press, "face", outcome)) for call in waiting]
        for call in waiting:
            if isinstance(outcome.result, Detected):
                call.detections = outcome
            elif is_published(outcome):
                call.failed = outcome
        return []

    def tick(self, now: float) -> list[Answer]:
        """Answer the presses whose deadline has passed, and forget those whose window has."""
        answers = [
            _close(call, _late_answer(call))
            for call in self._calls
            if not call.answered and now >= call.press.pressed_s + call.times.deadline_s
        ]
        self._calls = [
            call for call in self._calls if not call.answered or now < call.press.pressed_s + call.times.window_s
        ]
        return answers

    def next_due_s(self) -> float | None:
        """Return when `tick` has something to answer, or None."""
        due = (call.press.pressed_s + call.times.deadline_s for call in self._calls if not call.answered)
        return min(due, default=None)

    def _add(self, press: Press, *, implied: bool) -> None:
        self._calls.append(_Call(press, self._times_of(press.doorbell), implied=implied))


def _close(call: _Call, answer: Answer) -> Answer:
    call.answered = True
    return answer


def _late_answer(call: _Call) -> Answer:
    """Answer with what there is: a look without a face, else the last failure, else that no picture came."""
    if call.detections is not None:
        return Answer(call.press, "no_face", call.detections)
    if call.failed is not None:
        return Answer(call.press, "failed", call.failed, failure_of(call.failed))
    detail = f"no picture of the press was looked at within {call.times.deadline_s:g} s"
    return Answer(call.press, "failed", failure=Failure(FailureReason.TIMEOUT, detail))
