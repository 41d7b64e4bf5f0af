"""What is wrong, in words for people: pure rules, from a snapshot to problems."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Final, Literal

from edge_agent.pool.views import AcceleratorState, SlotState

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from edge_agent.capture.views import CameraView
    from edge_agent.platform.host_metrics import HostView
    from edge_agent.pool.views import AcceleratorView, PoolView, WorkerView
    from edge_agent.telemetry.timings import RecentView

Severity = Literal["degraded", "failed"]

CLEAR_S: Final = 5.0
REPLACING_S: Final = 3.0
"""A worker that died is replaced in a tenth of a second; only one that stays away longer is a problem."""
NONE_WORKS_S: Final = 30.0
DEATHS: Final = 3
"""So many deaths of workers within DEATHS_WINDOW_S are more than bad luck."""
DEATHS_WINDOW_S: Final = 60.0
BROKER_S, FIRST_BROKER_S = 3.0, 10.0
"""A connection that comes back at once is no problem, and the first one takes a moment."""
CAMERA_S: Final = 10.0
"""Many cameras that lose their connection are back sooner."""
UNREACHABLE: Final = "no connection to the broker at "
"""How the reasons of BrokerUnreachableError begin, which the sentence says already."""
MIN_FRAMES: Final = 5
"""Fewer frames say nothing about shares."""
TOO_MANY: Final = ("overload", "expired")
"""Why frames are dropped when more come than can be looked at."""
DROPPED_SHARE: Final = 0.1
FAILED_SHARE: Final = 0.5
HOT_C, COOL_C = 80.0, 75.0
"""A Raspberry Pi slows down from 80 degrees Celsius on."""
LOW_MEMORY_SHARE, ENOUGH_MEMORY_SHARE = 0.05, 0.08
LOW_DISK_BYTES, ENOUGH_DISK_BYTES = 50_000_000, 80_000_000

STRATEGIES: Final = ("edgetpu", "gpu", "cpu", "mock")
"""Best first."""
CODES: Final = (
    "no_workers", "worker_circuit_open", "worker_away", "workers_dying", "accelerator_lost", "detector_unavailable",
    "broker_lost", "broker_refuses", "overload", "frames_failing", "camera_away", "state", "quarantine", "heartbeat",
    "hot", "throttled", "under_voltage", "memory_low", "disk_low",
)  # fmt: skip
"""Every kind of problem."""
NAMES: Final = {"edgetpu": "Coral", "gpu": "GPU"}
FAILURES: Final = {
    "bad_image": "could not be read: look at what the camera sends",
    "too_large": "were too large: images.max_megapixels and images.max_megabytes say what is taken",
    "expired": "waited too long for a free worker",
    "overload": "came while too many were waiting",
    "timeout": "took too long to be looked at",
    "quarantined": "ended the workers that looked at them",
    "detector_error": "failed in the detector",
}


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is wrong. `code` is what kind of thing, and `about` which of its kind, where there are several.

    It counts after it was so for `appear_s`, and until it was not so for `clear_s`.
    """

    code: str
    text: str
    about: str = ""
    severity: Severity = "degraded"
    appear_s: float = 0.0
    clear_s: float = CLEAR_S


