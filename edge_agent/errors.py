"""Every exception of the agent. A message is one sentence for the person who reads it."""

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
    """A detector cannot run here; the message is the reason, for a person."""


class ImageError(EdgeAgentError):
    """A picture that cannot be used; costs one `failed` answer and nothing else.

    `reason` is `bad_image` or `too_large`, the words of the MQTT interface.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


class UnreadableImageError(EdgeAgentError):
    """An image file cannot be read; the message is the reason."""


class BrokerUnreachableError(EdgeAgentError):
    """The broker did not accept a connection; the message says which broker and why."""


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
