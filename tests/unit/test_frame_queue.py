"""The queue: its order, its limits, and that no frame is lost or duplicated."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.domain import Job, ShedReason, Trigger
from edge_agent.pool.frame_queue import FrameQueue, QueueLimits
from testing.values import job

LIMITS = QueueLimits(frames=10, image_bytes=1000, motion_per_doorbell=2)


def _queue(*jobs: Job) -> FrameQueue:
    queue = FrameQueue(LIMITS)
    for each in jobs:
        queue.offer(each)
    return queue


def _drain(queue: FrameQueue) -> list[Job]:
    taken = []
    while (each := queue.pop()) is not None:
        taken.append(each)
    return taken


def test_press_comes_before_motion_before_continuous() -> None:
    jobs = [job(trigger=trigger) for trigger in (Trigger.CONTINUOUS, Trigger.MOTION, Trigger.PRESS)]
    assert _drain(_queue(*jobs)) == jobs[::-1]


def test_doorbells_are_served_round_robin() -> None:
    front = [job("front", Trigger.PRESS) for _ in range(3)]
    back = [job("back", Trigger.PRESS) for _ in range(2)]
    assert _drain(_queue(*front, *back)) == [front[0], back[0], front[1], back[1], front[2]]


def test_a_newer_continuous_frame_replaces_the_older_one() -> None:
    queue, old, new, other = FrameQueue(LIMITS), job("front"), job("front"), job("back")
    assert queue.offer(old) == []
    assert queue.offer(other) == []
    (evicted,) = queue.offer(new)
    assert (evicted.job, evicted.reason) == (old, ShedReason.SUPERSEDED)
    assert set(_drain(queue)) == {new, other}


def test_motion_frames_are_limited_to_their_share() -> None:
    jobs = [job(trigger=Trigger.MOTION) for _ in range(3)]
    assert _drain(_queue(*jobs)) == jobs[1:]


def test_a_press_evicts_the_oldest_frame_of_the_lowest_priority() -> None:
    ordinary = [job(f"door{number}") for number in range(10)]
    queue, urgent = _queue(*ordinary), job("front", Trigger.PRESS)
    (evicted,) = queue.offer(urgent)
    assert evicted.job in ordinary
    assert evicted.reason is ShedReason.OVERLOAD
    assert queue.pop() is urgent


def test_an_ordinary_frame_never_evicts_a_press() -> None:
    queue, ordinary = _queue(*(job(trigger=Trigger.PRESS) for _ in range(10))), job("back")
    assert [each.job for each in queue.offer(ordinary)] == [ordinary]
    assert len(queue) == 10


def test_a_picture_larger_than_the_queue_is_refused() -> None:
    large = job(trigger=Trigger.PRESS, image=b"x" * 1001)
    queue = _queue(job("back"))
    assert [each.job for each in queue.offer(large)] == [large]
    assert len(queue) == 1


def test_bytes_are_limited_too() -> None:
    small, large = job("front", image=b"x" * 600), job("back", Trigger.PRESS, image=b"x" * 600)
    queue = _queue(small)
    assert [each.job for each in queue.offer(large)] == [small]
    assert queue.image_bytes == 600


def test_requeued_frames_are_taken_first() -> None:
    first, second = job("front", Trigger.PRESS), job("back", Trigger.PRESS)
    queue = _queue(first, second)
    taken = queue.pop()
    assert taken is not None
    queue.put_back(taken)
    assert _drain(queue) == [first, second]


def test_frames_requeued_last_are_taken_after_others_of_their_trigger() -> None:
    suspect, other, ordinary = job("front", Trigger.PRESS), job("back", Trigger.PRESS), job("side")
    queue = _queue(other, ordinary)
    queue.put_last(suspect)
    assert _drain(queue) == [other, suspect, ordinary]


def test_prioritize_turns_queued_frames_of_one_doorbell_into_press_frames() -> None:
    front, back = job("front"), job("back")
    queue = _queue(back, front)
    assert queue.prioritize("front", lambda each: each) == 1
    taken = queue.pop()
    assert taken is not None
    assert (taken.frame.doorbell, taken.frame.trigger) == ("front", Trigger.PRESS)
    assert queue.pop() is back


def test_expire_removes_late_frames() -> None:
    early, late = job("front", expires_s=1.0), job("back", expires_s=2.0)
    queue = _queue(early, late)
    assert queue.next_expiry_s() == 1.0
    assert queue.expire(1.0) == [early]
    assert queue.expire(1.5) == []
    assert queue.next_expiry_s() == 2.0


def test_clear_can_keep_presses() -> None:
    urgent, ordinary = job(trigger=Trigger.PRESS), job()
    queue = _queue(urgent, ordinary)
    assert queue.clear(keep=Trigger.PRESS) == [ordinary]
    assert queue.clear() == [urgent]
    assert queue.image_bytes == len(queue) == 0


@settings(deadline=None, max_examples=60)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["offer", "take", "put_back", "promote", "expire"]),
            st.sampled_from(["front", "back", "side"]),
            st.sampled_from(Trigger),
            st.integers(1, 400),
        ),
        max_size=60,
    )
)
def test_no_frame_is_lost_or_duplicated(steps: list[tuple[str, str, Trigger, int]]) -> None:
    queue, offered, gone, held = FrameQueue(LIMITS), Counter[str](), Counter[str](), list[Job]()
    for now, (step, doorbell, trigger, size) in enumerate(steps):
        if step == "offer":
            new = job(doorbell, trigger, image=b"x" * size, expires_s=now + size / 40)
            offered[new.frame.event_id] += 1
            gone.update(each.job.frame.event_id for each in queue.offer(new))
        elif step == "take" and (taken := queue.pop()) is not None:
            held.append(taken)
        elif step == "put_back" and held:
            queue.put_back(held.pop())
        elif step == "promote":
            queue.prioritize(doorbell, lambda each: replace(each, expires_s=each.expires_s + 5))
        elif step == "expire":
            gone.update(each.frame.event_id for each in queue.expire(float(now)))
            assert all(each.expires_s > now for each in queue)
        assert len(queue) <= LIMITS.frames + len(steps)
        assert queue.image_bytes == sum(len(each.frame.image) for each in queue)
        assert len(queue) == sum(queue.depths().values())
        assert queue.depths() == {each: sum(job.frame.trigger is each for job in queue) for each in Trigger}
        due_s = queue.next_expiry_s()
        assert all(due_s is not None and due_s <= each.expires_s for each in queue), "it would not be processed in time"
    gone.update(each.frame.event_id for each in [*held, *_drain(queue)])
    assert gone == offered
