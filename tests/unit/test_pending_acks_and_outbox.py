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
    confirmed = outbox.confirm(Packet(1, 1), 0.0)
    assert confirmed is not None
    assert confirmed.key == "a"
    assert outbox.confirm(Packet(1, 1), 0.0) is None
    assert len(outbox) == 0


def test_unconfirmed_messages_are_resent_in_order_after_a_reconnect() -> None:
    wire = Wire()
    outbox = Outbox(wire.transmit, LIMITS)
    outbox.publish(_event("a"), 0.0)
    wire.connection = None
    outbox.publish(_event("b"), 1.0)
    outbox.publish(Publication("c", b"", qos=0), 1.0)
    wire.connection = 2
    outbox.on_connected(0.0)
    assert outbox.resend(2.0) == []
    assert wire.sent == ["a", "a", "b"]
    assert outbox.confirm(Packet(1, 1), 0.0) is None
    assert outbox.confirm(Packet(2, 2), 0.0) is not None


def test_what_is_published_first_on_a_new_connection_comes_before_what_waited() -> None:
    wire = Wire()
    outbox = Outbox(wire.transmit, LIMITS)
    outbox.publish(_event("ring"), 0.0)
    outbox.publish(_event("state", retain=True), 0.0)
    outbox.on_connected(0.0)
    outbox.publish(_event("online", retain=True), 1.0)
    outbox.publish(_event("state", retain=True), 1.0)
    assert outbox.resend(1.0) == []
    assert wire.sent == ["ring", "state", "online", "state", "ring"]
    assert len(outbox) == 3


def test_expired_messages_are_dropped_and_counted() -> None:
    wire = Wire()
    wire.connection = None
    outbox = Outbox(wire.transmit, LIMITS)
    outbox.publish(_event("ring", lifetime_s=5.0), 0.0)
    outbox.publish(_event("answer"), 0.0)
    outbox.publish(_event("state", retain=True), 0.0)
    wire.connection = 2
    assert [each.key for each in outbox.resend(6.0)] == ["ring"]
    outbox.on_connected(0.0)
    assert [each.key for each in outbox.resend(11.0)] == ["answer"]
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


def lose(outbox: Outbox, wire: Wire, now: float, *, accepted: str = "") -> Publication | None:
    """End the connection, and open the next one, on which the broker accepts a first message."""
    assert wire.connection is not None
    number, wire.connection = wire.connection, None
    outbox.on_connection_lost(now)
    wire.connection = number + 1
    wire.sent.clear()
    blocked = outbox.on_connected(now)
    if accepted:
        outbox.publish(_event(accepted), now)
        outbox.confirm(Packet(wire.connection, len(wire.sent)), now)
    outbox.resend(now)
    return blocked


def connected(limits: OutboxLimits = OutboxLimits()) -> tuple[Outbox, Wire]:  # noqa: B008 - frozen
    wire = Wire()
    outbox = Outbox(wire.transmit, limits)
    outbox.on_connected(0.0)
    return outbox, wire


def test_a_large_message_that_ends_the_connection_twice_is_blocked_and_the_others_are_sent() -> None:
    outbox, wire = connected()
    for each in (_event("ring"), _event("picture", size=50_000), _event("answer")):
        outbox.publish(each, 0.0)
    assert lose(outbox, wire, 0.1) is None
    assert wire.sent == ["ring"], "one at a time: then the one in flight is the cause"
    outbox.confirm(Packet(2, 1), 0.2)
    assert wire.sent == ["ring", "picture"]
    blocked = lose(outbox, wire, 0.3)
    assert blocked is not None
    assert (blocked.topic, outbox.dropped) == ("picture", 1)
    assert wire.sent == ["answer"]
    outbox.confirm(Packet(3, 1), 0.4)
    assert len(outbox) == 0
    assert outbox.publish(_event("picture", size=50_000), 1.0), "not sent again"
    assert outbox.publish(_event("other", size=60_000), 1.0), "nor a larger one to another topic"
    assert not outbox.publish(_event("picture", size=20_000), 1.0), "a smaller one is tried"
    assert outbox.largest_bytes < 50_000 / 2 + 100


def test_lost_answers_of_the_broker_blame_no_message_that_it_accepts() -> None:
    """The end of a connection may take the broker's answers to earlier messages with it."""
    outbox, wire = connected()
    for each in (*map(_event, "abcdefgh"), _event("picture", size=50_000)):
        outbox.publish(each, 0.0)
    assert lose(outbox, wire, 0.1) is None
    for number in range(1, 9):
        assert len(wire.sent) == number
        outbox.confirm(Packet(2, number), 0.1)
    blocked = lose(outbox, wire, 0.2)
    assert blocked is not None
    assert blocked.topic == "picture"
    assert len(outbox) == 0


def test_a_newer_value_of_a_suspect_is_sent_alone_as_well() -> None:
    outbox, wire = connected()
    for each in (_event("ring"), _event("picture", size=50_000, retain=True)):
        outbox.publish(each, 0.0)
    lose(outbox, wire, 0.1)
    outbox.publish(_event("picture", size=50_000, retain=True), 0.1)
    outbox.publish(_event("answer"), 0.1)
    outbox.confirm(Packet(2, 1), 0.2)
    assert wire.sent == ["ring", "picture"]
    blocked = lose(outbox, wire, 0.3)
    assert blocked is not None
    assert wire.sent == ["answer"]


