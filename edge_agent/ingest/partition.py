"""The partition: this agent's doorbells, if several agents share a broker. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final

ANY: Final = "+"
"""The topic level that matches every doorbell."""
_WILD: Final = re.compile(r"[*?\[]")


@dataclass(frozen=True, slots=True)
class Partition:
    """The doorbells whose names match one of the globs `include`; all doorbells if there is none.

    The agents of one `share_group` take turns at shared frames.
    """

    include: tuple[str, ...] = ()
    share_group: str = ""

    def includes(self, doorbell: str) -> bool:
        """Return whether a doorbell belongs to this agent."""
        return not self.include or any(fnmatchcase(doorbell, glob) for glob in self.include)

    def levels(self) -> tuple[str, ...]:
        """Return the doorbell levels of the topic filters.

        MQTT has no globs: with a glob, the broker sends everything and the agent ignores the rest. Plain names are
        subscribed one by one, and the broker sends nothing else.
        """
        if not self.include or any(_WILD.search(glob) for glob in self.include):
            return (ANY,)
        return tuple(dict.fromkeys(self.include))
