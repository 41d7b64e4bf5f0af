"""Keeps one connection to the broker alive: connects, waits until it is lost, backs off, connects again."""

from __future__ import annotations

import functools
import logging
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tenacity import (
    RetryCallState,
    RetryError,
    Retrying,
    retry_if_exception_type,
    sleep_using_event,
    wait_exponential_jitter,
)
from tenacity.stop import stop_when_event_set

from edge_agent.backoff import backoff_s
from edge_agent.domain import Packet, Publication
from edge_agent.errors import BrokerUnreachableError, SettingsError
from edge_agent.platform.threads import start_thread
from edge_agent.reasons import ConnectError, ConnectFault

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from edge_agent.mqtt.connection import Connection

log = logging.getLogger(__name__)

SHORT_CONNECTION_S: Final = 5.0
"""A connection that the broker accepted and that ended sooner was most likely taken over."""
SUSPICIOUS_CONNECTIONS: Final = 5
"""So many short connections in a row are reported as a second client with our client id."""
FIRST_DELAY_S: Final = 0.2
TAKEN_OVER_DELAY_S: Final = 30.0
"""Two clients with one id disconnect each other forever: if the broker says so, the wait grows up to this."""
LONGEST_DELAY_S: Final = 2.0
"""If it does not (mosquitto before 2.1), the network may be the cause, and a press may be waiting."""
HEALTH_CHECK_S: Final = 1.0
ASK_AGAIN_S: Final = 15.0
"""Time until a refused subscription is tried again."""
STOP_TIMEOUT_S: Final = 1.0
"""On a dead network DISCONNECT is never written; the thread is a daemon and is abandoned."""
BACKOFF = wait_exponential_jitter(multiplier=0.2, max=15.0, jitter=0.3)


@dataclass(frozen=True, slots=True)
class LinkUp:
    """The broker is connected. `number` counts connections; packet ids belong to one of them."""

    number: int
    session_present: bool
    protocol: str
    largest_packet_bytes: int | None


@dataclass(frozen=True, slots=True)
class LinkDown:
    """The broker is not connected: the reason, and a sentence with every address that was tried."""

    reason: ConnectError
    detail: str


