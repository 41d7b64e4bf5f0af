"""Which log lines are left out because there were many like them. Pure; time is an argument."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Hashable

MOST_KEYS: Final = 500
"""As many kinds of lines are told apart at once."""


@dataclass(slots=True)
class _Run:
    """The lines of one kind since `began_s`: those that were written, and those that were left out."""

    began_s: float
    written: int = 0
    left_out: int = 0


class Repeats:
    """Lets `most` lines of a kind through within `window_s`, and counts the others."""

    def __init__(self, most: int, window_s: float) -> None:
        self._most = most
        self._window_s = window_s
        self._runs: OrderedDict[Hashable, _Run] = OrderedDict()

    def admit(self, kind: Hashable, now: float) -> int | None:
        """Return how many lines like this one were left out before it, or None: this one is left out too."""
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

    def over(self, now: float) -> list[tuple[Hashable, int]]:
        """Return the kinds of which lines were left out and none comes any more, with how many; they are told once."""
        done = [kind for kind, run in self._runs.items() if run.left_out and now - run.began_s >= self._window_s]
        return [(kind, self._runs.pop(kind).left_out) for kind in done]
