"""The camera loop: the thread of a capture process that decides, decodes and publishes."""

from __future__ import annotations

import contextlib
import functools
import logging
import queue
import threading
import time
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from edge_agent.capture.camera import CaptureError, CaptureReason, Item
from edge_agent.capture.doorbell_events import Meaning
from edge_agent.capture.publisher import BrokerEvent, Pressed, Publisher, Visiting
from edge_agent.capture.reader import Reader
from edge_agent.capture.reports import CameraState, Report
from edge_agent.capture.schedule import Order, Rates, Schedule
from edge_agent.capture.sources import follow_entities, open_source
from edge_agent.domain import Trigger
from edge_agent.ingest.image_header import read_header
from edge_agent.worker.guards import resident_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from edge_agent.capture.camera import CameraSpec, Part, Picture
    from edge_agent.capture.ring import Ring
    from edge_agent.capture.tls_tunnel import TunnelEntrance
    from edge_agent.mqtt.access import BrokerAccess

log = logging.getLogger(__name__)

REPORT_S: Final = 2.0
"""Reports are the process's heartbeat too."""
HUNG_S: Final = 40.0
"""A reader that does nothing for this time and its interval hangs in a library."""
RETRY_S: Final = {Trigger.PRESS: 0.05, Trigger.MOTION: 0.1, Trigger.CONTINUOUS: 0.5}
"""Until an order is tried again for which the camera has sent nothing new."""
PRESS_PATIENCE_S: Final = 5.0
"""A picture of a press that comes later is of no use."""
STALE_S: Final = 1.5
"""A picture from before the press that is older says nothing about the visitor."""


