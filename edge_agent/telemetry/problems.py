"""The problems of the agent: pure rules, from a snapshot to problems with a code and a sentence."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final, Literal

from edge_agent.pool.views import AcceleratorState, SlotState
from edge_agent.reasons import FailureReason
from edge_agent.telemetry.problem_codes import FAILURES, SENTENCES, ProblemCode

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from edge_agent.capture.views import CameraView
    from edge_agent.mqtt.suspects import Blocked
    from edge_agent.platform.host_metrics import HostView
    from edge_agent.pool.views import AcceleratorView, PoolView, WorkerView
    from edge_agent.reasons import ConnectError
    from edge_agent.telemetry.timings import RecentView

Severity = Literal["degraded", "failed"]

CLEAR_S: Final = 5.0
REPLACING_S: Final = 3.0
"""A worker that died is replaced within a tenth of a second; only a longer absence is a problem."""
NONE_WORKS_S: Final = 30.0
DEATHS: Final = 3
"""So many deaths of workers within WINDOW_S are a problem."""
WINDOW_S: Final = 60.0
LOSSES: Final = 3
"""So many lost connections within WINDOW_S are a problem of their own."""
BROKER_S, FIRST_BROKER_S = 3.0, 10.0
"""A connection that returns at once is not a problem, and the first one takes a moment."""
CAMERA_S: Final = 10.0
"""Many cameras that lose their connection are back sooner."""
MIN_FRAMES: Final = 5
"""Fewer frames are too few for a share."""
TOO_MANY: Final = (FailureReason.OVERLOAD, FailureReason.EXPIRED)
"""Why frames are dropped when more arrive than can be processed."""
DROPPED_SHARE: Final = 0.1
FAILED_SHARE: Final = 0.5
HOT_C, COOL_C = 80.0, 75.0
"""A Raspberry Pi throttles its processor from 80 degrees Celsius on."""
LOW_MEMORY_SHARE, ENOUGH_MEMORY_SHARE = 0.05, 0.08
LOW_DISK_BYTES, ENOUGH_DISK_BYTES = 50_000_000, 80_000_000

STRATEGIES: Final = ("edgetpu", "gpu", "openvino", "cpu", "mock")
"""Best first."""
NAMES: Final = {"edgetpu": "Coral", "gpu": "GPU", "openvino": "OpenVINO"}


@dataclass(frozen=True, slots=True)
class Problem:
    """A problem. `about` says which worker, detector or reason, if there are several of one code.

    It counts after it has lasted `appear_s`, and until it has been gone for `clear_s`.
    """

    code: ProblemCode
    text: str
    about: str = ""
    severity: Severity = "degraded"
    appear_s: float = 0.0
    clear_s: float = CLEAR_S


@dataclass(frozen=True, slots=True)
class BrokerView:
    """The connection to the broker: whether it is up, since when, and why not (`detail`: as a sentence).

    `connections` counts those since the start, `losses` the lost ones of the last minute; `refused` is a sentence about
    what the broker denies.
    """

    connected: bool
    since_at: datetime
    protocol: str = ""
    connections: int = 0
    reason: ConnectError | None = None
    detail: str = ""
    refused: str = ""
    losses: int = 0


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The input of the rules: recent `deaths` of workers, and `faults`: sentences of other rooms, by code."""

    pool: PoolView
    broker: BrokerView
    host: HostView
    recent: RecentView
    now_at: datetime
    deaths: int = 0
    faults: dict[ProblemCode, str] = field(default_factory=dict)
    cameras: tuple[CameraView, ...] = ()


def find_problems(snapshot: Snapshot, known: frozenset[ProblemCode] = frozenset()) -> tuple[Problem, ...]:
    """Return the problems, the worst first; `known` are the codes of the previous problems.

    An accelerator that was never present is not a problem: the default settings list all of them.
    """
    return (
        *_of_workers(snapshot),
        *_of_detectors(snapshot),
        *_of_broker(snapshot.broker),
        *_of_frames(snapshot.recent),
        *_of_cameras(snapshot.cameras),
        *(_problem(code, why=text) for code, text in snapshot.faults.items() if text),
        *_of_host(snapshot.host, known),
    )


