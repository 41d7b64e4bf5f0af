"""Publishes health, metrics and errors, periodically and on request."""

from __future__ import annotations

import logging
import math
import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from edge_agent import __version__, topics
from edge_agent.domain import Publication
from edge_agent.doorbells.payloads import encode
from edge_agent.mqtt.link import LinkUp
from edge_agent.telemetry import error_events
from edge_agent.telemetry.health import Run
from edge_agent.telemetry.problems import BrokerView, refusal
from edge_agent.telemetry.registry import Telemetry, Unsent
from edge_agent.telemetry.timings import LATENCY_BOUNDS_MS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from edge_agent.capture.views import CameraView
    from edge_agent.domain import Outcome, ReplyTo
    from edge_agent.doorbells.events import Stamp
    from edge_agent.mqtt.link import LinkDown
    from edge_agent.mqtt.publisher import Publisher
    from edge_agent.mqtt.suspects import Blocked
    from edge_agent.platform.host_metrics import Host
    from edge_agent.pool import Pool
    from edge_agent.pool.views import PoolView
    from edge_agent.settings.model import Settings
    from edge_agent.telemetry.problem_codes import ProblemCode
    from edge_agent.telemetry.timings import LatencyCounts

log = logging.getLogger(__name__)

VIEW_TIMEOUT_S: Final = 1.0
"""Time limit for the pool's view; a supervisor that hangs must not silence the agent."""
MAX_REFUSED_TOPICS: Final = 100
"""Number of denied topics that are remembered."""