def test_a_message_without_acknowledgement_does_not_overtake_those_that_wait_for_a_suspect() -> None:
    """Events must not come before `online` and the announcements; they are not kept for another connection."""
    outbox, wire = connected()
    for topic in ("a", "b"):
        outbox.publish(_event(topic), 1.0)
    wire.sent.clear()
    outbox.on_connection_lost(1.1)
    wire.connection = 2
    outbox.on_connected(2.0)
    outbox.resend(2.0)
    outbox.publish(Publication("c", b"x", qos=0), 2.0)
    assert wire.sent == ["a"]
    outbox.confirm(Packet(2, 1), 2.1)
    outbox.confirm(Packet(2, 2), 2.1)
    assert wire.sent == ["a", "b", "c"]
    assert len(outbox) == 0
    outbox.publish(_event("d"), 3.0)
    outbox.on_connection_lost(3.1)
    outbox.on_connected(4.0)
    outbox.resend(4.0)
    outbox.publish(_event("e"), 4.0)
    outbox.publish(Publication("f", b"x", qos=0), 4.0)
    outbox.on_connection_lost(4.1)
    outbox.on_connected(5.0)
    outbox.resend(5.0)
    assert len(outbox) == 2


def test_once_the_suspects_are_accepted_messages_are_sent_without_waiting() -> None:
    outbox, wire = connected()
    for each in map(_event, "ab"):
        outbox.publish(each, 0.0)
    lose(outbox, wire, 0.1)
    for each in map(_event, "cde"):
        outbox.publish(each, 0.2)
    assert wire.sent == ["a"]
    outbox.confirm(Packet(2, 1), 0.3)
    assert wire.sent == ["a", "b"]
    outbox.confirm(Packet(2, 2), 0.3)
    assert wire.sent == ["a", "b", "c", "d", "e"]


def test_a_small_message_needs_one_more_loss_and_blocks_its_topic_for_a_time() -> None:
    outbox, wire = connected()
    outbox.publish(_event("config"), 0.0)
    assert lose(outbox, wire, 0.1, accepted="online") is None
    assert lose(outbox, wire, 0.2, accepted="online") is None
    assert lose(outbox, wire, 0.3, accepted="online") is not None
    assert outbox.publish(_event("config"), 1.0)
    assert not outbox.publish(_event("ring"), 1.0)
    assert not outbox.publish(_event("config"), 1000.0)


def test_a_line_that_breaks_before_anything_is_accepted_blames_no_message_for_a_minute() -> None:
    outbox, wire = connected()
    outbox.publish(_event("availability"), 0.0)
    for now in range(60):
        assert lose(outbox, wire, float(now)) is None
        assert wire.sent == ["availability"]
    assert lose(outbox, wire, 61.0) is None
    assert lose(outbox, wire, 62.0) is not None, "the broker takes nothing at all"


def test_a_connection_that_ends_later_does_not_blame_the_message_in_flight() -> None:
    outbox, wire = connected()
    outbox.publish(_event("ring"), 0.0)
    for now in (0.1, 5.0, 10.0, 15.0):
        assert lose(outbox, wire, now) is None
        assert wire.sent == ["ring"]


def test_a_broker_that_was_away_did_not_end_the_connection_because_of_a_message() -> None:
    outbox, _ = connected()
    outbox.publish(_event("ring"), 0.0)
    for _ in range(5):
        outbox.on_connection_lost(0.1)
        outbox.on_connection_lost(0.2)  # a failed attempt
        assert outbox.on_connected(0.3) is None
        outbox.resend(0.3)


def test_an_accepted_suspect_is_no_suspect_any_more() -> None:
    outbox, wire = connected()
    outbox.publish(_event("ring"), 0.0)
    lose(outbox, wire, 0.1)
    outbox.confirm(Packet(2, 1), 0.2)
    outbox.publish(_event("ring"), 1.0)
    assert lose(outbox, wire, 1.1) is None
    assert lose(outbox, wire, 1.2) is None


def test_a_denied_message_is_the_suspect_if_the_connection_ends_right_after() -> None:
    outbox, wire = connected()
    outbox.publish(_event("ring"), 0.0)
    blocked = None
    for _ in range(3):
        outbox.publish(_event("config"), 0.0)
        assert wire.connection is not None
        for number, topic in enumerate(list(wire.sent), 1):
            outbox.confirm(Packet(wire.connection, number), 0.1, denied=topic == "config")
        blocked = lose(outbox, wire, 0.2)
    assert blocked is not None
    assert blocked.topic == "config"
    assert not outbox.publish(_event("ring"), 1.0)


def test_a_denied_message_is_no_suspect_if_the_connection_ends_later() -> None:
    outbox, wire = connected()
    for number in range(5):
        now = 10.0 * number
        outbox.publish(_event("config"), now)
        assert wire.connection is not None
        outbox.confirm(Packet(wire.connection, 1), now, denied=True)
        assert lose(outbox, wire, now + 5.0) is None
