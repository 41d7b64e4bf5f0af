"""Every exception of the agent. A message is one sentence for the person who reads it; programs read the reason."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge_agent.reasons import DetectorFault, FailureReason

if TYPE_CHECKING:
    from collections.abc import Mapping

    from edge_agent.reasons import ConnectError, ConnectFault, UnavailableReason

import errno


def reason_of(error: OSError) -> str:
    """Return why the system refused something, in its own words: without Python's number before them."""
    if error.strerror:
        return error.strerror
    return "timed out" if isinstance(error, TimeoutError) else "the system gives no reason"


class EdgeAgentError(Exception):
    """Base of all errors that the agent raises on purpose."""


class SettingsError(EdgeAgentError):
    """The settings cannot be used; the message names the key and the fix."""


class ModelUnavailableError(EdgeAgentError):
    """No source gave a model file with the pinned hash; the message says where to put one."""


class DetectorUnavailableError(EdgeAgentError):
    """A detector cannot run here; `fault` says why."""

    def __init__(self, reason: UnavailableReason, detail: str = "") -> None:
        self.fault = DetectorFault(reason, detail)
        super().__init__(self.fault.text)


class NoDetectorError(EdgeAgentError):
    """None of the strategies of the settings can be used; `faults` says why, by strategy."""

    def __init__(self, message: str, faults: Mapping[str, DetectorFault]) -> None:
        super().__init__(message)
        self.faults = dict(faults)


class ImageError(EdgeAgentError):
    """A picture that cannot be used; costs one `failed` answer and nothing else.

    `reason` is BAD_IMAGE or TOO_LARGE.
    """

    def __init__(self, reason: FailureReason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


class UnreadableImageError(EdgeAgentError):
    """An image file cannot be read; the message is the reason."""


class BrokerUnreachableError(EdgeAgentError):
    """No address of the broker accepted a connection; `faults` says why, by address."""

    def __init__(self, faults: Mapping[str, ConnectFault]) -> None:
        self.faults = dict(faults)
        super().__init__(f"no connection to the broker at {self.tried}")

    @property
    def tried(self) -> str:
        """Every address, with the reason in words."""
        return "; ".join(f"{address}: {fault.text}" for address, fault in self.faults.items())

    @property
    def reason(self) -> ConnectError:
        """Why the first address, which is the preferred one, did not accept it."""
        return next(iter(self.faults.values())).reason


class BrokerLostError(EdgeAgentError):
    """The connection to the broker ended, or the broker did not confirm in time, before a command was done."""


class NoAgentError(EdgeAgentError):
    """Everything was sent, and no agent listens; the message says how to start one."""


class PoolStartError(EdgeAgentError):
    """No worker became ready; the message holds the reason of every strategy that was tried."""


class NoThreadError(EdgeAgentError, OSError):
    """The system gives no further thread."""

    def __init__(self) -> None:
        super().__init__(
            errno.EAGAIN, "the system gives no further thread or process; raise the limit (pids, ulimit -u)"
        )

    def __str__(self) -> str:
        return str(self.strerror)


class DemoUnavailableError(EdgeAgentError):
    """The demo cannot run here; the message says what to install or to configure."""
