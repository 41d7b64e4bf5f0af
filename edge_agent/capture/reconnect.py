"""When a camera that failed is tried again. Pure."""

from __future__ import annotations

from typing import Final

from edge_agent.backoff import backoff_s
from edge_agent.capture.camera import CaptureReason

FIRST_S: Final = 1.0
LONGEST_S: Final = 30.0
REFUSED_FIRST_S: Final = 600.0
REFUSED_LONGEST_S: Final = 3600.0
"""Cameras lock an account after five to seven wrong passwords in half an hour: this makes at most three attempts."""
PATIENT: Final = frozenset({CaptureReason.PASSWORD_REFUSED})
FIRM: Final = frozenset({CaptureReason.EXTRA_MISSING, CaptureReason.CERTIFICATE, CaptureReason.REDIRECTED})
"""Only a person can change these: they are tried at the longest interval at once."""


class Reconnect:
    """The failures in a row of each reason."""

    def __init__(self) -> None:
        self._reason: CaptureReason | None = None
        self._count = 0

    def on_success(self) -> None:
        """Note that a picture came."""
        self._reason, self._count = None, 0

    def on_failure(self, reason: CaptureReason) -> float:
        """Return the wait before the next attempt."""
        self._count = self._count + 1 if (reason in PATIENT) == (self._reason in PATIENT) else 1
        self._reason = reason
        if reason in PATIENT:
            return backoff_s(self._count, REFUSED_FIRST_S, REFUSED_LONGEST_S)
        if reason in FIRM:
            return LONGEST_S
        return backoff_s(self._count, FIRST_S, LONGEST_S)