def _problem(code: ProblemCode, about: str = "", **details: object) -> Problem:
    return Problem(code, SENTENCES[code].format(about=about, **details), about)


def _of_workers(snapshot: Snapshot) -> Iterator[Problem]:
    workers = snapshot.pool.workers
    if workers and not snapshot.pool.working():
        given_up = all(worker.state is SlotState.CIRCUIT_OPEN for worker in workers)
        problem = _problem(ProblemCode.NO_WORKERS, why=_last_error(workers) or "did not become ready")
        yield replace(problem, severity="failed", appear_s=0.0 if given_up else NONE_WORKS_S)
    for worker in workers:
        yield from _of_worker(worker)
    if snapshot.deaths >= DEATHS:
        yield _problem(ProblemCode.WORKERS_DYING, deaths=snapshot.deaths, why=_last_error(workers))


def _last_error(workers: Iterable[WorkerView]) -> str:
    return next((worker.last_error.text for worker in workers if worker.last_error), "")


def _of_worker(worker: WorkerView) -> Iterator[Problem]:
    about, why = str(worker.slot), _last_error((worker,))
    match worker.state:
        case SlotState.CIRCUIT_OPEN:
            yield _problem(ProblemCode.WORKER_CIRCUIT_OPEN, about, why=why)
        case SlotState.BACKOFF | SlotState.EXITING:
            yield replace(_problem(ProblemCode.WORKER_AWAY, about, why=why), appear_s=REPLACING_S)
        case _:
            pass


def _of_detectors(snapshot: Snapshot) -> Iterator[Problem]:
    for each in snapshot.pool.accelerators:
        if each.lost_for_s is not None and each.state is not AcceleratorState.OFF:
            yield _lost(each, snapshot)
    for missing in snapshot.pool.unavailable:
        what = f"{missing.strategy} {missing.model}"
        yield _problem(ProblemCode.DETECTOR_UNAVAILABLE, what, why=missing.fault.text)


def _lost(accelerator: AcceleratorView, snapshot: Snapshot) -> Problem:
    """Return the loss: `Coral lost since 14:02 (reason); running on the CPU, about 6 times slower`."""
    return _problem(
        ProblemCode.ACCELERATOR_LOST,
        f"{accelerator.strategy} {accelerator.device}",
        name=NAMES.get(accelerator.strategy, accelerator.strategy),
        since=_clock(lost_at(accelerator, snapshot.now_at)),
        why=accelerator.fault.text if accelerator.fault else "",
        instead=_instead(accelerator.strategy, snapshot.pool),
    )


def _instead(lost: str, pool: PoolView) -> str:
    used = strategy_in_use(pool)
    return (
        "nothing replaces it yet"
        if used == "none"
        else f"running on the {used.upper()}{_slower(lost, used, pool.service_ms)}"
    )


def _slower(lost: str, instead: str, service_ms: dict[str, float]) -> str:
    """Return how much slower it is, if both were measured."""
    before, after = service_ms.get(lost), service_ms.get(instead)
    if not before or not after or after < 1.5 * before:
        return ""
    return f", about {after / before:.0f} times slower"


def _of_broker(broker: BrokerView) -> Iterator[Problem]:
    if not broker.connected:
        why = broker.detail or "no answer yet"
        problem = _problem(ProblemCode.BROKER_LOST, since=_clock(broker.since_at), why=why)
        yield replace(problem, appear_s=BROKER_S if broker.connections else FIRST_BROKER_S, clear_s=2 * CLEAR_S)
    if broker.refused:
        yield _problem(ProblemCode.BROKER_REFUSES, why=broker.refused)
    if broker.losses >= LOSSES:
        yield _problem(ProblemCode.BROKER_UNSTABLE, losses=broker.losses, why=broker.detail)


