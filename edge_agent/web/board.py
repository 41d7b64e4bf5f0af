"""What the agent last said over MQTT, kept for those who ask over HTTP.

The agent's thread puts messages here and goes on; nobody who reads can make it wait, and what MQTT does not tell
(a picture that privacy keeps back, say) is not here.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import msgspec

from edge_agent import topics
from edge_agent.domain import Trigger
from edge_agent.doorbells.payloads import AnswerPayload, StatePayload
from edge_agent.telemetry.counters import MetricsPayload
from edge_agent.telemetry.health import HealthPayload

if TYPE_CHECKING:
    from edge_agent.domain import Publication

HISTORY: Final = 90
"""Messages of health that are kept: a quarter of an hour."""
KEPT: Final = frozenset({"availability", "state", "snapshot", "answer"})
"""What is kept of a doorbell, each the last one."""
UNKNOWN: Final = StatePayload()
BOUNDS_MS: Final = (5.0, 10.0, 20.0, 30.0, 50.0, 75.0, 100.0, 150.0, 200.0, 300.0, 500.0, 1000.0, 2000.0, 5000.0)
"""Within which times frames are counted: around a press's deadline, and finer where detectors are."""

Times = Mapping[tuple[Trigger, str], tuple[tuple[int, ...], int, float]]
"""By trigger and stage, since the start: how many frames took up to each bound, how many in all, the sum in ms."""
SILENT_S: Final = 30.0
"""An agent whose thread showed no life for longer hangs, and is restarted by whoever asks for it."""


@dataclass(frozen=True, slots=True)
class Posted:
    """A message as it was published; `number` counts all of them."""

    payload: bytes
    at_s: float
    number: int


@dataclass(frozen=True, slots=True)
class Moment:
    """The last minute as of so many seconds ago; milliseconds, None where no frame was looked at."""

    age_s: float
    p50_ms: float | None
    p95_ms: float | None


@dataclass(frozen=True, slots=True)
class DoorbellView:
    """A doorbell: its last picture as JPEG (b'': none), and its last press's answer. Ages are seconds."""

    name: str
    online: bool
    state: StatePayload
    picture: bytes
    picture_number: int
    picture_age_s: float
    answer: AnswerPayload | None
    answer_age_s: float


@dataclass(frozen=True, slots=True)
class View:
    """All that is known; health and metrics are None until the agent has said something."""

    agent_id: str
    running_s: float
    silent_s: float
    times: Times
    health: HealthPayload | None
    metrics: MetricsPayload | None
    history: tuple[Moment, ...]
    doorbells: tuple[DoorbellView, ...]


class Board:
    """The last message of each kind. Every method may be called from any thread; none takes longer than a copy."""

    def __init__(self, agent_id: str, now: float) -> None:
        self._agent_id = agent_id
        self._health_topic = topics.health(agent_id)
        self._metrics_topic = topics.metrics(agent_id)
        self._started_s = now
        self._active_s = now
        self._number = 0
        self._lock = threading.Lock()
        self._times: Times = {}
        self._healths: deque[Posted] = deque(maxlen=HISTORY)
        self._metrics: Posted | None = None
        self._doorbells: dict[str, dict[str, Posted]] = {}

    def record(self, publication: Publication, now: float) -> None:
        """Keep what is published, if it is of a kind that anyone asks for; an empty message takes it away."""
        topic = publication.topic
        with self._lock:
            self._number += 1
            posted = Posted(publication.payload, now, self._number)
            if topic == self._health_topic:
                self._healths.append(posted)
                self._active_s = now
            elif topic == self._metrics_topic:
                self._metrics = posted
            elif (named := topics.of_doorbell(topic)) and named[1] in KEPT:
                self._record_doorbell(*named, posted)

    def beat(self, now: float) -> None:
        """Note that the agent's thread lives."""
        with self._lock:
            self._active_s = now

    def record_times(self, times: Times) -> None:
        """Keep how long frames took since the start, by the bounds of BOUNDS_MS."""
        with self._lock:
            self._times = times

    def view(self, now: float) -> View:
        """Return all that is known."""
        with self._lock:
            healths, metrics, times = tuple(self._healths), self._metrics, self._times
            doorbells = {name: dict(kinds) for name, kinds in self._doorbells.items()}
            heard_s = self._active_s
        return View(
            agent_id=self._agent_id,
            running_s=now - self._started_s,
            silent_s=now - heard_s,
            times=times,
            health=msgspec.json.decode(healths[-1].payload, type=HealthPayload) if healths else None,
            metrics=msgspec.json.decode(metrics.payload, type=MetricsPayload) if metrics else None,
            history=tuple(_moment(each, now) for each in healths),
            doorbells=tuple(_sight(name, doorbells[name], now) for name in sorted(doorbells)),
        )

    def picture(self, doorbell: str) -> bytes:
        """Return the last picture of a doorbell as JPEG, b'' where there is none."""
        with self._lock:
            posted = self._doorbells.get(doorbell, {}).get("snapshot")
        return posted.payload if posted else b""

    def _record_doorbell(self, name: str, kind: str, posted: Posted) -> None:
        if posted.payload:
            self._doorbells.setdefault(name, {})[kind] = posted
        elif kind == "availability":  # it is forgotten
            self._doorbells.pop(name, None)


class _Latency(msgspec.Struct):
    latency_p50_ms: float | None
    latency_p95_ms: float | None


def _moment(posted: Posted, now: float) -> Moment:
    latency = msgspec.json.decode(posted.payload, type=_Latency)
    return Moment(now - posted.at_s, latency.latency_p50_ms, latency.latency_p95_ms)


def _sight(name: str, kinds: dict[str, Posted], now: float) -> DoorbellView:
    availability, state, snapshot, answer = (
        kinds.get(kind) for kind in ("availability", "state", "snapshot", "answer")
    )
    return DoorbellView(
        name=name,
        online=availability is not None and availability.payload == b"online",
        state=msgspec.json.decode(state.payload, type=StatePayload) if state else UNKNOWN,
        picture=snapshot.payload if snapshot else b"",
        picture_number=snapshot.number if snapshot else 0,
        picture_age_s=now - snapshot.at_s if snapshot else 0.0,
        answer=msgspec.json.decode(answer.payload, type=AnswerPayload) if answer else None,
        answer_age_s=now - answer.at_s if answer else 0.0,
    )