class Link:
    """A connection that reconnects. `report` gets each LinkUp and LinkDown, on the link's own thread.

    `unwanted` are filters of other settings that a session kept by the broker may still have.
    """

    def __init__(
        self,
        connect: Callable[[int], Connection],
        filters: Iterable[str],
        report: Callable[[LinkUp | LinkDown], None],
        *,
        unwanted: Iterable[str] = (),
    ) -> None:
        self._connect = connect
        self._filters = tuple(filters)
        self._unwanted = tuple(unwanted)
        self._report = report
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="mqtt-link", daemon=True)
        self._connection: Connection | None = None
        """Set before `open` returns, because messages of a kept session arrive earlier."""
        self._reason: ConnectError | None = None
        """Why the last attempt failed: a new reason is logged."""
        self._number = 0
        self._begun = 0
        self._lives = ReconnectPolicy()
        self._alive_s = 0.0

    def start(self) -> None:
        """Start to connect, in the background."""
        start_thread(self._thread)

    def stop(self) -> None:
        """Disconnect, and stop the thread; nothing to wait for while no broker has accepted the connection."""
        self._stopping.set()
        connection = self._connection
        if connection is not None:
            is_accepted = connection.is_accepted()
            connection.lost.set()
            self._thread.join(STOP_TIMEOUT_S if is_accepted else 0.0)

    def alive_s(self) -> float:
        """Return when its threads were last active, in monotonic seconds: the older of the two while connected."""
        connection = self._connection
        if connection is None:
            return self._alive_s
        both = (self._alive_s, connection.alive_s())
        return min(both) if connection.is_accepted() else max(both)

    def begin(self, number: int) -> None:
        """Let publications through on this connection, once its LinkUp is handled: `online` comes before events."""
        self._begun = number

    def publish(self, publication: Publication) -> Packet | None:
        """Pass a publication to the network and return its packet, or None without a connection."""
        connection = self._connection
        if connection is None or not connection.is_accepted() or connection.number != self._begun:
            return None
        try:
            return Packet(connection.number, connection.publish(publication).packet_id)
        except (BrokerUnreachableError, OSError):
            return None

    def acknowledge(self, packet: Packet) -> None:
        """Acknowledge a message, if its connection is still up."""
        connection = self._connection
        if connection is not None:
            connection.acknowledge(packet)

    def _run(self) -> None:
        while not self._stopping.is_set():
            connection = self._open()
            if connection is not None:
                self._serve(connection)

    def _open(self) -> Connection | None:
        """Connect, with retries until it succeeds; return None if the link is stopped first."""
        retrying = Retrying(
            retry=retry_if_exception_type(BrokerUnreachableError),
            wait=BACKOFF,
            sleep=sleep_using_event(self._stopping),
            stop=stop_when_event_set(self._stopping),
            before_sleep=self._report_failure,
        )
        try:
            return retrying(self._open_once)
        except RetryError:
            return None

    def _open_once(self) -> Connection:
        self._alive_s = time.monotonic()
        self._number += 1
        self._connection = connection = self._connect(self._number)
        try:
            connection.open(functools.partial(self._on_accepted, connection))
        except SettingsError as error:  # a certificate that was there when the agent started
            fault = ConnectFault(ConnectError.SETTINGS_INVALID, str(error))
            raise BrokerUnreachableError({connection.host: fault}) from error
        return connection

    def _report_failure(self, state: RetryCallState) -> None:
        self._alive_s = time.monotonic()
        error = state.outcome.exception() if state.outcome else None
        if not isinstance(error, BrokerUnreachableError):
            return
        if state.attempt_number == 1 or error.reason is not self._reason:
            log.warning("%s; trying again until it works", error)
        self._reason = error.reason
        self._report(LinkDown(error.reason, error.tried))

    def _on_accepted(self, connection: Connection) -> None:
        """Subscribe and report LinkUp, on the network thread: before the messages of a kept session."""
        if connection.session_present:
            connection.unsubscribe(self._unwanted)
        connection.subscribe(self._filters)
        self._report(
            LinkUp(connection.number, connection.session_present, connection.protocol, connection.largest_packet_bytes)
        )

    def _serve(self, connection: Connection) -> None:
        """Use a connection until it is lost."""
        connected_s = time.monotonic()
        ask_again_s = connected_s + ASK_AGAIN_S
        while not connection.lost.wait(HEALTH_CHECK_S) and connection.is_healthy():
            self._alive_s = time.monotonic()
            if connection.refused and self._alive_s >= ask_again_s:
                ask_again_s = self._alive_s + ASK_AGAIN_S
                connection.subscribe(connection.refused)
        self._connection = None
        connection.close()
        if not self._stopping.is_set():
            end = connection.end
            self._report(LinkDown(end.reason, end.text))
            taken_over = end.reason is ConnectError.TAKEN_OVER
            delay_s = self._lives.on_connection_end(time.monotonic() - connected_s, taken_over=taken_over)
            self._explain(end)
            self._stopping.wait(delay_s)

    def _explain(self, end: ConnectFault) -> None:
        """Log why a connection was lost, and the cause if it is known."""
        if self._lives.taken_over:
            log.error(
                "the connection to the broker keeps ending at once (%s): "
                "another client probably uses our client id; give each agent its own agent_id",
                end.text,
            )
        else:
            log.warning("lost the connection to the broker (%s); connecting again", end.text)


class ReconnectPolicy:
    """The duration of past connections, and the wait before the next one. Pure."""

    def __init__(self) -> None:
        self._short = 0
        self._delay_s = 0.0
        self.taken_over = False
        """Whether another client probably takes over our connection repeatedly."""

    def on_connection_end(self, lived_s: float, *, taken_over: bool) -> float:
        """Record the end of a connection, and return the wait; `taken_over` is whether the broker said so.

        A connection is also short if it lasted little longer than the wait before it: the other client waits like us.
        """
        is_short = lived_s < max(SHORT_CONNECTION_S, 2 * self._delay_s)
        self._short = self._short + 1 if is_short else 0
        self.taken_over = taken_over or self._short >= SUSPICIOUS_CONNECTIONS
        longest_s = TAKEN_OVER_DELAY_S if taken_over else LONGEST_DELAY_S
        self._delay_s = backoff_s(max(1, self._short), FIRST_DELAY_S, longest_s)
        return self._delay_s
