"""Pending acknowledgements to the broker, and the outbox of unconfirmed messages."""

from __future__ import annotations

from edge_agent.domain import Packet, Publication
from edge_agent.mqtt import pending_acks as ledger_module
from edge_agent.mqtt.outbox import Outbox, OutboxLimits
from edge_agent.mqtt.pending_acks import PendingAcks

LIMITS = OutboxLimits(messages=3, payload_bytes=100, age_s=10.0)


class Wire:
    """A connection that can be cut."""

    def __init__(self) -> None:
        self.connection: int | None = 1
        self.sent: list[str] = []

    def transmit(self, publication: Publication) -> Packet | None:
        if self.connection is None:
            return None
        self.sent.append(publication.topic)
        return Packet(self.connection, len(self.sent))


def _event(topic: str, *, size: int = 1, retain: bool = False, lifetime_s: float | None = None) -> Publication:
    return Publication(topic, b"x" * size, qos=1, retain=retain, key=topic, lifetime_s=lifetime_s)


def test_a_message_and_its_repetition_are_acknowledged_after_the_answer() -> None:
    ledger, first, again = PendingAcks(), Packet(1, 5), Packet(2, 5)
    ledger.add("key", first)
    ledger.add("key", again)
    ledger.add("other", None)
    assert ledger.is_pending("key")
    assert len(ledger) == 2
    assert ledger.complete("key") == [first, again]
    assert ledger.complete("other") == []
    assert ledger.is_completed("key")
    assert not ledger.is_pending("key")


def test_a_discarded_key_is_new_again() -> None:
    ledger = PendingAcks()
    ledger.add("key", Packet(1, 5))
    ledger.discard("key")
    assert not ledger.is_pending("key")
    assert not ledger.is_completed("key")


def test_the_number_of_completed_keys_is_bounded() -> None:
    ledger = PendingAcks()
    for number in range(ledger_module.COMPLETED_KEPT + 1):
        ledger.complete(str(number))
    assert not ledger.is_completed("0")
    assert ledger.is_completed("1")


def test_confirmed_messages_are_removed() -> None:
    wire = Wire()
    outbox = Outbox(wire.transmit, LIMITS)
    outbox.publish(_event("a"), 0.0)
    confirmed = outbox.confirm(Packet(1, 1))
    assert confirmed is not None
    assert confirmed.key == "a"
    assert outbox.confirm(Packet(1, 1)) is None
    assert len(outbox) == 0


def test_unconfirmed_messages_are_resent_in_order_after_a_reconnect() -> None:
    wire = Wire()
    outbox = Outbox(wire.transmit, LIMITS)
    outbox.publish(_event("a"), 0.0)
    wire.connection = None
    outbox.publish(_event("b"), 1.0)
    outbox.publish(Publication("c", b"", qos=0), 1.0)
    wire.connection = 2
    assert outbox.take_back() == []
    assert outbox.flush(2.0) == []
    assert wire.sent == ["a", "a", "b"]
    assert outbox.confirm(Packet(1, 1)) is None
    assert outbox.confirm(Packet(2, 2)) is not None


def test_expired_messages_are_dropped_and_counted() -> None:
    wire = Wire()
    wire.connection = None
    outbox = Outbox(wire.transmit, LIMITS)
    outbox.publish(_event("ring", lifetime_s=5.0), 0.0)
    outbox.publish(_event("answer"), 0.0)
    outbox.publish(_event("state", retain=True), 0.0)
    wire.connection = 2
    assert [each.key for each in outbox.flush(6.0)] == ["ring"]
    outbox.take_back()
    assert [each.key for each in outbox.flush(11.0)] == ["answer"]
    assert outbox.dropped == 2
    assert wire.sent == ["answer", "state", "state"]


def test_only_the_newest_value_of_a_retained_topic_is_queued() -> None:
    wire = Wire()
    wire.connection = None
    outbox = Outbox(wire.transmit, LIMITS)
    for _ in range(5):
        outbox.publish(_event("state", retain=True), 0.0)
    assert len(outbox) == 1
    assert outbox.dropped == 0


def test_a_full_outbox_drops_the_oldest_message() -> None:
    wire = Wire()
    wire.connection = None
    outbox = Outbox(wire.transmit, LIMITS)
    for name in "abc":
        outbox.publish(_event(name), 0.0)
    assert [each.key for each in outbox.publish(_event("d"), 0.0)] == ["a"]
    assert [each.key for each in outbox.publish(_event("e", size=99), 0.0)] == ["b", "c"]
    assert len(outbox) == 2
    assert outbox.dropped == 3
