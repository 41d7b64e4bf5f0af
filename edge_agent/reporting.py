"""Tells how the agent is: health, metrics and errors, in time and when asked."""

from __future__ import annotations

import logging
import math
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from edge_agent import __version__, quarantine, topics
from edge_agent.model import Publication
from edge_agent.mqtt.link import LinkUp
from edge_agent.results import errors
from edge_agent.results.failures import failure_of
from edge_agent.results.health import Run
from edge_agent.results.payloads import encode
from edge_agent.results.problems import BrokerView, ProblemCode, refusal
from edge_agent.results.telemetry import Telemetry, Unsent
from edge_agent.web.board import BOUNDS_MS
from edge_agent.wire import FailureReason

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from edge_agent.host import Host
    from edge_agent.model import Outcome, PoolView, ReplyTo
    from edge_agent.mqtt.link import LinkDown
    from edge_agent.pool import Pool
    from edge_agent.publisher import Publisher
    from edge_agent.results.events import Stamp
    from edge_agent.settings import Settings
    from edge_agent.web.board import Times

log = logging.getLogger(__name__)

MOST_REFUSED: Final = 100
"""As many topics are remembered to which the broker lets nothing through."""


class Reporter:
    """Keeps the registry up to date and publishes it. `stamp` numbers the events of this run.

    `tell_times` is told, with the metrics, how long frames took since the start.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - the parts that it tells of
        self,
        settings: Settings,
        boot_id: str,
        out: Publisher,
        pool: Pool,
        host: Host,
        stamp: Callable[[float], Stamp],
        tell_times: Callable[[Times], None],
    ) -> None:
        self.status = "starting"
        """In a line."""
        self.telemetry = Telemetry(Run(__version__, datetime.now(UTC)), boot_id, time.monotonic())
        self._agent_id = settings.agent_id
        self._quarantine = settings.quarantine
        self._out = out
        self._pool = pool
        self._host = host
        self._stamp = stamp
        self._tell_times = tell_times
        self._view: PoolView | None = None
        self._asked: list[ReplyTo] = []
        self._refused: dict[str, None] = {}
        self._unheard: tuple[str, ...] = ()

    def note(self, outcome: Outcome) -> None:
        """Note what became of a frame that was just told of; tell of it once more where it failed."""
        now = time.monotonic()
        self.telemetry.counters.count(outcome)
        self.telemetry.timings.note(outcome, now)
        self._keep_poison(outcome)
        if mishap := errors.of_frame(outcome):
            self._tell((mishap,), now)

    def heed_link(self, link: LinkUp | LinkDown) -> None:
        """Note that the broker came or went."""
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
            self._refused.clear()
            self._unheard = ()
            since_at = now_at if before.connected else before.since_at
            broker = replace(
                before, connected=False, since_at=since_at, reason=link.reason, detail=link.detail, refused=""
            )
        self.telemetry.broker = broker
        if before.connected != broker.connected:
            self.telemetry.hasten(now)

    def heed_refusal(self, topic: str, *, refused: bool) -> None:
        """Note whether the broker lets us publish to a topic."""
        if not topic or (topic in self._refused) == refused:
            return
        if refused and len(self._refused) < MOST_REFUSED:
            self._refused[topic] = None
        else:
            self._refused.pop(topic, None)
        self._tell_refusals()

    def heed_subscriptions(self, refused: tuple[str, ...]) -> None:
        """Note which topic filters the broker does not let us subscribe to by now."""
        if refused != self._unheard:
            self._unheard = refused
            self._tell_refusals()

    def heed_fault(self, code: ProblemCode, fault: str) -> None:
        """Note what is wrong with another part, in a sentence, or ''."""
        if fault != self.telemetry.faults.get(code, ""):
            self.telemetry.faults[code] = fault
            self.telemetry.hasten(time.monotonic())

    def answer_health(self, reply_to: ReplyTo | None) -> None:
        """Have the health told at once, and sent to who asked for an answer."""
        if reply_to is not None:
            self._asked.append(reply_to)
        self.telemetry.hasten(time.monotonic())

    def see(self, view: PoolView) -> None:
        """Tell of workers that came or went."""
        now = time.monotonic()
        self._tell(errors.of_workers(self._view, view), now)
        self._view = view
        self._tell_health(view, now)

    def next_due_s(self) -> float:
        """Return when `tick` has something to tell."""
        return self.telemetry.next_due_s()

    def tick(self, now: float) -> None:
        """Tell what is due."""
        if self.telemetry.is_health_due(now):
            self._tell_health(self._pool.view(), now)
        if self.telemetry.is_metrics_due(now):
            self.tell_metrics(now)

    def give_up_due_s(self, patience_s: float) -> float:
        """Return when there will have been no worker for so long; infinity where one works."""
        since_s = self.telemetry.no_worker_since_s()
        return math.inf if since_s is None else since_s + patience_s

    def tell_metrics(self, now: float) -> None:
        """Publish the metrics."""
        unsent = Unsent(self._out.waiting, self._out.dropped)
        payload = self.telemetry.metrics(self._pool.view(), self._host.read(now, time.time()), unsent, now)
        self._out.publish(Publication(topics.metrics(self._agent_id), encode(payload)), now)
        self._tell_times(self.telemetry.timings.cumulated(BOUNDS_MS))

    def _tell_refusals(self) -> None:
        refused = refusal(self._unheard, tuple(self._refused))
        self.telemetry.broker = replace(self.telemetry.broker, refused=refused)
        self.telemetry.hasten(time.monotonic())

    def _tell_health(self, view: PoolView, now: float) -> None:
        if self.telemetry.faults.get(ProblemCode.QUARANTINE) and quarantine.is_possible(self._quarantine.dir or Path()):
            self.telemetry.faults[ProblemCode.QUARANTINE] = ""
        payload, new = self.telemetry.assess(view, self._host.read(now, time.time()), now, datetime.now(UTC))
        self.status = ": ".join((payload.status, *payload.reasons[:1]))
        for problem in new:
            log.warning("%s", problem.text, extra={"problem": problem.code, "about": problem.about})
        self._tell(map(errors.of_problem, new), now)
        told = Publication(topics.health(self._agent_id), encode(payload), qos=1, retain=True)
        self._out.publish(told, now)
        for reply_to in self._asked:
            answer = replace(told, topic=reply_to.topic, retain=False, correlation_data=reply_to.correlation_data)
            self._out.publish(answer, now)
        self._asked.clear()

    def _tell(self, mishaps: Iterable[errors.Mishap], now: float) -> None:
        for mishap in mishaps:
            self._out.publish(errors.error(self._agent_id, mishap, self._stamp(now)), now)

    def _keep_poison(self, outcome: Outcome) -> None:
        failure, settings = failure_of(outcome), self._quarantine
        if settings.dir is not None and failure is not None and failure.reason is FailureReason.QUARANTINED:
            self.heed_fault(ProblemCode.QUARANTINE, quarantine.keep(outcome.frame, settings.dir, settings.max_files))
