"""One log line for each topic that names no valid doorbell."""

from __future__ import annotations

import logging
from typing import Final

log = logging.getLogger(__name__)

MOST: Final = 50
"""Topics that are reported; a broken client may invent any number."""
LONGEST_SHOWN: Final = 100


class MisnamedTopics:
    """The topics that were reported since the start."""

    def __init__(self) -> None:
        self._reported: set[str] = set()

    def report(self, topic: str) -> None:
        """Log a topic once."""
        if not topic or topic in self._reported or len(self._reported) >= MOST:
            return
        self._reported.add(topic)
        log.warning(
            "messages on %r are dropped: a doorbell id has 1 to 64 letters, digits, _ or -."
            " For any other name, add its topics to `sources` (docs/cameras.md)",
            topic[:LONGEST_SHOWN],
        )