@dataclass(frozen=True, slots=True)
class BrokerView:
    """The connection to the broker: whether it stands, since when, and why not.

    `connections` counts those since the start; `refused` is what the broker does not allow, in words.
    """

    connected: bool
    since_at: datetime
    protocol: str = ""
    connections: int = 0
    reason: str = ""
    refused: str = ""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All that the rules look at: `deaths` of workers lately, and `faults`, sentences of other parts by code."""

    pool: PoolView
    broker: BrokerView
    host: HostView
    recent: RecentView
    now_at: datetime
    deaths: int = 0
    faults: dict[str, str] = field(default_factory=dict)
    cameras: tuple[CameraView, ...] = ()


def find_problems(snapshot: Snapshot, known: frozenset[str] = frozenset()) -> tuple[Problem, ...]:
    """Return what is wrong, the worst first; `known` are the codes of what was wrong before.

    An accelerator that was never there is no problem: the default settings ask for all of them.
    """
    return (
        *_of_workers(snapshot),
        *_of_detectors(snapshot),
        *_of_broker(snapshot.broker),
        *_of_frames(snapshot.recent),
        *_of_cameras(snapshot.cameras),
        *(Problem(code, text) for code, text in snapshot.faults.items() if text),
        *_of_host(snapshot.host, known),
    )


def _of_workers(snapshot: Snapshot) -> Iterator[Problem]:
    workers = snapshot.pool.workers
    if workers and not snapshot.pool.working():
        given_up = all(worker.state is SlotState.CIRCUIT_OPEN for worker in workers)
        why = next((worker.last_error for worker in workers if worker.last_error), "they do not become ready")
        text = f"No worker can be kept alive, so no picture is looked at: the last one {why}"
        yield Problem("no_workers", text, severity="failed", appear_s=0.0 if given_up else NONE_WORKS_S)
    for worker in workers:
        yield from _of_worker(worker)
    if snapshot.deaths >= DEATHS:
        why = next((worker.last_error for worker in workers if worker.last_error), "")
        text = f"Workers died {snapshot.deaths} times in the last minute; one {why}"
        yield Problem("workers_dying", text)


def _of_worker(worker: WorkerView) -> Iterator[Problem]:
    about = str(worker.slot)
    match worker.state:
        case SlotState.CIRCUIT_OPEN:
            yield Problem(
                "worker_circuit_open",
                f"Worker {about} died too often and rests; the last one {worker.last_error}",
                about,
            )
        case SlotState.BACKOFF | SlotState.EXITING:
            text = f"Worker {about} is being replaced: the last one {worker.last_error}"
            yield Problem("worker_away", text, about, appear_s=REPLACING_S)
        case _:
            pass


def _of_detectors(snapshot: Snapshot) -> Iterator[Problem]:
    for each in snapshot.pool.accelerators:
        if each.lost_for_s is not None and each.state is not AcceleratorState.OFF:
            yield Problem("accelerator_lost", _loss(each, snapshot), f"{each.strategy} {each.device}")
    for missing in snapshot.pool.unavailable:
        what = f"{missing.strategy} {missing.model}"
        yield Problem("detector_unavailable", f"The detector {what} cannot be used: {missing.reason}", what)


def _loss(accelerator: AcceleratorView, snapshot: Snapshot) -> str:
    """Return the loss as a sentence: `Coral lost since 14:02 (reason); running on the CPU, about 6 times slower`."""
    name = NAMES.get(accelerator.strategy, accelerator.strategy)
    since = _clock(lost_at(accelerator, snapshot.now_at))
    instead = strategy_in_use(snapshot.pool)
    if instead == "none":
        return f"{name} lost since {since} ({accelerator.reason}); nothing stands in yet"
    return (
        f"{name} lost since {since} ({accelerator.reason}); running on the {instead.upper()}"
        f"{_slower(accelerator.strategy, instead, snapshot.pool.service_ms)}"
    )


def _slower(lost: str, instead: str, service_ms: dict[str, float]) -> str:
    """Return how much slower it is, where both were measured."""
    before, after = service_ms.get(lost), service_ms.get(instead)
    if not before or not after or after < 1.5 * before:
        return ""
    return f", about {after / before:.0f} times slower"


def _of_broker(broker: BrokerView) -> Iterator[Problem]:
    if not broker.connected:
        why = broker.reason.removeprefix(UNREACHABLE) or "it has not answered yet"
        text = f"No connection to the broker since {_clock(broker.since_at)}: {why}"
        yield Problem(
            "broker_lost", text, appear_s=BROKER_S if broker.connections else FIRST_BROKER_S, clear_s=2 * CLEAR_S
        )
    if broker.refused:
        yield Problem("broker_refuses", broker.refused)


def refusal(filters: tuple[str, ...], published: tuple[str, ...]) -> str:
    """Return as a sentence what the broker does not let the agent subscribe and publish to; '': it lets it."""
    both = (("the subscription to", filters), ("what is published to", published))
    parts = [f"{what} {refused[0]}{_more(len(refused) - 1)}" for what, refused in both if refused]
    if not parts:
        return ""
    return f"The broker refuses {' and '.join(parts)}: its access list must allow it, see docs/mqtt.md"


def _more(count: int) -> str:
    return f" and {count} more" if count else ""


def _of_frames(recent: RecentView) -> Iterator[Problem]:
    """Yield what is wrong with frames; those that are no news say nothing of the others."""
    late = sum(recent.shed.get(reason, 0) for reason in TOO_MANY)
    wanted = recent.detected + sum(recent.failed.values()) + late
    if wanted < MIN_FRAMES:
        return
    dropped = late + sum(recent.failed.get(reason, 0) for reason in TOO_MANY)
    if dropped >= DROPPED_SHARE * wanted:
        share = round(100 * dropped / wanted)
        text = f"Pictures come faster than they can be looked at: {share} % of the last seconds' were dropped"
        yield Problem("overload", text)
    for reason, count in recent.failed.items():
        if reason not in TOO_MANY and count >= FAILED_SHARE * wanted:
            text = f"{count} of the last {wanted} pictures {FAILURES[reason]}"
            yield Problem("frames_failing", text, reason)


def _of_cameras(cameras: tuple[CameraView, ...]) -> Iterator[Problem]:
    for camera in cameras:
        if camera.fault:
            text = f"The camera of {camera.doorbell} is away: {camera.fault}"
            yield Problem("camera_away", text, camera.doorbell, appear_s=CAMERA_S)


def _of_host(host: HostView, known: frozenset[str]) -> Iterator[Problem]:
    """Yield what is wrong with the machine; what was wrong before must be clearly better to be right again."""
    temperature_c = host.cpu_temperature_c
    if temperature_c is not None and temperature_c >= (COOL_C if "hot" in known else HOT_C):
        yield Problem("hot", f"The processor is {temperature_c:.0f} °C hot and may be slowed down: give it air")
    if host.throttled:
        yield Problem("throttled", "The processor is slowed down by the machine, for heat or for want of power")
    if host.under_voltage:
        text = "The power supply gives too little voltage: use one that is made for this board, and a short cable"
        yield Problem("under_voltage", text)
    free, total = host.memory_free_bytes, host.memory_total_bytes
    if (
        free is not None
        and total
        and free < total * (ENOUGH_MEMORY_SHARE if "memory_low" in known else LOW_MEMORY_SHARE)
    ):
        text = f"Only {free / 1e6:.0f} MB of memory are free: end other programs, or use fewer workers (pool.workers)"
        yield Problem("memory_low", text)
    free = host.disk_free_bytes
    if free is not None and free < (ENOUGH_DISK_BYTES if "disk_low" in known else LOW_DISK_BYTES):
        yield Problem("disk_low", f"Only {free / 1e6:.0f} MB are free on the disk: what is set may not be remembered")


def lost_at(accelerator: AcceleratorView, now_at: datetime) -> datetime | None:
    """Return since when an accelerator that was in use is not, or None: it is, or never was."""
    return None if accelerator.lost_for_s is None else now_at - timedelta(seconds=accelerator.lost_for_s)


def strategy_in_use(view: PoolView) -> str:
    """Return the best strategy that a working worker uses, or `none`."""
    working = {SlotState.IDLE, SlotState.BUSY}
    used = {worker.detector.strategy for worker in view.workers if worker.detector and worker.state in working}
    return next((strategy for strategy in STRATEGIES if strategy in used), "none")


def _clock(at: datetime | None) -> str:
    return f"{at.astimezone():%H:%M}" if at else ""
