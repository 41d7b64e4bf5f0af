"""Which doorbells are this agent's, where several agents share a broker. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final

ANY: Final = "+"
"""The level of a topic filter that stands for every doorbell."""
GLOB: Final = re.compile(r"[A-Za-z0-9_\-*?\[\]!]{1,128}")
_WILD: Final = re.compile(r"[*?\[]")


@dataclass(frozen=True, slots=True)
class Partition:
    """The doorbells whose names fit one of the globs `include`; all, where there is none.

    The agents of one `share_group` take turns at frames that nobody must look at.
    """

    include: tuple[str, ...] = ()
    share_group: str = ""

    def includes(self, doorbell: str) -> bool:
        """Return whether a doorbell is this agent's."""
        return not self.include or any(fnmatchcase(doorbell, glob) for glob in self.include)

    def levels(self) -> tuple[str, ...]:
        """Return the doorbell levels of the topic filters.

        MQTT knows no globs: where one is needed, the broker sends everything and the agent passes over the rest. Names
        written out are asked for one by one, and the broker sends nothing else.
        """
        if not self.include or any(_WILD.search(glob) for glob in self.include):
            return (ANY,)
        return tuple(dict.fromkeys(self.include))
