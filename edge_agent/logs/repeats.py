"""Decides which log lines are left out because many similar ones came before. Pure; time is an argument."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Hashable

MOST_KEYS: Final = 500
"""The largest number of kinds of lines that are tracked."""


@dataclass(slots=True)
class _Run:
    """The lines of one kind since `began_s`: those written, and those left out."""

    began_s: float
    written: int = 0
    left_out: int = 0


class Repeats:
    """Admits `most` lines of a kind within `window_s`, and counts the others."""

    def __init__(self, most: int, window_s: float) -> None:
        self._most = most
        self._window_s = window_s
        self._runs: OrderedDict[Hashable, _Run] = OrderedDict()

    def admit(self, kind: Hashable, now: float) -> int | None:
        """Return how many similar lines were left out before this one, or None: this one is left out too."""
        run = self._runs.get(kind)
        if run is None or now - run.began_s >= self._window_s:
            before = run.left_out if run else 0
            self._runs[kind] = _Run(now, written=1)
            self._runs.move_to_end(kind)
            if len(self._runs) > MOST_KEYS:
                self._runs.popitem(last=False)
            return before
        if run.written < self._most:
            run.written += 1
            return 0
        run.left_out += 1
        return None

    def expired(self, now: float) -> list[tuple[Hashable, int]]:
        """Return, once, the kinds whose lines were left out and whose window has ended, with how many."""
        done = [kind for kind, run in self._runs.items() if run.left_out and now - run.began_s >= self._window_s]
        return [(kind, self._runs.pop(kind).left_out) for kind in done]