class CameraLoop:
    """Publishes one camera until `stop`."""

    def __init__(  # noqa: PLR0913, PLR0917 - what a capture process has
        self,
        spec: CameraSpec,
        mqtt: BrokerAccess,
        agent_id: str,
        report: Callable[[Report], None],
        sandbox: str = "",
        entrance: TunnelEntrance | None = None,
    ) -> None:
        now = time.monotonic()
        rates = Rates(spec.idle_interval_s, spec.motion_interval_s, spec.burst_s, spec.burst_frames)
        self._spec = spec
        self._events: queue.SimpleQueue[BrokerEvent | Meaning | None] = queue.SimpleQueue()
        self._schedule = Schedule(rates, now)
        self._publisher = Publisher(mqtt, agent_id, spec.doorbell, self._events.put)
        self._reader = Reader(spec, functools.partial(open_source, entrance=entrance), lambda: self._events.put(None))
        self._entities = follow_entities(spec, self._events.put)
        self._tell = report
        self._report = Report(sandbox=sandbox)
        self._report_due_s = now
        self._last: Item | None = None
        self._last_of_press: Item | None = None
        self._refusal: CaptureError | None = None
        self._pressed_s = now
        self._stopping = threading.Event()

    def run(self) -> None:
        """Publish; raise CaptureError if the reader hangs."""
        parts: list[Part] = [self._publisher, self._reader, *([self._entities] if self._entities else [])]
        for part in parts:
            part.start()
        try:
            while not self._stopping.is_set():
                self._step()
        finally:
            for part in reversed(parts):
                part.close()

    def stop(self) -> None:
        """End `run`, from another thread or a signal."""
        self._stopping.set()
        self._events.put(None)

    def _step(self) -> None:
        due_s = min(self._schedule.next_due_s(), self._report_due_s)
        with contextlib.suppress(queue.Empty):
            self._on_event(self._events.get(timeout=max(0.0, due_s - time.monotonic())))
        now = time.monotonic()
        for order in self._schedule.due(now):
            self._carry_out(order, now)
        self._reader.eager = self._schedule.is_eager(now)
        self._report_state(now)
        if now - self._reader.progress_s > HUNG_S + self._spec.idle_interval_s:
            raise CaptureError(CaptureReason.HUNG)

    # Events

    def _on_event(self, event: BrokerEvent | Meaning | None) -> None:
        now = time.monotonic()
        match event:
            case None:
                pass
            case Pressed():
                self._on_press(now)
            case Meaning.PRESS:
                self._publisher.publish_press(now)
                self._on_press(now)
            case Meaning():
                self._on_motion("entity", now, is_on=event is Meaning.MOTION_ON)
            case Visiting(is_on):
                self._on_motion("visit", now, is_on=is_on)
            case _:
                self._publisher.handle(event, now)

    def _on_press(self, now: float) -> None:
        if self._schedule.on_press(now):
            log.debug("%s: pressed", self._spec.doorbell)
            self._pressed_s = now
            self._wake_reader()

    def _on_motion(self, source: str, now: float, *, is_on: bool) -> None:
        self._schedule.on_motion(source, now, is_on=is_on)
        if is_on:
            self._wake_reader()

    def _wake_reader(self) -> None:
        self._reader.eager = True
        self._reader.wake()

    # Pictures

    def _carry_out(self, order: Order, now: float) -> None:
        """Publish the picture of an order; try again soon if the camera has sent nothing newer."""
        items, decoder = self._reader.select(lambda ring: _choose(ring, order))
        picture = decoder.decode(items) if items and decoder and self._is_fit(items[-1], order) else None
        if picture is not None:
            self._last = items[-1]
            if order.trigger is Trigger.PRESS:
                self._last_of_press = items[-1]
            self._publish(picture, order.trigger, decoder.codec if decoder else "", now)
        elif order.at_s is None and (order.trigger is not Trigger.PRESS or now - self._pressed_s < PRESS_PATIENCE_S):
            self._schedule.retry(order, now, RETRY_S[order.trigger])

    def _is_fit(self, item: Item, order: Order) -> bool:
        """Return whether an item is news: a press shows again what was published before it as an ordinary picture."""
        last = self._last_of_press if order.trigger is Trigger.PRESS else self._last
        if order.at_s is not None:
            return item is not last and order.at_s - item.taken_s < STALE_S
        return last is None or item.taken_s > last.taken_s

    def _publish(self, picture: Picture, trigger: Trigger, codec: str, now: float) -> None:
        is_accepted = self._publisher.publish_frame(picture, trigger, now)
        self._refusal = None if is_accepted else CaptureError(CaptureReason.TOO_LARGE, "for the broker")
        header = read_header(picture.image)
        self._reader.tally.on_frame()
        self._report = replace(
            self._report,
            codec=codec,
            width=header.width,
            height=header.height,
            last_frame_at=picture.taken_at.timestamp(),
        )

    # Reports

    def _failure(self) -> CaptureError | None:
        failure = self._reader.failure or (self._entities.failure if self._entities else None) or self._refusal
        if failure is None and not self._publisher.connected:
            failure = CaptureError(CaptureReason.NO_BROKER, self._publisher.fault)
        return failure

    def _report_state(self, now: float) -> None:
        """Report a change at once, and otherwise now and then."""
        failure = self._failure()
        state = CameraState.AWAY if failure else CameraState.LIVE
        reason, detail = (failure.reason, failure.detail) if failure else (None, "")
        is_new = (state, reason, detail) != (self._report.state, self._report.reason, self._report.detail)
        if is_new and failure and failure is not self._reader.failure:
            self._reader.tally.on_fault(failure.reason)  # the reader counts its own
        if is_new or now >= self._report_due_s:
            self._report_due_s = now + REPORT_S
            self._report = replace(
                self._report,
                state=state,
                reason=reason,
                detail=detail,
                counts=self._reader.tally.counts(),
                memory_bytes=resident_bytes(),
            )
            self._tell(self._report)


def _choose(ring: Ring, order: Order) -> Sequence[Item]:
    if order.at_s is not None:
        return ring.before(order.at_s)
    return ring.newest_key() if order.cheap else ring.newest()