def refusal(filters: tuple[str, ...], published: tuple[str, ...], blocked: tuple[Blocked, ...] = ()) -> str:
    """Return a sentence about what the broker denies, or ends the connection for; or ''."""
    topics = (*published, *(each.topic for each in blocked if not each.is_large and each.topic not in published))
    both = (("the subscription to", filters), ("messages to", topics))
    parts = [f"{what} {refused[0]}{_more(len(refused) - 1)}" for what, refused in both if refused]
    denied = f"The broker refuses {' and '.join(parts)}: allow it in the broker's access list, see docs/mqtt.md"
    return "; ".join([*([denied] if parts else []), *map(_too_large, (each for each in blocked if each.is_large))])


def _too_large(blocked: Blocked) -> str:
    return (
        f"The broker ends the connection on a message of {blocked.size_bytes / 1000:.0f} kB to {blocked.topic}, so the"
        " pictures are smaller now: raise its limit (mosquitto: max_packet_size, message_size_limit)"
    )


def _more(count: int) -> str:
    return f" and {count} more" if count else ""


def _of_frames(recent: RecentView) -> Iterator[Problem]:
    """Yield the problems of frames; skipped frames do not count."""
    late = sum(recent.shed.get(reason, 0) for reason in TOO_MANY)
    wanted = recent.detected + sum(recent.failed.values()) + late
    if wanted < MIN_FRAMES:
        return
    dropped = late + sum(recent.failed.get(reason, 0) for reason in TOO_MANY)
    if dropped >= DROPPED_SHARE * wanted:
        share = round(100 * dropped / wanted)
        yield _problem(ProblemCode.OVERLOAD, share=share)
    for reason, count in recent.failed.items():
        if reason not in TOO_MANY and count >= FAILED_SHARE * wanted:
            why = FAILURES[FailureReason(reason)]
            yield _problem(ProblemCode.FRAMES_FAILING, reason, count=count, wanted=wanted, why=why)


def _of_cameras(cameras: tuple[CameraView, ...]) -> Iterator[Problem]:
    for camera in cameras:
        if camera.fault:
            yield replace(_problem(ProblemCode.CAMERA_AWAY, camera.doorbell, why=camera.fault), appear_s=CAMERA_S)


def _of_host(host: HostView, known: frozenset[ProblemCode]) -> Iterator[Problem]:
    """Yield the problems of the host; a known problem ends only at a clearly better value (hysteresis)."""
    temperature_c = host.cpu_temperature_c
    if temperature_c is not None and temperature_c >= (COOL_C if ProblemCode.HOT in known else HOT_C):
        yield _problem(ProblemCode.HOT, temperature_c=temperature_c)
    if host.throttled:
        yield _problem(ProblemCode.THROTTLED)
    if host.under_voltage:
        yield _problem(ProblemCode.UNDER_VOLTAGE)
    free, total = host.memory_free_bytes, host.memory_total_bytes
    if (
        free is not None
        and total
        and free < total * (ENOUGH_MEMORY_SHARE if ProblemCode.MEMORY_LOW in known else LOW_MEMORY_SHARE)
    ):
        yield _problem(ProblemCode.MEMORY_LOW, free_mb=free / 1e6)
    free = host.disk_free_bytes
    if free is not None and free < (ENOUGH_DISK_BYTES if ProblemCode.DISK_LOW in known else LOW_DISK_BYTES):
        yield _problem(ProblemCode.DISK_LOW, free_mb=free / 1e6)


def lost_at(accelerator: AcceleratorView, now_at: datetime) -> datetime | None:
    """Return when an accelerator that was in use was lost, or None."""
    return None if accelerator.lost_for_s is None else now_at - timedelta(seconds=accelerator.lost_for_s)


def strategy_in_use(view: PoolView) -> str:
    """Return the best strategy that a working worker uses, or `none`."""
    working = {SlotState.IDLE, SlotState.BUSY}
    used = {worker.detector.strategy for worker in view.workers if worker.detector and worker.state in working}
    return next((strategy for strategy in STRATEGIES if strategy in used), "none")


def _clock(at: datetime | None) -> str:
    return f"{at.astimezone():%H:%M}" if at else ""
