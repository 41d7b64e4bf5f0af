"""What Home Assistant's entities must not miss though it is not retained: events and pictures. Pure.

Home Assistant subscribes up to a second after a device is announced, and has to connect again after a restart of the
broker. Events have topics of their own for the entities: a copy is held until Home Assistant has subscribed and arrives
once, and other clients get the event at once. A copy that reached nobody, as a broker tells with MQTT 5, is sent again:
after waits that double, since many users have no Home Assistant, and each second when Home Assistant has just started.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from edge_agent import topics

if TYPE_CHECKING:
    from edge_agent.domain import Publication

UNTIL_SUBSCRIBED_S: Final = 1.0
"""Home Assistant takes up to half a second to subscribe to announced topics."""
LIFETIME_S: Final = 60.0
"""An event or a picture is not sent later than this."""
RETRY_S: Final = 1.0
"""Shortest wait before an event that reached nobody is sent again."""
RETRY_PICTURE_S: Final = 5.0
"""The same for a picture, which is a hundred times larger."""
STARTING_S: Final = 15.0
"""Home Assistant subscribes within that time of its birth message."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    publication: Publication
    doorbell: str
    due_s: float


class EntityEvents:
    """Decides when the entities get events and pictures."""

    def __init__(self, *, enabled: bool) -> None:
        self._enabled = enabled
        self._subscribed_s: dict[str, float] = {}
        """When Home Assistant will have subscribed to the topics of a new doorbell."""
        self._waiting: list[_Waiting] = []
        self._pictures: dict[str, Publication] = {}
        """The last picture of each topic: an older one is never sent after it."""
        self._started_s = -math.inf
        """When Home Assistant will have subscribed at the latest, after its last birth message."""

    def on_announced(self, doorbell: str, now: float) -> None:
        """Record that a new doorbell was announced."""
        if self._enabled:
            self._subscribed_s[doorbell] = now + UNTIL_SUBSCRIBED_S

    def on_known(self, doorbell: str, now: float) -> None:
        """Record that a doorbell was announced earlier: Home Assistant has subscribed, and nothing is held."""
        if self._subscribed_s.pop(doorbell, None) is not None:
            self._waiting = [
                replace(each, due_s=now) if each.doorbell == doorbell else each
                for each in self._waiting
                if each.doorbell != doorbell or not self._is_picture(each)
            ]

    def on_birth(self, now: float) -> None:
        """Record that Home Assistant starts, or has connected again: what waits is sent when it has subscribed."""
        self._started_s = now + STARTING_S
        subscribed_s = now + UNTIL_SUBSCRIBED_S
        self._waiting = [replace(each, due_s=min(each.due_s, subscribed_s)) for each in self._waiting]

    def on_removed(self, doorbell: str) -> None:
        """Forget what a doorbell still has to send."""
        self._subscribed_s.pop(doorbell, None)
        self._waiting = [each for each in self._waiting if each.doorbell != doorbell]
        for topic in (topics.snapshot(doorbell), topics.best_face(doorbell), topics.picture(doorbell)):
            self._pictures.pop(topic, None)

    def on_published(self, publication: Publication, now: float) -> list[Publication]:
        """Return what to publish for the entities now; what they get later is `due` then."""
        found = topics.of_doorbell(publication.topic)
        if not self._enabled or found is None:
            return []
        doorbell, what = found
        if what in topics.ENTITY_EVENTS:
            copy = replace(publication, topic=topics.entity_event(doorbell, what), key="", lifetime_s=LIFETIME_S)
            return self._hold_or_pass(copy, doorbell, now)
        if what in topics.PICTURES:
            self._on_picture(publication, doorbell, now)
        return []

    def on_without_subscriber(self, publication: Publication, now: float) -> None:
        """Record that a publication reached nobody: it is sent again, unless it is too old."""
        topic, is_event = publication.topic, topics.is_entity_event(publication.topic)
        if not is_event and not self._is_last_picture(publication):
            return
        wait_s = self._wait_s(publication, RETRY_S if is_event else RETRY_PICTURE_S, now)
        left_s = (publication.lifetime_s or 0.0) - wait_s
        if left_s > 0:
            again = replace(publication, lifetime_s=left_s)
            if not is_event:
                self._pictures[topic] = again
            self._waiting.append(_Waiting(again, topics.doorbell_of(topic), now + wait_s))
            self._send_notice_again(again, now + wait_s)

    def _wait_s(self, publication: Publication, shortest_s: float, now: float) -> float:
        """Return the wait before it is sent again: as long as it has waited, but short while Home Assistant starts."""
        waited_s = LIFETIME_S - (publication.lifetime_s or 0.0)
        return shortest_s if now < self._started_s else max(shortest_s, waited_s)

    def due(self, now: float) -> list[Publication]:
        """Return, once, what is due, in its order."""
        due = [each.publication for each in self._waiting if each.due_s <= now]
        self._waiting = [each for each in self._waiting if each.due_s > now]
        self._subscribed_s = {doorbell: time_s for doorbell, time_s in self._subscribed_s.items() if time_s > now}
        return due

    def next_due_s(self) -> float | None:
        """Return when something is due, or None."""
        due_s = min((each.due_s for each in self._waiting), default=math.inf)
        return due_s if due_s < math.inf else None

    def _hold_or_pass(self, copy: Publication, doorbell: str, now: float) -> list[Publication]:
        """Let an event pass, unless Home Assistant has not subscribed yet or an earlier one still waits."""
        before = [each.due_s for each in self._waiting if each.doorbell == doorbell and not self._is_picture(each)]
        due_s = max(self._subscribed_s.get(doorbell, now), *before, now)
        if due_s <= now and not before:
            return [copy]
        self._waiting.append(_Waiting(copy, doorbell, due_s))
        return []

    def _on_picture(self, publication: Publication, doorbell: str, now: float) -> None:
        """Replace an older picture; a new snapshot also withdraws the notice of the one before."""
        topic, notice = publication.topic, topics.picture(doorbell)
        outdated = {topic, notice} if topic == topics.snapshot(doorbell) else {topic}
        self._waiting = [each for each in self._waiting if each.publication.topic not in outdated]
        for each in outdated:
            self._pictures.pop(each, None)
        self._pictures[topic] = publication
        due_s = self._subscribed_s.get(doorbell, now)
        if due_s > now:
            self._waiting.append(_Waiting(publication, doorbell, due_s))

    def _send_notice_again(self, snapshot: Publication, due_s: float) -> None:
        """Let its notice follow a snapshot that is sent again: it says what the snapshot shows."""
        doorbell = topics.doorbell_of(snapshot.topic)
        notice = self._pictures.get(topics.picture(doorbell))
        if snapshot.topic == topics.snapshot(doorbell) and notice is not None:
            again = self._pictures[notice.topic] = replace(notice, lifetime_s=snapshot.lifetime_s)
            self._waiting.append(_Waiting(again, doorbell, due_s))

    def _is_last_picture(self, publication: Publication) -> bool:
        """Return whether a publication is the last picture of its topic, and does not wait already."""
        is_waiting = any(each.publication.topic == publication.topic for each in self._waiting)
        return self._pictures.get(publication.topic) is publication and not is_waiting

    def _is_picture(self, waiting: _Waiting) -> bool:
        return waiting.publication.topic in self._pictures
