"""The status: which problems count. It does not flap, because each problem appears and ends with a delay."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable

    from edge_agent.telemetry.problem_codes import ProblemCode
    from edge_agent.telemetry.problems import Problem


class ProblemPayload(msgspec.Struct, frozen=True):
    """A problem in the message: code, which one of its kind (or null), start, and sentence."""

    code: str
    about: str | None
    since: datetime
    text: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """The status `ok`, `degraded` or `failed`, its start, and the problems."""

    status: str
    since_at: datetime
    problems: tuple[ProblemPayload, ...] = ()

    @property
    def reasons(self) -> tuple[str, ...]:
        """The problems as sentences."""
        return tuple(each.text for each in self.problems)


@dataclass(slots=True)
class _Case:
    """A problem over time: `gone_s` and `gone_at` say since when it is gone."""

    problem: Problem
    since_s: float
    since_at: datetime
    counts: bool = False
    gone_s: float | None = None
    gone_at: datetime | None = None

    def payload(self) -> ProblemPayload:
        """Return the problem for the message."""
        over = f" (over since {self.gone_at.astimezone():%H:%M:%S})" if self.gone_at else ""
        return ProblemPayload(self.problem.code, self.problem.about or None, self.since_at, self.problem.text + over)

    def due_s(self) -> float | None:
        """Return when it starts or stops counting, or None."""
        if self.gone_s is not None:
            return self.gone_s + self.problem.clear_s
        return None if self.counts else self.since_s + self.problem.appear_s


class Status:
    """The problems that count, and the verdict."""

    def __init__(self, now_at: datetime) -> None:
        self._cases: dict[tuple[ProblemCode, str], _Case] = {}
        self._status = "ok"
        self._since_at = now_at

    def update(self, problems: Iterable[Problem], now: float, now_at: datetime) -> tuple[Problem, ...]:
        """Update with the current problems; return those that count from now on."""
        found = {(each.code, each.about): each for each in problems}
        for key, problem in found.items():
            case = self._cases.setdefault(key, _Case(problem, now, now_at))
            case.problem, case.gone_s, case.gone_at = problem, None, None
        for key in self._cases.keys() - found.keys():
            self._expire(key, now, now_at)
        new = [each for each in self._cases.values() if not each.counts and each.since_s + each.problem.appear_s <= now]
        for case in new:
            case.counts = True
        status = self._word()
        if status != self._status:
            self._status, self._since_at = status, now_at
        return tuple(case.problem for case in new)

    def verdict(self) -> Verdict:
        """Return the verdict."""
        return Verdict(self._status, self._since_at, tuple(case.payload() for case in self._counting()))

    def codes(self) -> frozenset[ProblemCode]:
        """Return the codes of the problems that count."""
        return frozenset(case.problem.code for case in self._counting())

    def since_s(self, code: ProblemCode) -> float | None:
        """Return since when a problem exists, whether it counts or not, or None."""
        present = (each.since_s for each in self._cases.values() if each.problem.code == code and each.gone_s is None)
        return min(present, default=None)

    def next_due_s(self) -> float | None:
        """Return when the status changes by itself, or None."""
        return min((due_s for case in self._cases.values() if (due_s := case.due_s()) is not None), default=None)

    def _counting(self) -> list[_Case]:
        counting = [case for case in self._cases.values() if case.counts]
        return sorted(counting, key=lambda case: case.problem.severity != "failed")

    def _expire(self, key: tuple[ProblemCode, str], now: float, now_at: datetime) -> None:
        case = self._cases[key]
        if case.gone_s is None:
            case.gone_s, case.gone_at = now, now_at
        if not case.counts or now >= case.gone_s + case.problem.clear_s:
            del self._cases[key]

    def _word(self) -> str:
        severities = {case.problem.severity for case in self._counting()}
        return "failed" if "failed" in severities else "degraded" if severities else "ok"
