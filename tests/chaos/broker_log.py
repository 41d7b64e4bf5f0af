"""What the broker's log proves of a message: that it denied it, or accepted it and never delivered it."""

from __future__ import annotations

import re
from typing import Final

from testing.agent_process import AGENT_ID

AGENT: Final = f"edge_agent-{AGENT_ID}"
LINE: Final = re.compile(
    r"(?P<verb>Received|Sending|Denied) PUBLISH (?:from|to) (?P<client>\S+) "
    r"\(.*'doorbell/(?P<doorbell>\w+)/(?P<part>\w+)'"
)
DENIED: Final = "denied by the broker"
NOT_DELIVERED: Final = "accepted by the broker, and not delivered"


class BrokerLog:
    """What happened to the messages of each doorbell since its last press."""

    def __init__(self, log: str, visitors: str) -> None:
        self._visitors = visitors
        self._since_press: dict[str, set[tuple[str, str, str]]] = {}
        for found in LINE.finditer(log):
            verb, client, doorbell, part = found.group("verb", "client", "doorbell", "part")
            if (verb, client, part) == ("Received", visitors, "press"):
                self._since_press[doorbell] = set()
            self._since_press.setdefault(doorbell, set()).add((verb, client, part))

    def cause(self, doorbell: str, part: str) -> str:
        """Return why the ring or answer to the last press of a doorbell did not arrive, or ''."""
        seen = self._since_press.get(doorbell, set())
        if ("Denied", AGENT, part) in seen:
            return DENIED
        is_press_lost = ("Received", self._visitors, "press") in seen and ("Sending", AGENT, "press") not in seen
        is_part_lost = ("Received", AGENT, part) in seen and ("Sending", self._visitors, part) not in seen
        return NOT_DELIVERED if is_press_lost or is_part_lost else ""
