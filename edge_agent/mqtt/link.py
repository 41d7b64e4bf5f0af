"""Keeps one connection to the broker alive: connects, waits until it is lost, backs off, connects again."""

from __future__ import annotations

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

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from edge_agent.mqtt.connection import Connection

log = logging.getLogger(__name__)

SHORT_CONNECTION_S: Final = 5.0
"""A connection that the broker accepted and that ended sooner was most likely taken over."""
SUSPICIOUS_CONNECTIONS: Final = 5
"""So many short lives in a row are reported as a second client with our client id."""
FIRST_DELAY_S: Final = 0.2
TAKEN_OVER_DELAY_S: Final = 30.0
"""Two clients with one id kick each other out for ever: where the broker says so, the wait grows up to this."""
LONGEST_DELAY_S: Final = 2.0
"""Where it does not (mosquitto before 2.1), it may as well be the line that is bad, and a press wait behind it."""
HEALTH_CHECK_S: Final = 1.0
ASK_AGAIN_S: Final = 15.0
"""How long after a subscription that the broker has refused it is asked for again."""
STOP_TIMEOUT_S: Final = 1.0
"""On a dead line DISCONNECT is never written; the thread is a daemon and is left behind."""
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
    """The broker is not connected, and why."""

    reason: str


class Link:
    """A connection that comes back. `report` is told of each rise and fall, on the link's own thread.

    `unwanted` are filters that other settings would have, and that a session which the broker kept may hold.
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
        """Also while it is being opened: messages of a kept session come before `open` returns."""
        self._number = 0
        self._lives = ReconnectPolicy()
        self._alive_s = 0.0

    def start(self) -> None:
        """Begin to connect, in the background."""
        start_thread(self._thread)

    def stop(self) -> None:
        """Disconnect for good; there is nothing to wait for while no broker has accepted the connection."""
        self._stopping.set()
        connection = self._connection
        if connection is not None:
            is_accepted = connection.is_accepted()
            connection.lost.set()
            self._thread.join(STOP_TIMEOUT_S if is_accepted else 0.0)

    def alive_s(self) -> float:
        """Return when its threads were last seen at work, in monotonic seconds: both, while there is a connection."""
        connection = self._connection
        if connection is None:
            return self._alive_s
        both = (self._alive_s, connection.alive_s())
        return min(both) if connection.is_accepted() else max(both)

    def publish(self, publication: Publication) -> Packet | None:
        """Hand a publication to the network and return its packet, or None when there is no connection."""
        connection = self._connection
        if connection is None or not connection.is_accepted():
            return None
        try:
            return Packet(connection.number, connection.publish(publication).packet_id)
        except (BrokerUnreachableError, OSError):
            return None

    def acknowledge(self, packet: Packet) -> None:
        """Acknowledge a message, if the connection it came over still stands."""
        connection = self._connection
        if connection is not None:
            connection.acknowledge(packet)

    def _run(self) -> None:
        while not self._stopping.is_set():
            connection = self._open()
            if connection is not None:
                self._serve(connection)

    def _open(self) -> Connection | None:
        """Connect, trying until it succeeds; return None when the link is stopped before."""
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
            connection.open()
        except SettingsError as error:  # a certificate that was there when the agent started
            raise BrokerUnreachableError(str(error)) from error
        return connection

    def _report_failure(self, state: RetryCallState) -> None:
        self._alive_s = time.monotonic()
        error = state.outcome.exception() if state.outcome else None
        if state.attempt_number == 1:
            log.warning("%s; trying again until it works", error)
        self._report(LinkDown(str(error)))

    def _serve(self, connection: Connection) -> None:
        """Use a connection until it is lost."""
        if connection.session_present:
            connection.unsubscribe(self._unwanted)
        connection.subscribe(self._filters)
        self._report(
            LinkUp(connection.number, connection.session_present, connection.protocol, connection.largest_packet_bytes)
        )
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
            self._report(LinkDown(connection.end.reason))
            delay_s = self._lives.on_connection_end(
                time.monotonic() - connected_s, taken_over=connection.end.taken_over
            )
            self._explain(connection.end.reason)
            self._stopping.wait(delay_s)

    def _explain(self, reason: str) -> None:
        """Say why a connection was lost, and what is wrong where that is known."""
        if self._lives.taken_over:
            log.error(
                "the connection to the broker keeps ending right away (%s): "
                "another client probably uses our client id; give each agent an agent_id of its own",
                reason,
            )
        else:
            log.warning("lost the connection to the broker (%s); connecting again", reason)


class ReconnectPolicy:
    """How long connections have lived, and how long to wait before the next one. Pure."""

    def __init__(self) -> None:
        self._short = 0
        self._delay_s = 0.0
        self.taken_over = False
        """Whether another client has probably taken our place, again and again."""

    def on_connection_end(self, lived_s: float, *, taken_over: bool) -> float:
        """Note the end of a connection, and return the wait; `taken_over` is whether the broker said so.

        A life is short also when it is not much longer than the wait before it: the other client waits as we do.
        """
        is_short = lived_s < max(SHORT_CONNECTION_S, 2 * self._delay_s)
        self._short = self._short + 1 if is_short else 0
        self.taken_over = taken_over or self._short >= SUSPICIOUS_CONNECTIONS
        longest_s = TAKEN_OVER_DELAY_S if taken_over else LONGEST_DELAY_S
        self._delay_s = backoff_s(max(1, self._short), FIRST_DELAY_S, longest_s)
        return self._delay_s
