"""Visitors who push buttons: each push has one press id, one ring and one answer.

Where the broker itself denies or loses a message, a push may miss a part; such pushes are counted apart.
"""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, Self

from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from testing.agent_process import AGENT_ID
from tests.chaos.broker_log import BrokerLog

if TYPE_CHECKING:
    from collections.abc import Iterator

SESSION_S: Final = 3600
BUTTONS: Final = 12
OPEN_S: Final = 30.0
"""A push without ring or answer by then is missed: its deadline is shorter, but agent or broker may be away."""
BROKER_MEMORY_S: Final = 4.0
"""A killed broker loses what it acknowledged within that time."""
NAME: Final = "visitors"
HEALTH: Final = f"edge_agent/{AGENT_ID}/health"


class Part(StrEnum):
    """What a push causes."""

    RING = "ring"
    ANSWER = "answer"


@dataclass(slots=True)
class Push:
    """A push of a button: the event ids of its rings and answers by press id, and when it had both."""

    doorbell: str
    at_s: float
    events: dict[Part, dict[str, set[str]]] = field(default_factory=lambda: {part: {} for part in Part})
    done_s: float | None = None
    shows_face: bool = False

    @property
    def press_ids(self) -> set[str]:
        """Its press ids: exactly one is right."""
        return {press_id for events in self.events.values() for press_id in events}

    @property
    def missing(self) -> frozenset[Part]:
        """What did not arrive."""
        return frozenset(part for part, events in self.events.items() if not events)

    @property
    def is_repeated(self) -> bool:
        """Whether it has a second press id, ring or answer."""
        return len(self.press_ids) > 1 or any(
            len(ids) > 1 for events in self.events.values() for ids in events.values()
        )


class Visitors:
    """Pushes buttons in turn, each one again after its answer; a missed one is replaced by a new button."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._lock = threading.Lock()
        self._buttons = [f"button{number}" for number in range(BUTTONS)]
        self._named = BUTTONS
        self._last: dict[str, Push] = {}
        self._by_press_id: dict[str, Push] = {}
        self.pushes: list[Push] = []
        self.broker_kills_s: list[float] = []
        self._broker_log = BrokerLog("", NAME)
        self.answers: Counter[str] = Counter()
        self.health: dict[str, Any] = {}
        self._client = paho.Client(CallbackAPIVersion.VERSION2, NAME, protocol=paho.MQTTv5)
        self._client.max_inflight_messages_set(200)
        self._client.reconnect_delay_set(1, 1)
        topics = [("doorbell/+/ring", 1), ("doorbell/+/answer", 1), (HEALTH, 0)]
        self._client.on_connect = lambda client, *_: client.subscribe(topics)
        self._client.on_message = self._on_message

    def __enter__(self) -> Self:
        """Connect."""
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.SessionExpiryInterval = SESSION_S
        with contextlib.ExitStack() as undo:
            undo.push(self)
            self._client.connect("127.0.0.1", self._port, clean_start=False, properties=properties)
            self._client.loop_start()
            undo.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        """Disconnect."""
        self._client.disconnect()
        self._client.loop_stop()

    def push(self, image: bytes) -> None:
        """Push the next button that has its last answer, and send a picture; do nothing without a broker."""
        now = time.monotonic()
        with self._lock:
            self._replace_missed(now)
            free = [each for each in self._buttons if each not in self._last or self._last[each].done_s is not None]
            if not free or not self._client.is_connected():
                return
            button = free[0]
            self._buttons.remove(button)
            self._buttons.append(button)
            self._last[button] = push = Push(button, now)
            self.pushes.append(push)
        self._client.publish(f"doorbell/{button}/press", "pressed", 1)
        self._client.publish(f"doorbell/{button}/frame", image, 1)

    def open(self) -> list[Push]:
        """Return the pushes that miss something, and may still get it."""
        now = time.monotonic()
        with self._lock:
            return [each for each in self.pushes if each.missing and now < each.at_s + OPEN_S]

    def read_broker_log(self, log: str) -> None:
        """Learn which messages the broker denied or lost."""
        self._broker_log = BrokerLog(log, NAME)

    def lost(self) -> list[Push]:
        """Return the pushes that miss a ring or an answer, and not because of the broker."""
        return [each for each in self.pushes if each.missing and not self._cause(each)]

    def _cause(self, push: Push) -> str:
        """Return why the broker is the cause of all that a push misses, or ''."""
        causes = [self._broker_log.cause(push.doorbell, part) for part in push.missing]
        if causes and not all(causes) and any(0 <= each - push.at_s < BROKER_MEMORY_S for each in self.broker_kills_s):
            return "lost with a killed broker"
        return causes[0] if causes and all(causes) else ""

    def invented(self) -> list[Push]:
        """Return the pushes with a second press id, ring or answer."""
        return [each for each in self.pushes if each.is_repeated]

    def causes(self) -> Counter[str]:
        """Return how many pushes miss something because of the broker, by cause."""
        return Counter(cause for each in self.pushes if (cause := self._cause(each)))

    def recovery_s(self, ended_s: float) -> float | None:
        """Return the time from the end of a fault until a push that came later was answered with a face."""
        done = (each.done_s for each in self.pushes if each.at_s >= ended_s and each.shows_face and each.done_s)
        first_s = min(done, default=None)
        return None if first_s is None else first_s - ended_s

    def rows(self) -> Iterator[tuple[str, object]]:
        """Return the counts for a report."""
        yield "pushes", len(self.pushes)
        yield "  with one id, ring and answer", sum(not (each.missing or each.is_repeated) for each in self.pushes)
        yield "  answers by outcome", dict(self.answers)
        yield from ((f"  incomplete: {cause}", count) for cause, count in sorted(self.causes().items()))
        yield "  lost", len(self.lost())
        yield "  invented", len(self.invented())

    def _replace_missed(self, now: float) -> None:
        """Give up the buttons whose push misses something: what comes late must not count for the next push."""
        for number, button in enumerate(self._buttons):
            last = self._last.get(button)
            if last is not None and last.missing and now > last.at_s + OPEN_S:
                self._buttons[number] = f"button{self._named}"
                self._named += 1

    def _on_message(self, _client: Any, _data: Any, message: paho.MQTTMessage) -> None:
        event = json.loads(message.payload)
        with self._lock:
            if message.topic == HEALTH:
                self.health = event
            elif event["doorbell"] in self._last:
                self._record(Part(message.topic.rsplit("/", 1)[1]), event)

    def _record(self, part: Part, event: dict[str, Any]) -> None:
        push = self._by_press_id.setdefault(event["press_id"], self._last[event["doorbell"]])
        ids = push.events[part].setdefault(event["press_id"], set())
        if part is Part.ANSWER and not ids:
            self.answers[event["event_type"]] += 1
            push.shows_face = event["event_type"] == "face"
        ids.add(event["event_id"])
        if not push.missing and push.done_s is None:
            push.done_s = time.monotonic()
