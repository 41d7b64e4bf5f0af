"""`edge-agent watch`: show events as they are published."""

from __future__ import annotations

import json
import queue
import secrets
from collections.abc import Iterator
from contextlib import nullcontext
from typing import TYPE_CHECKING, Final, Self

import msgspec
from rich.console import Console
from rich.live import Live

from edge_agent import topics
from edge_agent.cli.event_table import PLAIN, EventTable, to_line, to_row
from edge_agent.cli.flags import require_broker
from edge_agent.domain import Message
from edge_agent.errors import BrokerLostError
from edge_agent.mqtt.connection import Connection, ConnectionEvents

if TYPE_CHECKING:
    from edge_agent.settings.broker import MqttSettings

EVENTS: Final = (topics.faces("+"), topics.ring("+"), topics.answer("+"), topics.visit("+"))
POLL_INTERVAL_S: Final = 0.5


def watch_events(settings: MqttSettings, *, as_json: bool, count: int | None) -> None:
    """Show events until Ctrl-C, until the connection ends, or until there were `count` of them."""
    require_broker(settings)
    with Watcher(settings, EVENTS) as watcher:
        events = _first(watcher.messages(), count)
        if as_json:
            _print_json(events)
        else:
            show(events, Console())


def show(messages: Iterator[Message], console: Console) -> None:
    """Show messages as a live table, or line by line if the output is not a terminal."""
    table = EventTable()
    live = Live(table, console=console, auto_refresh=False) if console.is_terminal else nullcontext()
    with live as screen:
        for message in messages:
            row = to_row(message.topic, message.payload)
            if row is None:
                continue
            if screen is None:
                console.print(to_line(row, PLAIN), highlight=False, markup=False, soft_wrap=True)
            else:
                table.add(row)
                screen.refresh()


class Watcher:
    """A connection that only subscribes."""

    def __init__(self, settings: MqttSettings, filters: tuple[str, ...]) -> None:
        self._filters = filters
        self._received: queue.SimpleQueue[Message] = queue.SimpleQueue()
        self._connection = Connection(
            settings,
            client_id=f"edge_agent-watch-{secrets.token_hex(4)}",
            events=ConnectionEvents(message=self._received.put),
        )

    def __enter__(self) -> Self:
        """Connect; raise BrokerUnreachableError if that fails."""
        self._connection.open()
        self._connection.subscribe(self._filters)
        return self

    def __exit__(self, *_: object) -> None:
        """Disconnect."""
        self._connection.close()

    def messages(self) -> Iterator[Message]:
        """Yield messages as they arrive; raise BrokerLostError when the connection ends."""
        while True:
            try:
                message = self._received.get(timeout=POLL_INTERVAL_S)
            except queue.Empty:
                if not self._connection.is_healthy():
                    reason = f"the connection to the broker ended: {self._connection.end.text}"
                    raise BrokerLostError(reason) from None
                continue
            if message.packet is not None:
                self._connection.acknowledge(message.packet)
            yield message


def _first(messages: Iterator[Message], count: int | None) -> Iterator[Message]:
    for number, message in enumerate(messages, start=1):
        yield message
        if number == count:
            return


def _print_json(messages: Iterator[Message]) -> None:
    for message in messages:
        print(_json_line(message), flush=True)  # noqa: T201 - output of a command


def _json_line(message: Message) -> str:
    """Return a message as JSON in ASCII, so that no terminal acts on control characters."""
    try:
        payload = msgspec.json.decode(message.payload)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        payload = message.payload.decode(errors="replace")
    return json.dumps({"topic": message.topic, "payload": payload})
