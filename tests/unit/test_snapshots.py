"""Which frames of a doorbell give a snapshot."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from edge_agent.domain import Trigger
from edge_agent.doorbells.snapshots import Snapshots
from edge_agent.wire import SnapshotMode
from testing.values import detected, failure, frame, outcome

if TYPE_CHECKING:
    from edge_agent.domain import Outcome

INTERVAL_S: Final = 10.0
ALWAYS, WITH_FACES, NEVER = SnapshotMode.ALWAYS, SnapshotMode.WITH_FACES, SnapshotMode.NEVER


def mode(snapshots: Snapshots, trigger: Trigger, now: float, *, in_visit: bool = True) -> SnapshotMode:
    """Return when a frame of that trigger gives a snapshot."""
    return snapshots.mode(frame(trigger=trigger), now, INTERVAL_S, in_visit=in_visit)


def press_frame(received_s: float) -> Outcome:
    return outcome(detected(1), Trigger.PRESS, received_s=received_s)


def shown(faces: int, trigger: Trigger = Trigger.CONTINUOUS) -> Outcome:
    """Return a frame with that many faces."""
    return outcome(detected(faces), trigger)


def test_a_new_doorbell_gives_a_snapshot_of_the_first_face_and_of_a_press() -> None:
    assert mode(Snapshots(), Trigger.CONTINUOUS, 0.0, in_visit=False) is WITH_FACES
    assert mode(Snapshots(), Trigger.PRESS, 0.0, in_visit=False) is ALWAYS


@pytest.mark.parametrize("trigger", [Trigger.CONTINUOUS, Trigger.MOTION, Trigger.PRESS])
def test_a_visit_gives_one_every_interval(trigger: Trigger) -> None:
    """Though several frames were in progress when it began."""
    snapshots = Snapshots()
    accepted = [now for now in range(61) if snapshots.accept(shown(1, trigger), float(now), INTERVAL_S)]
    assert accepted == [0, 10, 20, 30, 40, 50, 60]
    assert mode(snapshots, trigger, 69.9) is NEVER
    assert mode(snapshots, trigger, 70.0) is (ALWAYS if trigger is Trigger.PRESS else WITH_FACES)


def test_a_ring_gives_one_at_once_of_its_own_frame() -> None:
    snapshots = Snapshots()
    assert snapshots.accept(shown(1), 0.0, INTERVAL_S)
    snapshots.on_press(0.0)
    assert not snapshots.accept(shown(1), 1.0, INTERVAL_S), "an ordinary frame that was in progress"
    assert mode(snapshots, Trigger.PRESS, 1.0) is ALWAYS
    assert snapshots.accept(shown(1, Trigger.PRESS), 1.0, INTERVAL_S)
    assert mode(snapshots, Trigger.PRESS, 2.0) is NEVER
    assert not snapshots.accept(shown(1, Trigger.PRESS), 2.0, INTERVAL_S)


def test_a_frame_in_progress_when_the_bell_rings_again_is_not_of_the_second_ring() -> None:
    snapshots, before, after = Snapshots(), press_frame(1.0), press_frame(2.0)
    snapshots.on_press(0.5)
    assert snapshots.accept(before, 1.0, INTERVAL_S)
    snapshots.on_press(1.5)
    assert not snapshots.accept(before, 2.0, INTERVAL_S)
    assert snapshots.mode(after.frame, 2.0, INTERVAL_S, in_visit=True) is ALWAYS
    assert snapshots.accept(after, 2.0, INTERVAL_S)
    assert not snapshots.accept(after, 2.1, INTERVAL_S)


def test_the_first_face_after_a_snapshot_without_one_gives_one_at_once() -> None:
    snapshots = Snapshots()
    snapshots.on_press(0.0)
    assert snapshots.accept(shown(0, Trigger.PRESS), 0.0, INTERVAL_S)
    assert mode(snapshots, Trigger.PRESS, 1.0) is WITH_FACES
    assert not snapshots.accept(outcome(failure(), Trigger.PRESS), 1.0, INTERVAL_S)
    assert snapshots.accept(shown(1, Trigger.PRESS), 2.0, INTERVAL_S)
    assert not snapshots.accept(shown(1, Trigger.PRESS), 3.0, INTERVAL_S)


def test_a_new_visit_gives_one_at_once() -> None:
    snapshots = Snapshots()
    assert snapshots.accept(shown(1), 0.0, INTERVAL_S)
    assert mode(snapshots, Trigger.CONTINUOUS, 4.0, in_visit=False) is WITH_FACES
    snapshots.on_visit_start()
    assert snapshots.accept(shown(1), 4.0, INTERVAL_S)
