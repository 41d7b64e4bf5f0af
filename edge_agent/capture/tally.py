"""What a capture process counts; its threads share it."""

from __future__ import annotations

import threading
from collections import Counter
from typing import TYPE_CHECKING

from edge_agent.capture.reports import Counts

if TYPE_CHECKING:
    from edge_agent.capture.camera import CaptureReason


class Tally:
    """Counts since the start of the process."""

    def __init__(self) -> None:
        self._frames = self._attempts = 0
        self._faults: Counter[CaptureReason] = Counter()
        self._lock = threading.Lock()

    def on_frame(self) -> None:
        """Count a published frame."""
        with self._lock:
            self._frames += 1

    def on_attempt(self) -> None:
        """Count an attempt to connect to the camera."""
        with self._lock:
            self._attempts += 1

    def on_fault(self, reason: CaptureReason) -> None:
        """Count a failure."""
        with self._lock:
            self._faults[reason] += 1

    def counts(self) -> Counts:
        """Return what was counted so far."""
        with self._lock:
            return Counts(self._frames, self._attempts, dict(self._faults))
