"""The board: the agent's last messages, kept for HTTP requests.

The agent's thread records messages here and goes on; readers never block it. Unpublished data, such as a picture
withheld for privacy, is not here.
"""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import msgspec

from edge_agent import topics
from edge_agent.doorbells.payloads import AnswerPayload, StatePayload
from edge_agent.telemetry.counters import MetricsPayload
from edge_agent.telemetry.health import HealthPayload

if TYPE_CHECKING:
    from edge_agent.domain import Publication
    from edge_agent.telemetry.timings import LatencyCounts

HISTORY: Final = 90
"""Health messages that are kept: a quarter of an hour."""
KEPT: Final = frozenset({"availability", "state", "snapshot", "answer", "detection", "mute"})
"""The messages that are kept of a doorbell, the last of each."""
UNKNOWN: Final = StatePayload()

SILENT_S: Final = 30.0
"""An agent whose thread is silent for longer hangs; its supervisor restarts it."""


@dataclass(frozen=True, slots=True)
class Posted:
    """A published message; `number` counts all of them."""

    payload: bytes
    at_s: float
    number: int


@dataclass(frozen=True, slots=True)
class Moment:
    """Latency of the last minute, `age_s` ago, in milliseconds; None if no frame was processed."""

    age_s: float
    p50_ms: float | None
    p95_ms: float | None


@dataclass(frozen=True, slots=True)
class DoorbellView:
    """A doorbell: its last picture as JPEG (b'': none), and its last press's answer. Ages are seconds.

    `detects` is whether its detection is on, `is_muted` whether its notifications are muted; None if unknown.
    """

    name: str
    online: bool
    state: StatePayload
    picture: bytes
    picture_number: int
    picture_age_s: float
    answer: AnswerPayload | None
    answer_age_s: float
    detects: bool | None = None
    is_muted: bool | None = None


@dataclass(frozen=True, slots=True)
class View:
    """All that is known; health and metrics are None until the agent has published them.

    `silent_s` is how long ago the agent's thread was last active, `active_at` when, in Unix time.
    """

    agent_id: str
    running_s: float
    silent_s: float
    active_at: float
    times: LatencyCounts
    health: HealthPayload | None
    metrics: MetricsPayload | None
    history: tuple[Moment, ...]
    doorbells: tuple[DoorbellView, ...]
    test_pictures: dict[str, int]
    """The numbers of the last pictures of captured cameras, by doorbell."""


class Board:
    """The last message of each kind. Every method is thread-safe; none takes longer than a copy."""

    def __init__(self, agent_id: str, now: float) -> None:
        self._agent_id = agent_id
        self._health_topic = topics.health(agent_id)
        self._metrics_topic = topics.metrics(agent_id)
        self._started_s = now
        self._active_s = now
        self._number = 0
        self._lock = threading.Lock()
        self._times: LatencyCounts = {}
        self._healths: deque[Posted] = deque(maxlen=HISTORY)
        self._metrics: Posted | None = None
        self._doorbells: dict[str, dict[str, Posted]] = {}
        self._cameras: dict[str, Posted] = {}

    def record(self, publication: Publication, now: float) -> None:
        """Keep a publication if its kind is kept; an empty message removes it."""
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
        """Record that the agent's thread is alive."""
        with self._lock:
            self._active_s = now

    def record_camera(self, doorbell: str, image: bytes) -> None:
        """Keep the last picture of a captured camera; b'' removes it."""
        with self._lock:
            self._number += 1
            self._cameras[doorbell] = Posted(image, 0.0, self._number)

    def record_times(self, times: LatencyCounts) -> None:
        """Keep the latency counts since the start, by the bounds of LATENCY_BOUNDS_MS."""
        with self._lock:
            self._times = times

    def view(self, now: float, unix_now: float) -> View:
        """Return all that is known; `now` is of the monotonic clock, `unix_now` of the wall clock."""
        with self._lock:
            healths, metrics, times = tuple(self._healths), self._metrics, self._times
            doorbells = {name: dict(kinds) for name, kinds in self._doorbells.items()}
            test_pictures = {name: posted.number for name, posted in self._cameras.items() if posted.payload}
            silent_s = now - self._active_s
        return View(
            agent_id=self._agent_id,
            running_s=now - self._started_s,
            silent_s=silent_s,
            active_at=unix_now - silent_s,
            times=times,
            health=msgspec.json.decode(healths[-1].payload, type=HealthPayload) if healths else None,
            metrics=msgspec.json.decode(metrics.payload, type=MetricsPayload) if metrics else None,
            history=tuple(_moment(each, now) for each in healths),
            doorbells=tuple(_doorbell_view(name, doorbells[name], now) for name in sorted(doorbells)),
            test_pictures=test_pictures,
        )

    def picture(self, doorbell: str) -> bytes:
        """Return the last picture of a doorbell as JPEG, b'' if there is none."""
        with self._lock:
            posted = self._doorbells.get(doorbell, {}).get("snapshot")
        return posted.payload if posted else b""

    def test_picture(self, doorbell: str) -> bytes:
        """Return the last picture of a captured camera, b'' if there is none."""
        with self._lock:
            posted = self._cameras.get(doorbell)
        return posted.payload if posted else b""

    def _record_doorbell(self, name: str, kind: str, posted: Posted) -> None:
        if posted.payload:
            self._doorbells.setdefault(name, {})[kind] = posted
        elif kind == "availability":  # the doorbell was removed
            self._doorbells.pop(name, None)


class _Latency(msgspec.Struct):
    latency_p50_ms: float | None
    latency_p95_ms: float | None


def _moment(posted: Posted, now: float) -> Moment:
    latency = msgspec.json.decode(posted.payload, type=_Latency)
    return Moment(now - posted.at_s, latency.latency_p50_ms, latency.latency_p95_ms)


def _doorbell_view(name: str, kinds: dict[str, Posted], now: float) -> DoorbellView:
    availability, state, snapshot, answer, detection, mute = (
        kinds.get(kind) for kind in ("availability", "state", "snapshot", "answer", "detection", "mute")
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
        detects=detection.payload == b"ON" if detection else None,
        is_muted=mute.payload == b"ON" if mute else None,
    )