class Reporter:
    """Updates the telemetry and publishes it. `stamp` numbers the events of this run.

    `publish_times` gets the latency counts since the start, together with each metrics message.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - the parts that it tells of
        self,
        settings: Settings,
        boot_id: str,
        out: Publisher,
        pool: Pool,
        host: Host,
        stamp: Callable[[float], Stamp],
        publish_times: Callable[[LatencyCounts], None],
    ) -> None:
        self.status = "starting"
        """In a line."""
        self.telemetry = Telemetry(Run(__version__, datetime.now(UTC)), boot_id, time.monotonic())
        self._agent_id = settings.agent_id
        self._out = out
        self._pool = pool
        self._host = host
        self._stamp = stamp
        self._publish_times = publish_times
        self._view: PoolView | None = None
        self._view_deadline_s: float | None = None
        """While the pool's view is awaited."""
        self._asked: list[ReplyTo] = []
        self._refused: dict[str, None] = {}
        self._refused_filters: tuple[str, ...] = ()
        self._blocked: tuple[Blocked, ...] = ()

    def on_outcome(self, outcome: Outcome) -> None:
        """Record the outcome of a frame after it was published; publish an error if it failed."""
        now = time.monotonic()
        self.telemetry.counters.count(outcome)
        self.telemetry.timings.record(outcome, now)
        if error_event := error_events.of_frame(outcome):
            self._publish_errors((error_event,), now)

    def on_link(self, link: LinkUp | LinkDown) -> None:
        """Record that the connection to the broker changed."""
        now, now_at, before = time.monotonic(), datetime.now(UTC), self.telemetry.broker
        if isinstance(link, LinkUp):
            broker = BrokerView(
                connected=True,
                since_at=now_at,
                protocol=link.protocol,
                connections=before.connections + 1,
                refused=before.refused,
            )
        else:
            since_at = now_at if before.connected else before.since_at
            broker = replace(before, connected=False, since_at=since_at, reason=link.reason, detail=link.detail)
        self.telemetry.broker = broker
        if before.connected != broker.connected:
            self.telemetry.on_broker_change(now, connected=broker.connected)

    def on_cameras(self, views: tuple[CameraView, ...]) -> None:
        """Note the state of the cameras; publish a change at once."""
        before = [each.essence for each in self.telemetry.cameras]
        self.telemetry.cameras = views
        if before != [each.essence for each in views]:
            self.telemetry.mark_health_due(time.monotonic())

    def on_publish_reply(self, topic: str, *, refused: bool) -> None:
        """Record whether the broker accepts messages to a topic."""
        if not topic or (topic in self._refused) == refused:
            return
        if refused and len(self._refused) < MAX_REFUSED_TOPICS:
            self._refused[topic] = None
        else:
            self._refused.pop(topic, None)
        self._update_refusals()

    def on_subscriptions(self, refused: tuple[str, ...]) -> None:
        """Record the topic filters that the broker refuses."""
        if refused != self._refused_filters:
            self._refused_filters = refused
            self._update_refusals()

    def on_blocked(self, blocked: tuple[Blocked, ...]) -> None:
        """Record the messages that the broker repeatedly ended the connection for."""
        if blocked != self._blocked:
            self._blocked = blocked
            self._update_refusals()

    def set_fault(self, code: ProblemCode, fault: str) -> None:
        """Record a fault of another room as a sentence, or '' if there is none."""
        if fault != self.telemetry.faults.get(code, ""):
            self.telemetry.faults[code] = fault
            self.telemetry.mark_health_due(time.monotonic())

    def request_health(self, reply_to: ReplyTo | None) -> None:
        """Publish the health soon, and send it to the response topic of the request."""
        if reply_to is not None:
            self._asked.append(reply_to)
        self.telemetry.mark_health_due(time.monotonic())

    def on_pool_view(self, view: PoolView) -> None:
        """Publish what waited for the pool's view; also the health, if a worker or an accelerator changed."""
        now, before = time.monotonic(), self._view
        self._publish_errors(error_events.of_workers(before, view), now)
        self._view, self._view_deadline_s = view, None
        if before is None or _essence(before) != _essence(view):
            self.telemetry.mark_health_due(now)
        self._publish_due(view, now)

    def next_due_s(self) -> float:
        """Return when `tick` is due."""
        return self.telemetry.next_due_s() if self._view_deadline_s is None else self._view_deadline_s

    def tick(self, now: float) -> None:
        """Request the pool's view when a message is due; after the time limit publish with the last known view."""
        if self._view_deadline_s is not None and now >= self._view_deadline_s:
            self._view_deadline_s = None
            if self._view is not None:
                self._publish_due(self._view, now)
        elif self.telemetry.is_health_due(now) or self.telemetry.is_metrics_due(now):
            self._view_deadline_s = now + VIEW_TIMEOUT_S
            self._pool.request_view()

    def give_up_due_s(self, patience_s: float) -> float:
        """Return when no worker will have been alive for `give_up_s`; infinity if one is alive."""
        since_s = self.telemetry.no_worker_since_s()
        return math.inf if since_s is None else since_s + patience_s

    def publish_last_metrics(self, now: float) -> None:
        """Publish the last metrics, after the end of the pool."""
        if self._view is not None:
            self._publish_metrics(self._view, now)

    def _publish_due(self, view: PoolView, now: float) -> None:
        if self.telemetry.is_health_due(now):
            self._publish_health(view, now)
        if self.telemetry.is_metrics_due(now):
            self._publish_metrics(view, now)

    def _publish_metrics(self, view: PoolView, now: float) -> None:
        unsent = Unsent(self._out.waiting, self._out.dropped)
        payload = self.telemetry.metrics(view, self._host.read(now, time.time()), unsent, now)
        self._out.publish(Publication(topics.metrics(self._agent_id), encode(payload)), now)
        self._publish_times(self.telemetry.timings.cumulative_counts(LATENCY_BOUNDS_MS))

    def _update_refusals(self) -> None:
        refused = refusal(self._refused_filters, tuple(self._refused), self._blocked)
        self.telemetry.broker = replace(self.telemetry.broker, refused=refused)
        self.telemetry.mark_health_due(time.monotonic())

    def _publish_health(self, view: PoolView, now: float) -> None:
        payload, new = self.telemetry.assess(view, self._host.read(now, time.time()), now, datetime.now(UTC))
        self.status = ": ".join((payload.status, *payload.reasons[:1]))
        for problem in new:
            log.warning("%s", problem.text, extra={"problem": problem.code, "about": problem.about})
        self._publish_errors(map(error_events.of_problem, new), now)
        told = Publication(topics.health(self._agent_id), encode(payload), qos=1, retain=True)
        self._out.publish(told, now)
        for reply_to in self._asked:
            answer = replace(told, topic=reply_to.topic, retain=False, correlation_data=reply_to.correlation_data)
            self._out.publish(answer, now)
        self._asked.clear()

    def _publish_errors(self, new_errors: Iterable[error_events.ErrorEvent], now: float) -> None:
        for error_event in new_errors:
            self._out.publish(error_events.error(self._agent_id, error_event, self._stamp(now)), now)


def _essence(view: PoolView) -> tuple[object, ...]:
    """Return the part of the view whose change is published at once."""
    workers = tuple((each.pid, each.detector, each.restarts) for each in view.workers)
    return workers, tuple((each.state, each.fault) for each in view.accelerators)
